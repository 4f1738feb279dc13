package oracle

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	msalerrors "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"
	"golang.org/x/oauth2"

	"gatepost/internal/sandbox"
	"gatepost/test/running"
)

const (
	adaMS        = "ada@" + sandbox.MicrosoftDomain
	defaultGraph = "https://graph.microsoft.com/.default"
	mailSend     = "https://graph.microsoft.com/Mail.Send"
	mailRead     = "https://graph.microsoft.com/Mail.Read"
	smtpSend     = "https://outlook.office.com/SMTP.Send"
	smtpSend365  = "https://outlook.office365.com/SMTP.Send"
	redirectMS   = "https://app.contoso.example/callback"
)

// entraWorld is a world whose calls of Entra ID are written down.
type entraWorld struct {
	*world
	*recorder
}

func newEntraWorld(t *testing.T) entraWorld {
	t.Helper()
	w := newWorld(t)
	r := &recorder{next: w.client.Transport}
	w.client.Transport = r
	return entraWorld{w, r}
}

func (w entraWorld) app(o sandbox.AppOptions) sandbox.App {
	w.t.Helper()
	app, err := w.AddApp(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return app
}

// certified is an app that has a certificate, and the credential by which the library
// shows it.
func (w entraWorld) certified(o sandbox.AppOptions) (app sandbox.App, cred confidential.Credential, certificate, key []byte) {
	w.t.Helper()
	certificate, key = newCertificate(w.t)
	o.NoSecret, o.Certificates = true, []string{string(certificate)}
	block, _ := pem.Decode(certificate)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		w.t.Fatal(err)
	}
	block, _ = pem.Decode(key)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		w.t.Fatal(err)
	}
	if cred, err = confidential.NewCredFromCert([]*x509.Certificate{leaf}, private); err != nil {
		w.t.Fatal(err)
	}
	return w.app(o), cred, certificate, key
}

func (w entraWorld) withSecret(secret string) confidential.Credential {
	w.t.Helper()
	cred, err := confidential.NewCredFromSecret(secret)
	if err != nil {
		w.t.Fatal(err)
	}
	return cred
}

// msal is the library as an app of a tenant. Discovery of Microsoft's clouds is off: the
// host is none of theirs.
func (w entraWorld) msal(tenant, clientID string, cred confidential.Credential) confidential.Client {
	w.t.Helper()
	c, err := confidential.New(w.MicrosoftURL+"/"+tenant, clientID, cred, confidential.WithHTTPClient(w.client), confidential.WithInstanceDiscovery(false))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w entraWorld) publicMSAL(app sandbox.App) public.Client {
	w.t.Helper()
	c, err := public.New(app.ClientID, public.WithAuthority(w.MicrosoftURL+"/"+app.TenantID), public.WithHTTPClient(w.client), public.WithInstanceDiscovery(false))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// An app by itself, with its secret and with its certificate; the second token is the
// cached one.
func TestMSALClientCredentials(t *testing.T) {
	w := newEntraWorld(t)
	withSecret := w.app(sandbox.AppOptions{Roles: []string{"Mail.Send"}})
	withCertificate, cred, _, _ := w.certified(sandbox.AppOptions{Roles: []string{"Mail.Send"}})
	for name, c := range map[string]confidential.Client{
		"secret":      w.msal(withSecret.TenantID, withSecret.ClientID, w.withSecret(withSecret.Secret)),
		"certificate": w.msal(withCertificate.TenantID, withCertificate.ClientID, cred),
	} {
		first, err := c.AcquireTokenByCredential(t.Context(), []string{defaultGraph})
		if err != nil || first.Metadata.TokenSource != confidential.TokenSourceIdentityProvider {
			t.Errorf("%s: %v from %v", name, err, first.Metadata.TokenSource)
			continue
		}
		again, err := c.AcquireTokenByCredential(t.Context(), []string{defaultGraph})
		if err != nil || again.AccessToken != first.AccessToken || again.Metadata.TokenSource != confidential.TokenSourceCache {
			t.Errorf("%s, cached: %v from %v", name, err, again.Metadata.TokenSource)
		}
	}
}

// A user consents, the code is exchanged with its verifier, the cache answers until
// another token is wanted, and each refresh goes by the newest refresh token.
func TestMSALConsent(t *testing.T) {
	w := newEntraWorld(t)
	app := w.app(sandbox.AppOptions{RedirectURIs: []string{redirectMS}, Scopes: []string{"Mail.Send", smtpSend}})
	c := w.msal(app.TenantID, app.ClientID, w.withSecret(app.Secret))
	first := w.signIn(c, app, mailSend)
	if first.Account.PreferredUsername != adaMS || first.IDToken.Oid == "" || !slices.Contains(first.GrantedScopes, mailSend) {
		t.Errorf("%+v %v", first.Account, first.GrantedScopes)
	}
	account := confidential.WithSilentAccount(first.Account)
	cached, err := c.AcquireTokenSilent(t.Context(), []string{mailSend}, account)
	if err != nil || cached.AccessToken != first.AccessToken {
		t.Errorf("silently: %v", err)
	}
	w.forget()
	for _, scope := range []string{smtpSend, smtpSend365} { // neither is in the cache
		renewed, err := c.AcquireTokenSilent(t.Context(), []string{scope}, account)
		if err != nil || renewed.AccessToken == first.AccessToken || !slices.Contains(renewed.GrantedScopes, scope) {
			t.Errorf("%s: %v %v", scope, renewed.GrantedScopes, err)
		}
	}
	if asked := w.made("refresh_token"); len(asked) != 2 || asked[0].form.Get("refresh_token") == asked[1].form.Get("refresh_token") {
		t.Errorf("the refresh token was not replaced: %d calls", len(asked))
	}
}

// signIn lets Ada consent and exchanges the code.
func (w entraWorld) signIn(c confidential.Client, app sandbox.App, scopes ...string) confidential.AuthResult {
	w.t.Helper()
	address, err := c.AuthCodeURL(w.ctx, app.ClientID, redirectMS, scopes, confidential.WithLoginHint(adaMS))
	if err != nil {
		w.t.Fatal(err)
	}
	verifier := oauth2.GenerateVerifier()
	address += "&code_challenge_method=S256&code_challenge=" + oauth2.S256ChallengeFromVerifier(verifier)
	got, err := c.AcquireTokenByAuthCode(w.ctx, w.consentMS(address).Get("code"), redirectMS, scopes, confidential.WithChallenge(verifier))
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

// consentMS lets Ada agree on the page, and returns what the browser is sent back with.
func (w entraWorld) consentMS(from string) url.Values {
	w.t.Helper()
	return running.ConsentMicrosoft(w.t, w.client, from, adaMS).Query()
}

// A device code: the library asks until the user has decided.
func TestMSALDeviceCode(t *testing.T) {
	w := newEntraWorld(t)
	app := w.app(sandbox.AppOptions{Public: true, NoSecret: true})
	code, err := w.publicMSAL(app).AcquireTokenByDeviceCode(t.Context(), []string{mailSend})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.DecideDevice(code.Result.UserCode, sandbox.Decision{Account: adaMS}); err != nil {
		t.Fatal(err)
	}
	got, err := code.AuthenticationResult(t.Context())
	if err != nil || got.Account.PreferredUsername != adaMS {
		t.Errorf("%+v %v", got.Account, err)
	}
}

// Refusals come as the library's error of a call, with Entra's word and number.
func TestMSALErrors(t *testing.T) {
	w := newEntraWorld(t)
	app, disabled := w.app(sandbox.AppOptions{}), w.app(sandbox.AppOptions{Disabled: true})
	expired := w.app(sandbox.AppOptions{SecretExpires: time.Now().Add(-time.Hour)})
	_, stranger, _, _ := w.certified(sandbox.AppOptions{})
	garbage := confidential.NewCredFromAssertionCallback(func(context.Context, confidential.AssertionRequestOptions) (string, error) {
		return "a.b.c", nil
	})
	for _, c := range []struct {
		what, tenant, client string
		cred                 confidential.Credential
		status               int
		word, number         string
	}{
		{"wrong secret", app.TenantID, app.ClientID, w.withSecret("wrong"), 401, "invalid_client", "7000215"},
		{"the secret's id", app.TenantID, app.ClientID, w.withSecret(app.SecretID), 401, "invalid_client", "7000215"},
		{"expired secret", app.TenantID, expired.ClientID, w.withSecret(expired.Secret), 401, "invalid_client", "7000222"},
		{"unknown app", app.TenantID, app.TenantID, w.withSecret(app.Secret), 400, "unauthorized_client", "700016"},
		{"disabled app", app.TenantID, disabled.ClientID, w.withSecret(disabled.Secret), 401, "unauthorized_client", "7000112"},
		{"unknown tenant", "nowhere.example", app.ClientID, w.withSecret(app.Secret), 400, "invalid_tenant", "90002"},
		{"another's certificate", app.TenantID, app.ClientID, stranger, 401, "invalid_client", "700027"},
		{"no JWT", app.TenantID, app.ClientID, garbage, 401, "invalid_client", "50027"},
	} {
		_, err := w.msal(c.tenant, c.client, c.cred).AcquireTokenByCredential(t.Context(), []string{defaultGraph})
		refusedMS(t, c.what, err, c.status, c.word, c.number)
	}
}

// What nobody has agreed to is refused with the word for it.
func TestMSALWithoutConsent(t *testing.T) {
	w := newEntraWorld(t)
	app := w.app(sandbox.AppOptions{RedirectURIs: []string{redirectMS}})
	c := w.msal(app.TenantID, app.ClientID, w.withSecret(app.Secret))
	account := confidential.WithSilentAccount(w.signIn(c, app, mailSend).Account)
	_, err := c.AcquireTokenSilent(t.Context(), []string{mailRead}, account)
	refusedMS(t, "no consent", err, 400, "invalid_grant", "65001")
	if err == nil || !strings.Contains(err.Error(), "consent_required") {
		t.Errorf("no consent: %v", err)
	}
}

// refusedMS is the library's view of an error: status, word and AADSTS number.
func refusedMS(t *testing.T, what string, err error, status int, word, number string) {
	t.Helper()
	var e msalerrors.CallErr
	if !errors.As(err, &e) {
		t.Errorf("%s: %v is no error of a call", what, err)
		return
	}
	body, _ := io.ReadAll(e.Resp.Body)
	if e.Resp.StatusCode != status || !strings.Contains(string(body), `"error":"`+word+`"`) || !strings.Contains(err.Error(), "AADSTS"+number+":") {
		t.Errorf("%s: %d %s (%v)", what, e.Resp.StatusCode, body, err)
	}
}

// call is one request to Entra ID.
type call struct {
	path string
	form url.Values
}

// recorder passes requests on and keeps the forms that were posted.
type recorder struct {
	next  http.RoundTripper
	mu    sync.Mutex
	calls []call
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(body)
		if err != nil {
			return nil, err
		}
		if form, err := url.ParseQuery(string(text)); err == nil {
			r.mu.Lock()
			r.calls = append(r.calls, call{req.URL.Path, form})
			r.mu.Unlock()
		}
	}
	return r.next.RoundTrip(req)
}

func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = nil
}

// made are the calls of a grant; "" is the device endpoint, which has none.
func (r *recorder) made(grant string) []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.calls), func(c call) bool { return c.form.Get("grant_type") != grant })
}
