package provider

import (
	"strings"
	"testing"
	"time"
)

// What is kept of an unknown answer names nobody and no case; that two are of one kind
// shows in its words.
func TestUnlistedAnswersNameNobody(t *testing.T) {
	secrets := []string{
		"ada@acme.example", "Ada.Lovelace+x@mail.acme.example", "mail.acme.example", "192.0.2.17", "2001:db8::17", "ya29.a0AfH6SMBx", "1//0gabcdefgh",
		"8f14e45f-ceea-467f-a0e6-2b1d3c4b5a69", "19dd223ae5502afd", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "https://console.example/x?project=117&user=ada",
		"4715338", "msg_01m86tgv0ce4ybdnanpnskqz3j", "2026-11-22T06:17:40.021Z", "q1w2e3r4t5", "AbCdEfGhIjKlMnOpQrStUvWxYz",
	}
	for _, secret := range secrets {
		e := Classify(Answer{Stage: StageBody, Code: 554, Reason: "5.7.1", Text: "The widget of " + secret + " is odd, <" + secret + ">"}, time.Now())
		u, ok := AsUnlisted(e)
		if !ok || u.Stage != StageBody || u.Code != 554 {
			t.Fatalf("%s: %+v, %v", secret, u, ok)
		}
		for _, text := range []string{u.Words, u.Sample} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
				t.Errorf("%q is in %q", secret, text)
			}
			if !strings.Contains(strings.ToLower(text), "the widget of") {
				t.Errorf("%q: what it says is gone: %q", secret, text)
			}
		}
	}
	for quoted, want := range map[string]string{
		"400 invalid_grant AADSTS12345678: odd, 12345678": "# invalid_grant aadsts12345678: odd, [id]",
		"Tenant 'Contoso Ltd' is odd":                     "tenant [name] is odd",
		`User "Ada Lovelace" <Ada> of the user's odd box`: "user [name] [name] of the user's odd box",
		"The field 'scope' isn't 'odd'":                   "the field 'scope' isn't 'odd'",
		`"ada lovelace"@acme.example is odd`:              "[name]@[host] is odd",
	} {
		if u, _ := AsUnlisted(&Error{Unlisted: true, Reply: quoted}); u.Words != want {
			t.Errorf("%s: %q", quoted, u.Words)
		}
	}
	words := func(text string) string {
		u, _ := AsUnlisted(Classify(Answer{Stage: StageBody, Code: 554, Text: text}, time.Now()))
		return u.Words
	}
	if a, b := words("Widget 12 of bob@x.example is odd"), words("Widget 7 of eve@other.example is odd"); a != b || a == "" {
		t.Errorf("one kind has two names: %q, %q", a, b)
	}
	if _, ok := AsUnlisted(Classify(Answer{Stage: StageRcpt, Code: 550, Reason: "5.1.1", Text: "No such user"}, time.Now())); ok {
		t.Error("what the catalogue knows is kept as unknown")
	}
}

func FuzzUnlisted(f *testing.F) {
	f.Add("554 5.7.1 <ada@acme.example> \xff https://x.example/?t=ya29.abc")
	f.Fuzz(func(t *testing.T, text string) {
		u, _ := AsUnlisted(&Error{Unlisted: true, Reply: text})
		if len(u.Words) > maxWords || len(u.Sample) > maxSample || strings.Contains(u.Sample, "ada@acme.example") {
			t.Errorf("%+v", u)
		}
	})
}
