package queue

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatepost/internal/provider"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// TestWatch: whoever watches an account sees each step, of all transports and of the calls
// for tokens, when it goes well and when it is refused; and nothing that is secret.
func TestWatch(t *testing.T) {
	w := newTown(t)
	for _, c := range []struct {
		by    way
		fault sandbox.Rule
		want  []string
	}{
		{by: byGmail, want: []string{"> POST " + w.GoogleURL + "/token", "< 200 OK after", "> POST " + w.GoogleURL + "/gmail/v1/users/", "* TLS 1.3"}},
		{by: byGmail, fault: sandbox.Rule{Fault: "gmail", Arg: "domain_policy"}, want: []string{"< 403 Forbidden after", "The domain administrators have disabled Gmail apps."}},
		{by: byGmailConsent, fault: sandbox.Rule{Fault: "google_token", Arg: "session"}, want: []string{"< 400 Bad Request after", "invalid_rapt"}},
		{by: byKeyless, want: []string{"> POST " + w.GoogleURL + "/v1/token", ":signJwt", "/gmail/v1/users/"}},
		{by: byGmailSMTP, want: []string{"> EHLO ", "* TLS 1.3", "> AUTH OAUTHBEARER [redacted]", "< 235 2.7.0 Accepted", "> MAIL FROM:<", "> RCPT TO:<" + townBob + ">", "> DATA", "bytes)", "< 250 2.0.0 OK"}},
		{by: byGmailSMTP, fault: sandbox.Rule{Fault: "unauthorized"}, want: []string{"< 334 (status 400", "< 535 5.7.8"}},
		{by: byGraph, want: []string{"> POST " + w.MicrosoftURL + "/", "/oauth2/v2.0/token", "/sendMail", "< 202 Accepted after"}},
		{by: byGraphConsent, fault: sandbox.Rule{Fault: "aadsts", Arg: "50173"}, want: []string{"AADSTS50173"}},
		{by: byExchange, want: []string{"> AUTH XOAUTH2 [redacted]", "< 235 2.7.0", "> MAIL FROM:<"}},
		{by: byRelay, want: []string{"> STARTTLS", "> AUTH PLAIN [redacted]", "< 235 ", "> RCPT TO:<" + townEve + ">"}},
	} {
		t.Run(string(c.by)+" "+c.fault.Fault, func(t *testing.T) {
			w.t = t
			defer w.mend()
			s := w.open(c.by, "")
			if c.fault.Fault != "" {
				c.fault.Account = s.address
				w.ask(c.fault)
			}
			ctx, cancel := context.WithCancel(t.Context())
			lines, sender, err := w.Watch(ctx, simTeam, s.id)
			w.must(err)
			if sender != "" {
				t.Errorf("another node sends: %s", sender)
			}
			w.write(s, 0)
			one := w.claimOne(s)
			w.settleWith(one, w.attempt(t.Context(), one))
			cancel()
			text := read(lines)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not shown:\n%s", want, text)
				}
			}
			for what, secret := range w.secrets(s) {
				if secret != "" && strings.Contains(unfolded(text), secret[:min(len(secret), 24)]) {
					t.Errorf("%s is shown:\n%s", what, text)
				}
			}
		})
	}
}

// read gives all lines in the form in which they are printed.
func read(lines <-chan provider.WireLine) string {
	arrows := map[string]string{provider.ByGatepost: "> ", provider.ByProvider: "< ", provider.ByNobody: "* "}
	var b strings.Builder
	for l := range lines {
		b.WriteString(arrows[l.Who] + l.Text + "\n")
	}
	return b.String()
}

// unfolded is a text and all that stands in it in base64, also where it was cut.
func unfolded(text string) string {
	all := text
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" \n;,\"", r) }) {
		decoded, _ := base64.StdEncoding.DecodeString(word[:len(word)/4*4])
		all += "\n" + string(decoded)
	}
	return all
}

// secrets are those of an account's set-up, and what its mail contains.
func (w *town) secrets(s seat) map[string]string {
	w.t.Helper()
	all := map[string]string{"the text": townText, "the subject": townSubject}
	a := w.row(s)
	if a.Credential != "" {
		row, secret, err := w.cfg.Vault.Secret(w.t.Context(), simTeam, a.Credential)
		w.must(err)
		for i, part := range strings.Split(secret.Reveal(), `"`) {
			if len(part) > 16 && row.Kind != vault.KindGoogleKeyless && !strings.Contains(part, "://") && !strings.Contains(part, ".iam.") && !strings.HasSuffix(part, ".com") && strings.Count(part, "-") != 4 { // GUIDs name tenants and apps
				all[fmt.Sprint("the credential, part ", i)] = part
			}
		}
	}
	for _, scopes := range [][]string{
		{"https://www.googleapis.com/auth/gmail.send"},
		{"https://mail.google.com/"},
		{"https://graph.microsoft.com/.default"},
		{"https://graph.microsoft.com/Mail.Send"},
		{"https://outlook.office365.com/.default"},
	} {
		token, err := w.cfg.Vault.Token(w.t.Context(), vault.TokenRequest{Team: simTeam, Credential: a.Credential, Subject: s.address, Scopes: scopes})
		if err != nil || token.Empty() {
			continue
		}
		all["the token for "+scopes[0]] = token.Reveal()
	}
	return all
}

// TestWatchCostsNothing: where nobody watches an account, nothing is put into a send's
// context, and nobody who watches one account sees another.
func TestWatchCostsNothing(t *testing.T) {
	w := provider.NewWatches(time.Now)
	ctx := t.Context()
	if w.On(ctx, "acc_1") != ctx {
		t.Error("a context is made though nobody watches")
	}
	watching, cancel := context.WithCancel(ctx)
	lines, err := w.Watch(watching, "acc_1")
	if err != nil {
		t.Fatal(err)
	}
	if w.On(ctx, "acc_2") != ctx {
		t.Error("another account is watched")
	}
	provider.WatchedIn(w.On(ctx, "acc_1")).Say(provider.ByNobody, "Bearer %s", "ya29.secret-token")
	cancel()
	if got := read(lines); got != "* [redacted]\n" {
		t.Errorf("%q", got)
	}
	for range 20 {
		if _, err = w.Watch(ctx, "acc_1"); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("any number may watch")
	}
}

// TestWatchNamesTheSender: an account belongs to one node; on another one whoever watches
// is told which.
func TestWatchNamesTheSender(t *testing.T) {
	r := newRoster("node_a")
	if got := r.other("acc_1"); got != "" {
		t.Errorf("before it has looked, a node takes %s for the sender", got)
	}
	r.see([]store.Node{{ID: "node_a"}, {ID: "node_b"}})
	mine, others := 0, 0
	for i := range 50 {
		account := fmt.Sprint("acc_", i)
		switch got := r.other(account); {
		case got == "" && r.owns(account):
			mine++
		case got == "node_b" && !r.owns(account):
			others++
		default:
			t.Errorf("%s: another node is %q, and it is this one's: %v", account, got, r.owns(account))
		}
	}
	if mine == 0 || others == 0 {
		t.Errorf("%d are this node's and %d another's", mine, others)
	}
}
