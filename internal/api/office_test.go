package api

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"gatepost/client"
	"gatepost/internal/oauth"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// grace is a user of the simulated Google.
const grace = "grace@" + sandbox.Consumer

// office starts a world with a simulated Google, and the client that speaks to it.
func office(t testing.TB, opt store.Options) (*world, *client.Client) {
	t.Helper()
	google, err := sandbox.Start(sandbox.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = google.Close() })
	w := &world{t: t, store: storetest.Open(t, opt), log: &logged{}, relay: &relay{}, google: google}
	w.begin(nil)
	c, err := client.New(w.url, w.key)
	w.must(err)
	return w, c
}

// outside is where Google is asked, and how.
func (w *world) outside() (oauth.Endpoints, *http.Client) {
	if w.google == nil {
		return oauth.Google(), &http.Client{Transport: noNetwork{}}
	}
	pem, err := os.ReadFile(w.google.CAFile)
	w.must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return oauth.At(w.google.GoogleURL), &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

// noNetwork is what a machine without a way out has: whoever hands a key over is
// not kept from it.
type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no route to host")
}

// agree lets the user decide on Google's page and returns what the redirect brings.
func (w *world) agree(address string, d sandbox.Decision) client.FinishConsent {
	w.t.Helper()
	to, err := w.google.Decide(address, d)
	w.must(err)
	u, err := url.Parse(to)
	w.must(err)
	q := u.Query()
	return client.FinishConsent{Code: q.Get("code"), State: q.Get("state"), Issuer: q.Get("iss"), Error: q.Get("error")}
}

// oauthClient hands over an OAuth client's file and returns the credential's id.
func (w *world) oauthClient(c *client.Client, kind string, redirects ...string) string {
	w.t.Helper()
	made, err := c.CreateCredential(w.t.Context(), client.NewCredential{
		Kind: "google_oauth_client", Name: kind, Key: json.RawMessage(w.google.OAuthClient(kind, redirects...)),
	})
	w.must(err)
	return made.ID
}

// entraApp hands over an app registration that users may sign in to by device codes.
func (w *world) entraApp(c *client.Client) string {
	w.t.Helper()
	app, err := w.google.AddApp(sandbox.AppOptions{Public: true})
	w.must(err)
	made, err := c.CreateCredential(w.t.Context(), client.NewCredential{
		Kind: "microsoft_app", Name: "Contoso", Tenant: app.TenantID, ClientID: app.ClientID, ClientSecret: app.Secret,
	})
	w.must(err)
	return made.ID
}

// callback is where consents of connect links end.
func (w *world) callback() string { return strings.TrimRight(w.url, "/") + "/connect/callback" }

// serviceAccount is the key file of one that the world's Google knows.
func (w *world) serviceAccount() string {
	if w.google == nil {
		return keyFile(w.t)
	}
	return string(w.google.ServiceAccountKey(oauth.ScopesFor([]oauth.Purpose{oauth.PurposeSend, oauth.PurposeLook})...))
}

// gone is the error of a removal, where nothing else is looked at.
func (w *world) gone(_ client.Removed, err error) error { return err }
