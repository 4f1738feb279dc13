package control

import (
	"strings"
	"testing"

	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

const (
	team    = "team@" + sandbox.Domain
	sales   = "sales@" + sandbox.Domain // not confirmed yet
	invoice = "invoice@" + sandbox.Domain
)

// Senders that Google would replace are refused where its list can be read, and the
// account's check finds those that came to be so later.
func TestSendersAreVerified(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		ctx := t.Context()
		key := w.serviceAccount(t, scopes+"send", scopes+"metadata", scopes+"readonly")
		w.google.SetSendAs(ada, sandbox.SendAs{Address: team}, sandbox.SendAs{Address: sales, Verification: "pending"})
		n := NewAccount{Address: ada, Transport: "gmail", Credential: key, Senders: []string{"Team@ACME.example", sales, "@acme.example", invoice, "Ada@acme.example"}}
		_, err := w.CreateAccount(ctx, w.grant, n)
		wantInvalid(t, err, "senders[1]", "Google does not list "+sales)
		wantInvalid(t, err, "senders[3]", "Send mail as")
		if strings.Contains(err.Error(), "senders[0]") || strings.Contains(err.Error(), "senders[2]") || strings.Contains(err.Error(), "senders[4]") {
			t.Errorf("good senders are refused: %v", err)
		}
		n.Senders = []string{team}
		a, err := w.CreateAccount(ctx, w.grant, n)
		must(t, err)
		bad := []string{team, invoice}
		_, err = w.UpdateAccount(ctx, w.grant, a.ID, ChangeAccount{Senders: &bad})
		wantInvalid(t, err, "senders[1]", invoice)
		if now, err := w.Account(ctx, w.grant, a.ID); err != nil || len(now.Senders) != 1 {
			t.Errorf("a refused change changed %+v %v", now, err)
		}
		p, err := w.CheckAccount(ctx, w.grant, a.ID)
		must(t, err)
		if s := step(t, p, "senders"); !p.OK || !s.OK || !strings.Contains(s.Detail, team) {
			t.Errorf("%+v", p)
		}
		w.google.SetSendAs(ada)
		p, err = w.CheckAccount(ctx, w.grant, a.ID)
		must(t, err)
		if s := step(t, p, "senders"); p.OK || s.OK || s.Optional || !strings.Contains(s.Text, team) || s.Fix == "" {
			t.Errorf("after Google took it away: %+v", s)
		}
	})
}

// What cannot be checked is neither refused nor called fine.
func TestSendersThatCannotBeChecked(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	for name, c := range map[string]struct {
		address string
		scopes  []string
		senders []string
		says    []string
	}{
		"a domain":        {ada, []string{scopes + "send", scopes + "metadata", scopes + "readonly"}, []string{"@acme.example"}, []string{"@acme.example", "cannot be checked"}},
		"no scope for it": {"bob@" + sandbox.Domain, []string{scopes + "send", scopes + "metadata"}, []string{invoice}, []string{invoice, "was not checked", "gmail.readonly"}},
	} {
		a, err := w.CreateAccount(t.Context(), w.grant, NewAccount{Address: c.address, Transport: "gmail", Credential: w.serviceAccount(t, c.scopes...), Senders: c.senders})
		must(t, err)
		p, err := w.CheckAccount(t.Context(), w.grant, a.ID)
		must(t, err)
		s := step(t, p, "senders")
		if !p.OK || s.OK || !s.Optional || s.Fix == "" {
			t.Errorf("%s: %+v", name, s)
		}
		for _, part := range c.says {
			if !strings.Contains(s.Text, part) {
				t.Errorf("%s: %q is not in %s", name, part, s.Text)
			}
		}
	}
}

// At smtp.gmail.com the server's own word on the mailbox does not hide what Google
// says of the other senders.
func TestSendersOfSubmission(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	made := w.connected(t, NewConsent{Credential: w.oauthClient(t, "installed"), Transport: transportSMTP, Senders: []string{invoice}}, grace)
	p, err := w.CheckAccount(t.Context(), w.grant, made.Account.ID)
	must(t, err)
	if s := step(t, p, "senders"); p.OK || s.OK || s.Cause != causeSender {
		t.Errorf("%+v", p)
	}
}
