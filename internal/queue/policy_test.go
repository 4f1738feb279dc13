package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"gatepost/internal/email"
)

// The table is part of the API: what a type means does not change by accident.
func TestPolicies(t *testing.T) {
	for name, want := range map[string]Policy{
		"otp":                {Lane: email.Urgent, Life: 10 * time.Minute, OnUnknown: email.Retry, Security: true},
		"verification_code":  {Lane: email.Urgent, Life: 10 * time.Minute, OnUnknown: email.Retry, Security: true},
		"two_factor":         {Lane: email.Urgent, Life: 10 * time.Minute, OnUnknown: email.Retry, Security: true},
		"authentication":     {Lane: email.Urgent, Life: 15 * time.Minute, OnUnknown: email.Retry, Security: true},
		"password_reset":     {Lane: email.Urgent, Life: time.Hour, OnUnknown: email.Retry, Security: true},
		"account_activation": {Lane: email.Urgent, Life: time.Hour, OnUnknown: email.Retry, Security: true},
		"confirmation":       {Lane: email.Normal, Life: 24 * time.Hour, Keep: 30 * 24 * time.Hour, OnUnknown: email.Reconcile},
		"notification":       {Lane: email.Normal, Life: 24 * time.Hour, Keep: 30 * 24 * time.Hour, OnUnknown: email.Reconcile},
		"reminder":           {Lane: email.Normal, Life: 24 * time.Hour, Keep: 30 * 24 * time.Hour, OnUnknown: email.Reconcile},
		"invoice":            {Lane: email.Normal, Keep: 90 * 24 * time.Hour, OnUnknown: email.Reconcile},
		"billing_statement":  {Lane: email.Normal, Keep: 90 * 24 * time.Hour, OnUnknown: email.Reconcile},
		"general":            {Lane: email.Normal, Keep: 30 * 24 * time.Hour, OnUnknown: email.Reconcile},
	} {
		want.Type = name
		if got, ok := PolicyOf(name); !ok || got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if _, ok := PolicyOf("newsletter"); ok || len(Types()) != 12 {
		t.Errorf("types: %v", Types())
	}
}

// A request that was made under an idempotency key before gatepost knew more
// fields is the same request when it is repeated after.
func TestFingerprintOfOldRequestsStays(t *testing.T) {
	from, _ := email.NewAddress("Ada", "ada@acme.example")
	to, _ := email.NewAddress("", "bob@example.com")
	for name, c := range map[string]struct {
		sub  Submission
		want string
	}{
		"parts": {Submission{
			Account: "acc_1", From: &from, To: []email.Address{to}, Subject: "Hi", Text: "t", HTML: "<p>t</p>",
			Headers: []Header{{Name: "X-A", Value: "b"}}, Attachments: []Attachment{{Filename: "a.txt", ContentType: "text/plain", Content: []byte("abc")}},
			Tags: []string{"x"}, Metadata: map[string]string{"k": "v"}, OnUnknown: email.Hold, Type: "invoice", IdempotencyKey: "key",
		}, "09b61cb84df5f104"},
		"raw": {Submission{Raw: []byte("From: a@b.example\r\n\r\n"), IdempotencyKey: "key"}, "3c75c25aa4137dbc"},
	} {
		text, err := c.sub.request()
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:8]); got != c.want {
			t.Errorf("%s: %s, want %s\n%s", name, got, c.want, text)
		}
	}
}

func TestFingerprintTellsNewFieldsApart(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	seen := map[string]string{}
	for name, sub := range map[string]Submission{
		"nothing": {}, "lane": {Lane: "bulk"}, "send_at": {SendAt: at}, "expires_at": {ExpiresAt: at}, "thread": {ThreadID: "1"},
		"in reply to": {InReplyTo: "<1@x>"}, "references": {References: []string{"<1@x>"}}, "no text": {NoText: true},
		"content id": {Attachments: []Attachment{{ContentID: "a"}}}, "upload": {Attachments: []Attachment{{Upload: "upl_1"}}},
	} {
		text, err := sub.request()
		if err != nil {
			t.Fatal(err)
		}
		if other := seen[string(text)]; other != "" {
			t.Errorf("%s is taken for %s", name, other)
		}
		seen[string(text)] = name
	}
	one, _ := Submission{SendAt: at}.request()
	two, _ := Submission{SendAt: at.In(time.FixedZone("", 3600))}.request()
	if string(one) != string(two) {
		t.Error("the same instant in another zone is another request")
	}
}
