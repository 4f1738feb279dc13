package gmail_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/provider/providertest"
	"gatepost/internal/sandbox"
)

// TestSMTPProvider: both TLS modes, each with a mechanism of its own.
func TestSMTPProvider(t *testing.T) {
	for tls, mechanism := range map[string]string{"starttls": "oauthbearer", "implicit": "xoauth2"} {
		t.Run(tls, func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) providertest.Harness {
				w := providertest.StartWorld(t)
				return providertest.Harness{
					World:    w,
					From:     "ada@acme.example",
					Envelope: true,
					MaxSize:  35_882_577,
					Open: func(t *testing.T, o providertest.Options) provider.Provider {
						return openSMTP(t, w, o, `{"tls":"`+tls+`","mechanism":"`+mechanism+`"}`, gmail.ScopeMail)
					},
				}
			})
		})
	}
}

// openSMTP opens an account of a new service account with these scopes.
func openSMTP(t *testing.T, w *sandbox.World, o providertest.Options, config string, scopes ...string) provider.Provider {
	t.Helper()
	if o.BadCredential {
		scopes = []string{gmail.ScopeSend}
	}
	var settings struct{ TLS string }
	if err := json.Unmarshal([]byte(config), &settings); err != nil {
		t.Fatal(err)
	}
	deps := provider.Deps{
		Dial: o.Dial, Trace: o.Trace, BaseURL: w.GoogleURL, SMTPAddress: w.GmailSMTPAddr,
		Token: tokens(t, w, "ada@acme.example", scopes...),
	}
	if settings.TLS == "implicit" {
		deps.SMTPAddress = w.GmailSMTPSAddr
	}
	if !o.Distrust {
		deps.RootCAs = authority(t, w)
	}
	p, err := gmail.SMTPKind().Open(provider.Account{ID: "acc_test", Address: "ada@acme.example", Config: json.RawMessage(config)}, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.(provider.Closer).Close() })
	return p
}

// TestSMTPMayNotLook: the type says whether Sent may be read; aliases are told all
// the same.
func TestSMTPMayNotLook(t *testing.T) {
	w := providertest.StartWorld(t)
	p := openSMTP(t, w, providertest.Options{}, `{"may_look":false}`, gmail.ScopeMail)
	if _, ok := p.(provider.Looker); ok {
		t.Error("an account that may not look implements provider.Looker")
	}
	if list, err := p.(provider.Aliaser).Aliases(t.Context()); err != nil || len(list) == 0 || list[0].Address != "ada@acme.example" || !list[0].Primary || !list[0].Verified {
		t.Errorf("aliases: %+v %v", list, err)
	}
}

// TestSMTPProve: each step of a good account, and of one whose token is for
// sending through the API alone.
func TestSMTPProve(t *testing.T) {
	w := providertest.StartWorld(t)
	for name, c := range map[string]struct {
		config string
		scopes []string
		want   []string
	}{
		"good":         {`{}`, []string{gmail.ScopeMail}, []string{"scope:smtp", "connect", "hello", "tls", "sign_in", "senders", "mailbox", "(aliases)"}},
		"may not look": {`{"may_look":false,"tls":"implicit"}`, []string{gmail.ScopeMail}, []string{"scope:smtp", "connect", "tls", "hello", "sign_in", "senders", "(mailbox)", "(aliases)"}},
		"scope":        {`{}`, []string{gmail.ScopeSend}, []string{"scope:smtp delegation_missing"}},
	} {
		proof := openSMTP(t, w, providertest.Options{}, c.config, c.scopes...).(provider.Prover).Prove(t.Context())
		if d := cmp.Diff(c.want, inShort(proof)); d != "" {
			t.Errorf("%s: steps (-want +got):\n%s", name, d)
		}
	}
}

// TestSMTPNarrowToken: smtp.gmail.com refuses a token with gmail.send alone, and
// says which scope it wants.
func TestSMTPNarrowToken(t *testing.T) {
	w := providertest.StartWorld(t)
	narrow := tokens(t, w, "ada@acme.example", gmail.ScopeSend)
	p, err := gmail.SMTPKind().Open(provider.Account{ID: "acc_test", Address: "ada@acme.example"}, provider.Deps{
		BaseURL: w.GoogleURL, SMTPAddress: w.GmailSMTPAddr, RootCAs: authority(t, w),
		Token: func(ctx context.Context, _ []string, renew bool) (email.Secret, error) {
			return narrow(ctx, []string{gmail.ScopeSend}, renew)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.(provider.Closer).Close()
	e, ok := p.Check(t.Context()).(*provider.Error)
	if !ok || e.Class != provider.Hold || e.Cause != provider.CauseTokenRefused || !contains(e.Reply, "scope https://mail.google.com/") || !contains(e.Fix, "purpose smtp") {
		t.Errorf("Check: %+v", e)
	}
}

func TestSMTPSettings(t *testing.T) {
	kind := gmail.SMTPKind()
	for config, want := range map[string]string{ // the completed settings, or the wrong field
		``:                             `{"tls":"starttls","may_look":true,"max_connections":4,"max_recipients":100}`,
		`{"mechanism":"xoauth2"}`:      `{"mechanism":"xoauth2","tls":"starttls","may_look":true,"max_connections":4,"max_recipients":100}`,
		`{"tls":"implicit"}`:           `{"tls":"implicit","may_look":true,"max_connections":4,"max_recipients":100}`,
		`{"may_look":false}`:           `{"tls":"starttls","may_look":false,"max_connections":4,"max_recipients":100}`,
		`{"tls":"none"}`:               "tls",
		`{"mechanism":"plain"}`:        "mechanism",
		`{"max_connections":0}`:        "max_connections",
		`{"max_recipients":101}`:       "max_recipients",
		`{"host":"smtp.evil.example"}`: "",
		`{} {}`:                        "",
	} {
		complete, wrong := kind.Validate(json.RawMessage(config))
		if len(wrong) > 0 {
			if len(wrong) != 1 || wrong[0].Field != want {
				t.Errorf("%s: %v, want field %q", config, wrong, want)
			}
			continue
		}
		if string(complete) != want {
			t.Errorf("%s: %s, want %s", config, complete, want)
		}
	}
	if l := kind.Limits(json.RawMessage(`{"max_connections":7}`)); l.MaxParallel != 7 || l.MaxRecipients != 100 || l.HeaderDecides || !l.EightBit || l.Threads {
		t.Errorf("limits %+v", l)
	}
	for _, address := range []string{"nowhere", "host:port"} {
		if _, err := kind.Open(provider.Account{ID: "acc_1", Address: "a@b.example"}, provider.Deps{
			SMTPAddress: address, Token: func(context.Context, []string, bool) (email.Secret, error) { return email.Secret{}, nil },
		}); err == nil {
			t.Errorf("opened at %q", address)
		}
	}
}
