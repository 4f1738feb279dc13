package microsoft_test

import (
	"testing"

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
