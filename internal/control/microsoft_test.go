package control

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
)

const contoso = "app@" + sandbox.MicrosoftDomain

// entraApp registers an app at the simulated Microsoft.
func (w *withGoogle) entraApp(t *testing.T) sandbox.App {
	t.Helper()
	app, err := w.google.AddApp(sandbox.AppOptions{Roles: []string{"Mail.Send", "Mail.ReadBasic.All"}})
	must(t, err)
	return app
}

func microsoftApp(app sandbox.App) NewCredential {
	return NewCredential{Kind: KindMicrosoftApp, Name: "Contoso", Tenant: app.TenantID, ClientID: app.ClientID, ClientSecret: email.NewSecret(app.Secret)}
}

// What is wrong with an app registration is told by its field, and nothing is stored:
// what can be seen, and what Microsoft says.
func TestBadAppRegistrations(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	app := w.entraApp(t)
	for field, c := range map[string]struct {
		change func(*NewCredential)
		says   string
	}{
		"client_secret":     {func(n *NewCredential) { n.ClientSecret = email.NewSecret(app.SecretID) }, "the secret's ID, not its Value"},
		"tenant":            {func(n *NewCredential) { n.Tenant = "Contoso Ltd" }, "neither a GUID nor a domain"},
		"client_id":         {func(n *NewCredential) { n.ClientID = app.ObjectID }, "has no app"},
		"cloud":             {func(n *NewCredential) { n.Cloud = "moon" }, ""},
		"secret_expires_at": {func(n *NewCredential) { n.SecretExpires = "2020-01-01" }, "in the past"},
		"key":               {func(n *NewCredential) { n.Key = json.RawMessage(`{"type": "service_account"}`) }, "PEM"},
		"password":          {func(n *NewCredential) { n.Password = email.NewSecret("p") }, "is not for the kind"},
	} {
		n := microsoftApp(app)
		c.change(&n)
		_, err := w.CreateCredential(t.Context(), w.grant, n)
		wantInvalid(t, err, field, c.says)
	}
	n := microsoftApp(app)
	n.ClientSecret = email.NewSecret("abc8Q~not-the-secret-of-any-app-of-this-world")
	_, err := w.CreateCredential(t.Context(), w.grant, n)
	wantInvalid(t, err, "client_secret", "does not accept the client secret")
	all, err := w.Credentials(t.Context(), w.grant)
	must(t, err)
	if len(all) != 0 {
		t.Errorf("%d credentials were stored", len(all))
	}
}

// A transport that cannot be is told once, and a public address that Entra ID does not
// take is the server's setting, not the credential's fault.
func TestConsentsOfApps(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	app, err := w.CreateCredential(t.Context(), w.grant, microsoftApp(w.entraApp(t)))
	must(t, err)
	for transport, says := range map[string]string{"smtp": "not one that a user's consent can serve", transportGmail: "is not one of Microsoft"} {
		_, err = w.StartConsent(t.Context(), w.grant, NewConsent{Credential: app.ID, RedirectURI: "http://localhost:5000", Address: contoso, Transport: transport})
		wantInvalid(t, err, "transport", says)
		if n := strings.Count(err.Error(), "transport: "); n != 1 {
			t.Errorf("the transport is told %d times: %v", n, err)
		}
	}
	for public, says := range map[string]string{
		"http://127.0.0.1:8025":       "gatepost serve --public-url http://localhost:8025",
		"http://[::1]:8025":           "gatepost serve --public-url http://localhost:8025",
		"http://mail.contoso.example": "gatepost serve --public-url https://…",
	} {
		w.moveTo(public)
		_, err = w.CreateLink(t.Context(), w.grant, NewLink{Credential: app.ID, Address: contoso})
		wantInvalid(t, err, "public-url", says)
	}
	w.moveTo("http://localhost:8025")
	_, err = w.CreateLink(t.Context(), w.grant, NewLink{Credential: app.ID, Address: contoso})
	must(t, err)
}

// An app that acts by itself has no /me, and one that cannot serves no account, not
// even in the place of one that could.
func TestAccountsOfApps(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	app := w.entraApp(t)
	made, err := w.CreateCredential(t.Context(), w.grant, microsoftApp(app))
	must(t, err)
	_, err = w.CreateAccount(t.Context(), w.grant, NewAccount{Address: "me", Transport: transportMicrosoft, Credential: made.ID, Config: json.RawMessage("{}")})
	wantInvalid(t, err, "address", "/me is refused")
	public, err := w.CreateCredential(t.Context(), w.grant, NewCredential{Kind: KindMicrosoftApp, Name: "Public", Tenant: "common", ClientID: app.ClientID})
	must(t, err)
	n := NewAccount{Address: contoso, Transport: transportMicrosoft, Credential: public.ID, Config: json.RawMessage(`{"app_only": false}`)}
	_, err = w.CreateAccount(t.Context(), w.grant, n)
	wantInvalid(t, err, "credential", "no app can act by itself")
	n.Credential = made.ID
	a, err := w.CreateAccount(t.Context(), w.grant, n)
	must(t, err)
	if !strings.Contains(string(a.Config), `"app_only":true`) { // whatever was given: the credential says it
		t.Errorf("settings %s", a.Config)
	}
	_, err = w.ReplaceCredential(t.Context(), w.grant, made.ID, NewCredential{})
	wantInvalid(t, err, "client_secret", contoso+" sends with this app by itself")
}

// The lines for Exchange have the id that it needs, which is not the registration's.
func TestMicrosoftSetup(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	app := w.entraApp(t)
	made, err := w.CreateCredential(t.Context(), w.grant, microsoftApp(app))
	must(t, err)
	for transport, role := range map[string]string{transportMicrosoft: "Application Mail.Send", transportMicrosoftSMTP: "Application SMTP.SendAsApp"} {
		s, err := w.SetupSteps(t.Context(), w.grant, SetupQuery{Kind: SetupMicrosoft, Credential: made.ID, Transport: transport, Address: contoso})
		must(t, err)
		var lines []string
		for _, step := range s.Steps {
			lines = append(lines, step.Commands...)
		}
		text := strings.Join(lines, "\n")
		if !slices.Contains(lines, "New-ServicePrincipal -AppId "+app.ClientID+" -ObjectId "+app.PrincipalID+" -DisplayName gatepost") ||
			strings.Contains(text, app.ObjectID) || !strings.Contains(text, `-Role "`+role+`" -App `+app.PrincipalID) {
			t.Errorf("%s:\n%s", transport, text)
		}
	}
	_, err = w.SetupSteps(t.Context(), w.grant, SetupQuery{Kind: SetupMicrosoft, Transport: transportGmail})
	wantInvalid(t, err, "transport", "is not for this set-up")
}

// A stored app that is in use stays in its cloud, and the same secret, given again without
// its end, keeps the end that was said of it; another secret does not.
func TestAppGivenAgain(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	app := w.entraApp(t)
	n := microsoftApp(app)
	n.SecretExpires = "2099-01-01"
	made, err := w.CreateCredential(t.Context(), w.grant, n)
	must(t, err)
	_, err = w.CreateAccount(t.Context(), w.grant, NewAccount{Address: contoso, Transport: transportMicrosoft, Credential: made.ID})
	must(t, err)
	again := NewCredential{ClientSecret: email.NewSecret(app.Secret), Cloud: "us_gov_l4"}
	_, err = w.ReplaceCredential(t.Context(), w.grant, made.ID, again)
	wantInvalid(t, err, "cloud", "where "+contoso+" uses this app")
	again.Cloud = ""
	_, err = w.ReplaceCredential(t.Context(), w.grant, made.ID, again)
	must(t, err)
	if end := w.public(t, made.ID, "expires_at"); end != "2099-01-01T00:00:00Z" {
		t.Errorf("the same secret ends on %q", end)
	}
	row, err := w.cfg.Store.Credential(t.Context(), w.grant.Team, made.ID)
	must(t, err)
	other, err := w.sameSecret(t.Context(), &row, NewCredential{Kind: KindMicrosoftApp, ClientSecret: email.NewSecret("another8Q~secret-of-the-app")})
	must(t, err)
	if other.SecretExpires != "" {
		t.Errorf("another secret ends on %q, as the old one", other.SecretExpires)
	}
}
