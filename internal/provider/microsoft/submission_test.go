package microsoft_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/microsoft"
	"gatepost/internal/provider/providertest"
	"gatepost/internal/sandbox"
)

const smtpSend = "https://outlook.office.com/SMTP.Send"

// TestSMTPProvider: with a user's consent, and as an app by itself.
func TestSMTPProvider(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		token  func(*testing.T, *sandbox.World, providertest.Options) tokenFunc
	}{
		"user": {`{}`, func(t *testing.T, w *sandbox.World, o providertest.Options) tokenFunc {
			return userTokens(t, w, o, ada, smtpSend)
		}},
		"app": {`{"app_only":true,"may_look":true}`, func(t *testing.T, w *sandbox.World, o providertest.Options) tokenFunc {
			return tokensOf(t, w, o, smtpApp(t, w))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) providertest.Harness {
				w := unhurried(t)
				return providertest.Harness{
					World: w, From: ada, Envelope: true, Timeless: true, MaxSize: 35 << 20, ID: immutableID,
					Open: func(t *testing.T, o providertest.Options) provider.Provider {
						return open(t, w, account{options: o, kind: microsoft.SMTPKind(), config: c.config, token: c.token(t, w, o)})
					},
				}
			})
		})
	}
}

// unhurried is a world that counts no messages of a minute.
func unhurried(t *testing.T) *sandbox.World {
	t.Helper()
	w := providertest.StartWorld(t)
	if err := w.ChangeTenant(sandbox.MicrosoftDomain, func(o *sandbox.TenantOptions) { o.PerMinute = -1 }); err != nil {
		t.Fatal(err)
	}
	return w
}

// smtpApp is an app that may send for ada by SMTP, set up as Microsoft's page says, and
// look by Graph.
func smtpApp(t *testing.T, w *sandbox.World) sandbox.App {
	t.Helper()
	app := newApp(t, w, "SMTP.SendAsApp", "Mail.ReadBasic.All")
	if err := w.AddServicePrincipal(app.TenantID, app.ClientID, app.PrincipalID); err != nil {
		t.Fatal(err)
	}
	if err := w.AddMailboxPermission(ada, app.PrincipalID); err != nil {
		t.Fatal(err)
	}
	return app
}

func submitter(t *testing.T, w *sandbox.World, config string) provider.Provider {
	t.Helper()
	return open(t, w, account{kind: microsoft.SMTPKind(), config: config, token: userTokens(t, w, providertest.Options{}, ada, smtpSend)})
}

// SendAs is denied after the whole message was handed over, and that is a verdict.
func TestSendAsDeniedAfterData(t *testing.T) {
	w := unhurried(t)
	p := submitter(t, w, `{}`)
	env, msg := note("boss@contoso.example", ann)
	_, err := p.Send(t.Context(), email.Envelope{From: ada, Recipients: env.Recipients}, msg)
	if e := problemOf(t, err); e.Class != provider.Fail || e.Cause != "send_as_denied" {
		t.Errorf("Send: %+v", e)
	}
	if n := len(ledger(t, w)); n != 0 {
		t.Errorf("taken %d", n)
	}
}

// Exchange takes three connections of a mailbox. An account keeps to that by itself; a
// fourth one is told to wait.
func TestFourthConnection(t *testing.T) {
	w := unhurried(t)
	for _, c := range []struct {
		config  string
		refused bool
	}{{`{}`, false}, {`{"max_connections":6}`, true}} {
		p := submitter(t, w, c.config)
		errs := make([]error, 6)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				env, msg := note(ada, "fault.slow.300@world.example")
				_, errs[i] = p.Send(t.Context(), env, msg)
			})
		}
		wg.Wait()
		refused := 0
		for _, err := range errs {
			if err == nil {
				continue
			}
			refused++
			if e := problemOf(t, err); e.Class != provider.Park || e.Cause != "too_many_connections" || !e.Until.After(time.Now()) {
				t.Errorf("%s: %+v", c.config, e)
			}
		}
		if (refused > 0) != c.refused {
			t.Errorf("%s: %d refused", c.config, refused)
		}
		p.(provider.Closer).Close()
	}
}

// More than 30 messages in a minute: Exchange delays what is too much, and the answer is
// waited for; or, as older texts have it, refuses it.
func TestThirtyMessagesInAMinute(t *testing.T) {
	w := unhurried(t)
	limit := func(refuse bool) {
		if err := w.ChangeTenant(sandbox.MicrosoftDomain, func(o *sandbox.TenantOptions) {
			o.PerMinute, o.RateWindow, o.RefuseOverRate = 2, 400*time.Millisecond, refuse
		}); err != nil {
			t.Fatal(err)
		}
	}
	p := submitter(t, w, `{}`)
	env, msg := note(ada, ann)
	limit(false)
	start := time.Now()
	for range 3 {
		if _, err := p.Send(t.Context(), env, msg); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 300*time.Millisecond {
		t.Errorf("three messages took %v, want the third to be delayed", took)
	}
	limit(true)
	var err error
	for range 3 {
		if _, err = p.Send(t.Context(), env, msg); err != nil {
			break
		}
	}
	if e := problemOf(t, err); e.Class != provider.Park || e.Cause != "relay_rate_limited" || e.Quota != provider.QuotaRate || !e.Until.After(time.Now()) {
		t.Errorf("the one too many: %+v", e)
	}
}

// TestSMTPProve: each step of a good account, and of those that Exchange does not let in.
func TestSMTPProve(t *testing.T) {
	w := unhurried(t)
	good := smtpApp(t, w)
	off := true
	if err := w.AddUser(sandbox.UserOptions{Address: "off@contoso.example", SMTPAuthDisabled: &off}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		address, config string
		token           tokenFunc
		want            []string
	}{
		"user":          {ada, `{}`, userTokens(t, w, providertest.Options{}, ada, smtpSend), []string{"scope:smtp", "connect", "hello", "tls", "sign_in", "senders"}},
		"app":           {ada, `{"app_only":true,"may_look":true}`, tokensOf(t, w, providertest.Options{}, good), []string{"scope:smtp", "connect", "hello", "tls", "sign_in", "senders", "mailbox"}},
		"not set up":    {ada, `{"app_only":true}`, appTokens(t, w, providertest.Options{}, "SMTP.SendAsApp"), []string{"scope:smtp", "connect", "hello", "tls", "sign_in token_refused"}},
		"SMTP AUTH off": {"off@contoso.example", `{}`, userTokens(t, w, providertest.Options{}, "off@contoso.example", smtpSend), []string{"scope:smtp", "connect", "hello", "tls", "sign_in smtp_auth_disabled"}},
		"wrong kind":    {ada, `{}`, tokensOf(t, w, providertest.Options{}, good), []string{"scope:smtp scope_unknown"}},
	} {
		p := open(t, w, account{kind: microsoft.SMTPKind(), address: c.address, config: c.config, token: c.token})
		if d := cmp.Diff(c.want, inShort(p.(provider.Prover).Prove(t.Context()))); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// A user signs in for a shared mailbox by its name, and a larger message than the mailbox
// may send makes no connection.
func TestSMTPSharedMailboxAndSize(t *testing.T) {
	const shared = "sales@contoso.example"
	w := unhurried(t)
	for _, err := range []error{w.AddMailbox(sandbox.UserOptions{Address: shared}), w.AddMailboxPermission(shared, ada)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p := submitter(t, w, `{"mailbox":"`+shared+`","max_size":1000}`)
	env, msg := note(shared, ann)
	if _, err := p.Send(t.Context(), env, msg); err != nil {
		t.Fatal(err)
	}
	if got := ledger(t, w)[0]; got.Account != shared || got.Via != "microsoft_smtp" {
		t.Errorf("taken %+v", got)
	}
	_, err := p.Send(t.Context(), env, append(msg, make([]byte, 1000)...))
	if e := problemOf(t, err); e.Class != provider.Fail || e.Cause != "message_too_large" {
		t.Errorf("too large: %v", e)
	}
}
