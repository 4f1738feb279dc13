package oauth_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatepost/internal/oauth"
	"gatepost/internal/provider"
	"gatepost/internal/sandbox"
)

const callback = "https://mail.acme.example/connect/callback"

// city is a simulated Google with an OAuth client, and how a user decides there.
type city struct {
	*sandbox.World
	http   *http.Client
	client *oauth.Client
}

func newCity(t *testing.T, kind, redirect string) *city {
	t.Helper()
	w, client := startWorld(t)
	c, err := oauth.ParseClient(w.OAuthClient(kind, redirect), oauth.At(w.GoogleURL))
	if err != nil {
		t.Fatal(err)
	}
	return &city{w, client, c}
}

func (c *city) consent(redirect string, purposes ...oauth.Purpose) oauth.Consent {
	return oauth.Consent{
		Client: c.client, Endpoints: oauth.At(c.GoogleURL), Redirect: redirect, Scopes: oauth.ScopesFor(purposes),
		Hint: "grace@gmail.example", State: "state-1", Nonce: "nonce-1", Verifier: strings.Repeat("v", 43),
	}
}

// code lets the user decide and reads what the browser brings back.
func (c *city) code(t *testing.T, consent oauth.Consent, d sandbox.Decision) url.Values {
	t.Helper()
	to, err := c.Decide(consent.URL(), d)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, consent.Redirect) || u.Query().Get("state") != consent.State {
		t.Fatalf("sent back to %s: %v", to, err)
	}
	if got := u.Query().Get("iss"); got != "" && !consent.Endpoints.IssuedBy(got) {
		t.Errorf("iss %q", got)
	}
	return u.Query()
}

func TestConsentInTheWorld(t *testing.T) {
	for kind, redirect := range map[string]string{oauth.ClientWeb: callback, oauth.ClientInstalled: "http://127.0.0.1:53682/"} {
		c := newCity(t, kind, redirect)
		consent := c.consent(redirect, oauth.PurposeSend, oauth.PurposeLook)
		back := c.code(t, consent, sandbox.Decision{Account: "grace@gmail.example", Leave: []string{oauth.ScopeMetadata}})
		got, err := consent.Exchange(t.Context(), c.http, back.Get("code"), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if got.Email != "grace@gmail.example" || got.Subject == "" || got.Refresh.Empty() {
			t.Errorf("%s: whose consent: %+v", kind, got)
		}
		if ps := oauth.Granted(got.Scopes); len(ps) != 1 || ps[0] != oauth.PurposeSend {
			t.Errorf("%s: granted %v: the box left unticked is not noticed", kind, ps)
		}
		user := oauth.User{Client: c.client, Refresh: got.Refresh, Email: got.Email}
		token, rotated, scopes, err := user.Token(t.Context(), c.http, consent.Endpoints, time.Now())
		if err != nil || token.Access.Empty() || !rotated.Empty() || !oauth.Covers(scopes, oauth.ScopeSend) {
			t.Errorf("%s: refresh: %v %v", kind, scopes, err)
		}
		c.Revoke("grace@gmail.example")
		if _, _, _, err := user.Token(t.Context(), c.http, consent.Endpoints, time.Now()); causeOf(err) != "token_revoked" {
			t.Errorf("%s: after revocation: %v", kind, err)
		}
	}
}

func TestCodesAreWorthNothingToOthers(t *testing.T) {
	c := newCity(t, oauth.ClientWeb, callback)
	grace := sandbox.Decision{Account: "grace@gmail.example"}
	consent := c.consent(callback, oauth.PurposeSend)
	wrong := consent
	wrong.Verifier = strings.Repeat("w", 43)
	if _, err := wrong.Exchange(t.Context(), c.http, c.code(t, consent, grace).Get("code"), time.Now()); causeOf(err) == "" {
		t.Errorf("with another verifier: %v", err)
	}
	wrong = consent
	wrong.Nonce = "nonce-2"
	if _, err := wrong.Exchange(t.Context(), c.http, c.code(t, consent, grace).Get("code"), time.Now()); causeOf(err) != "identity_unproven" {
		t.Errorf("with another nonce: %v", err)
	}
	code := c.code(t, consent, grace).Get("code")
	if _, err := consent.Exchange(t.Context(), c.http, code, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := consent.Exchange(t.Context(), c.http, code, time.Now()); causeOf(err) != "grant_refused" {
		t.Errorf("a code used twice: %v", err)
	}
	if back := c.code(t, consent, sandbox.Decision{Account: "grace@gmail.example", Cancel: true}); back.Get("error") != "access_denied" {
		t.Errorf("canceled: %v", back)
	}
	slash := c.consent(callback+"/", oauth.PurposeSend)
	if _, err := c.Decide(slash.URL(), grace); err == nil || oauth.CheckRedirectURI(c.client, slash.Redirect) == nil {
		t.Errorf("a redirect that differs by a slash: %v", err)
	}
}

func TestRevokedByUsInTheWorld(t *testing.T) {
	c := newCity(t, oauth.ClientWeb, callback)
	consent := c.consent(callback, oauth.PurposeSend)
	back := c.code(t, consent, sandbox.Decision{Account: "grace@gmail.example"})
	got, err := consent.Exchange(t.Context(), c.http, back.Get("code"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	info, err := oauth.Inspect(t.Context(), c.http, consent.Endpoints, got.Access.Access)
	if err != nil || info.Audience != c.client.ID() || info.Email != "grace@gmail.example" || info.Subject != got.Subject ||
		!oauth.Covers(info.Scopes, oauth.ScopeSend) || info.Expires.Before(time.Now()) {
		t.Errorf("inspect: %+v %v", info, err)
	}
	for range 2 { // the second time there is nothing left to revoke
		if err := oauth.Revoke(t.Context(), c.http, consent.Endpoints, got.Refresh); err != nil {
			t.Errorf("revoke: %v", err)
		}
	}
	if _, err := oauth.Inspect(t.Context(), c.http, consent.Endpoints, got.Access.Access); causeOf(err) != "token_invalid" {
		t.Errorf("inspect after revocation: %v", err)
	}
	user := oauth.User{Client: c.client, Refresh: got.Refresh, Email: got.Email}
	if _, _, _, err := user.Token(t.Context(), c.http, consent.Endpoints, time.Now()); causeOf(err) != "token_revoked" {
		t.Errorf("refresh after revocation: %v", err)
	}
}

func causeOf(err error) string {
	if e, ok := errors.AsType[*provider.Error](err); ok {
		return e.Cause
	}
	return ""
}
