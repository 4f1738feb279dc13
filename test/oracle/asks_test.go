package oracle

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatepost/internal/email"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/sandbox"
)

// asked is what one client posts to one endpoint.
type asked struct {
	endpoint string
	names    []string // of the parameters
	scopes   []string
}

// lastAsked is the last call that was written down.
func (r *recorder) lastAsked() (asked, url.Values) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.calls[len(r.calls)-1]
	scopes := strings.Fields(c.form.Get("scope"))
	slices.Sort(scopes)
	return asked{path.Base(c.path), slices.Sorted(maps.Keys(c.form)), scopes}, c.form
}

// What gatepost posts to Entra ID has the parameters that Microsoft's own library
// posts, but for those that are listed with their reasons.
func TestGatepostAsksAsMSAL(t *testing.T) {
	w := newEntraWorld(t)
	// client_info=1 asks for the ids by which the library keys its cache; gatepost has
	// them from the ID token, and needs none where an app acts by itself.
	const forTheirCache = "client_info"
	for _, c := range []struct {
		name         string
		theirs, ours func(t *testing.T)
		theirParams  []string // that gatepost does not send
		theirScopes  []string
		ourScopes    []string
	}{
		{
			name: "secret", theirs: w.theirSecret, ours: w.ourSecret,
			// An app by itself has no user to sign in.
			theirScopes: []string{"offline_access", "openid", "profile"},
		},
		{
			name: "certificate", theirs: w.theirCertificate, ours: w.ourCertificate,
			theirParams: []string{forTheirCache}, theirScopes: []string{"offline_access", "openid", "profile"},
		},
		{
			name: "code", theirs: w.theirCode, ours: w.ourCode, theirParams: []string{forTheirCache},
			ourScopes: []string{"email"}, // the mailbox is compared with the one that is expected
		},
		{
			name: "refresh", theirs: w.theirRefresh, ours: w.ourRefresh, theirParams: []string{forTheirCache},
			ourScopes: []string{"email"},
		},
		{name: "device", theirs: w.theirDevice, ours: w.ourDevice, ourScopes: []string{"email"}},
		{
			name: "device poll", theirs: w.theirPoll, ours: w.ourPoll,
			// RFC 8628 section 3.4 knows no scope here: it is that of the code.
			theirParams: []string{forTheirCache, "scope"}, theirScopes: []string{mailSend, "offline_access", "openid", "profile"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.theirs(t)
			want, _ := w.lastAsked()
			c.ours(t)
			got, _ := w.lastAsked()
			want.names = without(want.names, c.theirParams)
			want.scopes = slices.Sorted(slices.Values(append(without(want.scopes, c.theirScopes), c.ourScopes...)))
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(asked{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("MSAL's (-) and gatepost's (+):\n%s", diff)
			}
		})
	}
}

// without takes names out of a list, each of which must be there.
func without(list, names []string) []string {
	for _, name := range names {
		i := slices.Index(list, name)
		if i < 0 {
			return append(slices.Clone(list), "(no "+name+")") // a listed difference is none any more
		}
		list = slices.Delete(slices.Clone(list), i, i+1)
	}
	return list
}

// The assertion by which an app shows its certificate has the header and the claims
// that Microsoft's library gives it.
func TestGatepostAssertsAsMSAL(t *testing.T) {
	w := newEntraWorld(t)
	w.theirCertificate(t)
	_, form := w.lastAsked()
	want := readAssertion(t, form)
	w.ourCertificate(t)
	_, form = w.lastAsked()
	got := readAssertion(t, form)
	// Microsoft's page on certificate credentials lists iat.
	want.claims = slices.Sorted(slices.Values(append(want.claims, "iat")))
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(assertion{})); diff != "" {
		t.Errorf("MSAL's (-) and gatepost's (+):\n%s", diff)
	}
}

// assertion is what of a client assertion does not differ between two apps.
type assertion struct {
	algorithm, kind string
	header, claims  []string
	audience        string
	life            time.Duration
	thumbprint      int // bytes
}

func readAssertion(t *testing.T, form url.Values) assertion {
	t.Helper()
	parts := strings.Split(form.Get("client_assertion"), ".")
	if len(parts) != 3 || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		t.Fatalf("no client assertion: %v", form)
	}
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	print := strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(header["x5t#S256"].(string))
	return assertion{
		algorithm: header["alg"].(string), kind: header["typ"].(string), audience: claims["aud"].(string),
		header: slices.Sorted(maps.Keys(header)), claims: slices.Sorted(maps.Keys(claims)),
		life:       time.Duration(claims["exp"].(float64)-claims["nbf"].(float64)) * time.Second,
		thumbprint: base64.RawURLEncoding.DecodedLen(len(print)),
	}
}

func (w entraWorld) theirSecret(t *testing.T) {
	app := w.app(sandbox.AppOptions{})
	succeed(t, second(w.msal(app.TenantID, app.ClientID, w.withSecret(app.Secret)).AcquireTokenByCredential(t.Context(), []string{defaultGraph})))
}

func (w entraWorld) ourSecret(t *testing.T) {
	app := w.app(sandbox.AppOptions{})
	_, err := w.ours(app, entra.AppFields{Secret: email.NewSecret(app.Secret)}).Token(t.Context(), w.client, w.at(), []string{defaultGraph}, time.Now())
	succeed(t, err)
}

func (w entraWorld) theirCertificate(t *testing.T) {
	app, cred, _, _ := w.certified(sandbox.AppOptions{})
	succeed(t, second(w.msal(app.TenantID, app.ClientID, cred).AcquireTokenByCredential(t.Context(), []string{defaultGraph})))
}

func (w entraWorld) ourCertificate(t *testing.T) {
	app, _, certificate, key := w.certified(sandbox.AppOptions{})
	fields := entra.AppFields{Certificate: email.NewSecret(string(certificate)), Key: email.NewSecret(string(key))}
	_, err := w.ours(app, fields).Token(t.Context(), w.client, w.at(), []string{defaultGraph}, time.Now())
	succeed(t, err)
}

func (w entraWorld) theirCode(*testing.T) {
	app := w.webApp()
	w.signIn(w.msal(app.TenantID, app.ClientID, w.withSecret(app.Secret)), app, mailSend)
}

func (w entraWorld) ourCode(t *testing.T) { w.ourConsent(t) }

func (w entraWorld) theirRefresh(t *testing.T) {
	app := w.webApp()
	c := w.msal(app.TenantID, app.ClientID, w.withSecret(app.Secret))
	account := w.signIn(c, app, mailSend).Account
	succeed(t, second(c.AcquireTokenSilent(t.Context(), []string{smtpSend}, confidential.WithSilentAccount(account))))
}

func (w entraWorld) ourRefresh(t *testing.T) {
	app, grant := w.ourConsent(t)
	user := entra.User{App: app, Refresh: grant.Refresh, Tenant: grant.Tenant, Email: grant.Email}
	_, _, _, err := user.Token(t.Context(), w.client, w.at(), []string{smtpSend}, time.Now())
	succeed(t, err)
}

func (w entraWorld) theirDevice(t *testing.T) {
	app := w.app(sandbox.AppOptions{Public: true, NoSecret: true})
	succeed(t, second(w.publicMSAL(app).AcquireTokenByDeviceCode(t.Context(), []string{mailSend})))
}

func (w entraWorld) ourDevice(t *testing.T) {
	app := w.app(sandbox.AppOptions{Public: true, NoSecret: true})
	_, err := w.device(app).Start(t.Context(), w.client, time.Now())
	succeed(t, err)
}

func (w entraWorld) theirPoll(t *testing.T) {
	app := w.app(sandbox.AppOptions{Public: true, NoSecret: true})
	code, err := w.publicMSAL(app).AcquireTokenByDeviceCode(t.Context(), []string{mailSend})
	succeed(t, err)
	succeed(t, w.DecideDevice(code.Result.UserCode, sandbox.Decision{Account: adaMS}))
	succeed(t, second(code.AuthenticationResult(t.Context())))
}

func (w entraWorld) ourPoll(t *testing.T) {
	d := w.device(w.app(sandbox.AppOptions{Public: true, NoSecret: true}))
	code, err := d.Start(t.Context(), w.client, time.Now())
	succeed(t, err)
	succeed(t, w.DecideDevice(code.UserCode, sandbox.Decision{Account: adaMS}))
	succeed(t, second(d.Poll(t.Context(), w.client, code, time.Now())))
}

// webApp is one that a user may agree to for Graph; for Exchange the administrator has.
func (w entraWorld) webApp() sandbox.App {
	return w.app(sandbox.AppOptions{RedirectURIs: []string{redirectMS}, Scopes: []string{smtpSend}})
}

// ours is gatepost's own client of Entra ID as an app.
func (w entraWorld) ours(app sandbox.App, f entra.AppFields) *entra.App {
	w.t.Helper()
	f.Tenant, f.ClientID = app.TenantID, app.ClientID
	a, err := entra.NewApp(f, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w entraWorld) at() entra.Endpoints { return entra.At(w.MicrosoftURL) }

func (w entraWorld) device(app sandbox.App) entra.Device {
	return entra.Device{App: w.ours(app, entra.AppFields{}), Endpoints: w.at(), Scopes: []string{mailSend}}
}

// ourConsent lets Ada agree to what gatepost asks.
func (w entraWorld) ourConsent(t *testing.T) (*entra.App, entra.Grant) {
	t.Helper()
	registered := w.webApp()
	app := w.ours(registered, entra.AppFields{Secret: email.NewSecret(registered.Secret)})
	c := entra.Consent{
		App: app, Endpoints: w.at(), Redirect: redirectMS, Scopes: []string{mailSend}, Hint: adaMS,
		State: "s1", Verifier: strings.Repeat("v", 43), Nonce: "n1",
	}
	grant, err := c.Exchange(t.Context(), w.client, w.consentMS(c.URL()).Get("code"), time.Now())
	succeed(t, err)
	return app, grant
}

func succeed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func second[T any](_ T, err error) error { return err }
