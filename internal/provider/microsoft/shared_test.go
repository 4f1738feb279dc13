package microsoft_test

import (
	"strings"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/microsoft"
	"gatepost/internal/provider/providertest"
	"gatepost/internal/sandbox"
)

const sales = "sales@" + sandbox.MicrosoftDomain

// A user to whom a shared mailbox does not open is told which rights are missing, in
// lines with the addresses of both; with the first right alone Graph and Exchange refuse
// the message, and that names the second.
func TestRightsToSharedMailbox(t *testing.T) {
	const (
		full   = "Add-MailboxPermission -Identity " + sales + " -User " + ada + " -AccessRights FullAccess"
		sendAs = "Add-RecipientPermission -Identity " + sales + " -Trustee " + ada + " -AccessRights SendAs"
	)
	for name, c := range map[string]struct {
		kind   provider.Kind
		scopes []string
		step   string
	}{
		"Graph": {microsoft.Kind(), []string{"https://graph.microsoft.com/Mail.Send.Shared", "https://graph.microsoft.com/Mail.Read.Shared"}, "scope:send"},
		"SMTP":  {microsoft.SMTPKind(), []string{smtpSend}, "sign_in"},
	} {
		w := unhurried(t)
		if err := w.AddMailbox(sandbox.UserOptions{Address: sales}); err != nil {
			t.Fatal(err)
		}
		p := open(t, w, account{kind: c.kind, address: sales, config: `{"mailbox":"` + sales + `"}`, token: userTokens(t, w, providertest.Options{}, ada, c.scopes...)})
		said := stepOf(t, p, c.step)
		if said == nil || said.Class != provider.Hold || said.Text != ada+" may not use the shared mailbox "+sales+"." || !strings.Contains(said.Fix, full) || !strings.Contains(said.Fix, sendAs) {
			t.Errorf("%s, without a right: %+v", name, said)
		}
		if err := w.AddMailboxPermission(sales, ada); err != nil {
			t.Fatal(err)
		}
		if said := stepOf(t, p, c.step); said != nil {
			t.Errorf("%s, with full access: %+v", name, said)
		}
		env, msg := note("boss@"+sandbox.MicrosoftDomain, ann)
		_, err := p.Send(t.Context(), email.Envelope{From: sales, Recipients: env.Recipients}, msg)
		if e := problemOf(t, err); e.Class != provider.Fail || e.Cause != "send_as_denied" || e.Text != ada+" may not send as boss@contoso.example." || !strings.Contains(e.Fix, "-Identity boss@contoso.example -Trustee "+ada) {
			t.Errorf("%s, as somebody else: %+v", name, e)
		}
	}
}

// stepOf is what was wrong in a step of a live check.
func stepOf(t *testing.T, p provider.Provider, name string) *provider.Error {
	for _, s := range p.(provider.Prover).Prove(t.Context()) {
		if s.Name == name {
			return s.Err
		}
	}
	return nil
}

// What Exchange refuses by SMTP is explained with the ids of this app, as its token has
// them, and with the address in From.
func TestAdviceNamesTheApp(t *testing.T) {
	w := unhurried(t)
	app := newApp(t, w, "SMTP.SendAsApp")
	p := open(t, w, account{kind: microsoft.SMTPKind(), config: `{"app_only":true}`, token: tokensOf(t, w, providertest.Options{}, app)})
	said := stepOf(t, p, "sign_in")
	if want := "New-ServicePrincipal -AppId " + app.ClientID + " -ObjectId " + app.PrincipalID; said == nil || !strings.Contains(said.Fix, want) {
		t.Errorf("%+v, want %s", said, want)
	}
	user := submitter(t, w, `{}`)
	env, msg := note("boss@contoso.example", ann)
	_, err := user.Send(t.Context(), email.Envelope{From: ada, Recipients: env.Recipients}, msg)
	if e := problemOf(t, err); e.Text != ada+" may not send as boss@contoso.example." || !strings.Contains(e.Fix, "-Identity boss@contoso.example -Trustee "+ada) {
		t.Errorf("%+v", e)
	}
}

// A small file does not go in parts: with requests smaller than Graph's own Graph says
// so, and it is the message that cannot go.
func TestSmallFileInParts(t *testing.T) {
	w := providertest.StartWorld(t)
	p := open(t, w, account{config: `{"app_only":true,"draft_fence":true,"max_request":65536}`, token: appTokens(t, w, providertest.Options{}, "Mail.Send", "Mail.ReadWrite")})
	env, _ := note(ada, ann)
	msg := email.Bytes("From: " + ada + "\r\nTo: " + ann + "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/pdf; name=f.pdf\r\n\r\n" + strings.Repeat("x", 200<<10) + "\r\n--b--\r\n")
	_, err := p.Send(t.Context(), env, msg)
	if e := problemOf(t, err); e.Class != provider.Fail || e.Scope != provider.ScopeMessage || e.Cause != "attachment_size" || e.Unlisted {
		t.Errorf("%+v", e)
	}
}
