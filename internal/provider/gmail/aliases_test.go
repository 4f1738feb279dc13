package gmail

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// TestAliasList: what Google tells of each address, and what an answer that is
// none means.
func TestAliasList(t *testing.T) {
	body := `{"sendAs":[
		{"sendAsEmail":"ada@acme.example","displayName":"Ada","isPrimary":true,"isDefault":false,"smtpMsa":{"host":"x"}},
		{"sendAsEmail":"sales@acme.example","displayName":"Sales","isDefault":true,"treatAsAlias":true,"verificationStatus":"accepted"},
		{"sendAsEmail":"ada@elsewhere.example","verificationStatus":"pending"}]}`
	var a api
	p := a.openAt(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/gmail/v1/users/me/settings/sendAs" {
			t.Errorf("asked for %s", r.URL)
		}
		fmt.Fprint(w, body)
	})
	want := []provider.Alias{
		{Address: "ada@acme.example", Name: "Ada", Primary: true, Verified: true},
		{Address: "sales@acme.example", Name: "Sales", Default: true, Verified: true},
		{Address: "ada@elsewhere.example"},
	}
	got, err := p.(provider.Aliaser).Aliases(t.Context())
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("aliases: %v (-want +got):\n%s", err, d)
	}
	if s := p.(looker).proveAliases(t.Context()); s.Detail != "ada@acme.example, sales@acme.example, ada@elsewhere.example (not verified)" {
		t.Errorf("step: %+v", s)
	}
	for status, class := range map[int]provider.Class{503: provider.Retry, 404: provider.Retry, 403: provider.Hold, 429: provider.Park} {
		var a api
		p := a.openAt(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		_, err := p.(provider.Aliaser).Aliases(t.Context())
		if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != class {
			t.Errorf("%d: %v, want %v", status, err, class)
		}
	}
}

// TestProveMailbox: the mailbox that the credential opens is the account's, as
// Gmail compares addresses.
func TestProveMailbox(t *testing.T) {
	for found, wrong := range map[string]bool{"Ada@ACME.example": false, "eve@acme.example": true, "": true} {
		var a api
		p := a.openAt(t, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"emailAddress":%q,"messagesTotal":1}`, found)
		})
		s := p.(looker).proveMailbox(t.Context())
		if (s.Err != nil) != wrong || wrong && (s.Err.Cause != "wrong_mailbox" || !strings.Contains(s.Err.Text, found) || !strings.Contains(s.Err.Text, "ada@acme.example")) {
			t.Errorf("%q: %+v %v", found, s, s.Err)
		}
		if s.Err == nil && s.Detail != found+", 1 message" {
			t.Errorf("seen: %s", s.Detail)
		}
	}
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"a.d.a@gmail.com", "ADA@googlemail.com", true},
		{"a.da@acme.example", "ada@acme.example", false},
		{"ada@gmail.com", "ada@acme.example", false},
	} {
		if sameMailbox(c.a, c.b) != c.same {
			t.Errorf("%s and %s: want same: %v", c.a, c.b, c.same)
		}
	}
}

// TestProveSend: how Gmail turns an empty message down tells whether sending is
// allowed; a refused token is renewed once.
func TestProveSend(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		cause  string // empty: the step is good
		calls  int
	}{
		"empty":        {400, `{"error":{"message":"'raw' RFC822 payload message string or uploading message via /upload/* URL required","errors":[{"reason":"invalidArgument"}]}}`, "", 1},
		"no recipient": {400, `{"error":{"message":"Recipient address required","errors":[{"reason":"invalidArgument"}]}}`, "", 1},
		"scope":        {403, `{"error":{"message":"Request had insufficient authentication scopes.","errors":[{"reason":"insufficientPermissions"}]}}`, "scope_missing", 1},
		"API off":      {403, `{"error":{"message":"Gmail API has not been used in project 7 before or it is disabled. Enable it by visiting https://console.example/x then retry.","errors":[{"reason":"accessNotConfigured"}]}}`, "api_disabled", 1},
		"token":        {401, `{"error":{"message":"Invalid Credentials","errors":[{"reason":"authError"}]}}`, provider.CauseTokenRefused, 2},
		"no mailbox":   {400, `{"error":{"message":"Precondition check failed.","errors":[{"reason":"failedPrecondition"}]}}`, provider.CausePrecondition, 1},
		"down":         {503, ``, "gmail_down", 1},
		"a proxy":      {400, `<html>`, "unexpected_answer", 1},
		"a yes":        {200, `{"id":"1"}`, "unexpected_answer", 1},
	} {
		var a api
		p := a.openAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		_, s := p.(looker).proveSend(t.Context())
		cause := ""
		if s.Err != nil {
			cause = s.Err.Cause
			if s.Err.Class == provider.Unknown {
				t.Errorf("%s: nothing was handed over, and the class is unknown", name)
			}
		}
		if cause != c.cause || len(a.requests) != c.calls || s.Name != "scope:send" {
			t.Errorf("%s: %+v after %d calls, want cause %q after %d", name, s, len(a.requests), c.cause, c.calls)
		}
		if len(a.bodies) > 0 && email.Bytes(a.bodies[0]).Size() != int64(len(`{"raw":""}`)) {
			t.Errorf("%s: handed in %s", name, a.bodies[0])
		}
	}
}
