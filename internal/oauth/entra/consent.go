package entra

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
)

// Consent is one request for a user's consent (authorization code with PKCE,
// RFC 6749 section 4.1, RFC 7636, RFC 9700 section 2.1.1;
// learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow). Who may give
// it is the app's tenant. The same values serve for the URL and for the exchange;
// State, Verifier and Nonce are random, used once, and compared or sent by whoever
// started the consent alone.
type Consent struct {
	App       *App
	Endpoints Endpoints
	Redirect  string   // where the browser comes back; see CheckRedirectURI
	Scopes    []string // see ScopesFor; of several resources if need be
	Hint      string   // the mailbox that is expected
	State     string
	Verifier  string // 43 to 128 characters of RFC 7636 section 4.1: base64url of 32 random bytes
	Nonce     string
}

// Grant is what a user consented to.
type Grant struct {
	Access  oauth.Token // for the first resource
	Refresh email.Secret
	// Scopes are those of the consent that were granted.
	Scopes []string
	// Subject is the user's lasting id in the tenant (oid), Tenant the directory (tid),
	// Email the mailbox: compare it with the expected one before anything is kept.
	Subject, Tenant, Email string
	// Public tells that it was given to the app as a public client (a device code): its
	// refresh token is to be used so too (User.Public).
	Public bool
}

// URL is where the user's browser is sent. PKCE is always S256. The user chooses the
// account; prompt=consent is not used, because it asks even users whose administrator
// has consented for all, and who may not consent themselves.
func (c Consent) URL() string {
	options := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(c.Verifier), oauth2.SetAuthURLParam("nonce", c.Nonce),
		oauth2.SetAuthURLParam("response_mode", "query"), oauth2.SetAuthURLParam("prompt", "select_account"),
	}
	if c.Hint != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", c.Hint))
	}
	cfg := oauth2.Config{
		ClientID: c.App.id, RedirectURL: c.Redirect, Scopes: withOpenID(c.Scopes),
		Endpoint: oauth2.Endpoint{AuthURL: c.Endpoints.authorize(c.App.cloud, c.App.tenant)},
	}
	return cfg.AuthCodeURL(c.State, options...)
}

// errUnbound is a fault of the program: without these values a code could be
// another's (RFC 9700 section 4.5).
var errUnbound = errors.New("a consent without state, verifier and nonce is not bound to whoever started it")

// Exchange turns the code of the redirect into a grant: by one request for the first
// resource of the scopes, and one more for each other, because a token call is for one.
// The ID token must be this Entra's, for this app and this consent. Errors are
// *provider.Error, but for a consent that lacks its random values. Entra has no call
// that revokes a refresh token: one that is not kept ends by itself.
func (c Consent) Exchange(ctx context.Context, client *http.Client, code string, now time.Time) (Grant, error) {
	if c.State == "" || c.Verifier == "" || c.Nonce == "" {
		return Grant{}, errUnbound
	}
	all := resources(c.Scopes)
	if len(all) == 0 {
		return Grant{}, wrongScopes(c.Scopes, errors.New("the scopes name no resource"))
	}
	first := OfResource(c.Scopes, all[0])
	q := question{app: c.App, at: c.Endpoints, scopes: first, subject: c.Hint, redirect: c.Redirect, form: url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.Redirect}, "code_verifier": {c.Verifier},
		"scope": {strings.Join(withOpenID(first), " ")},
	}}
	got, err := q.ask(ctx, client, now)
	if err != nil {
		return Grant{}, err
	}
	g, err := c.App.grant(got, grantCheck{at: c.Endpoints, nonce: c.Nonce, scopes: first, resource: all[0]}, now)
	for _, resource := range all[1:] {
		if err == nil {
			err = g.more(ctx, client, c, resource, now)
		}
	}
	return g, err
}

// more asks for a token of a further resource, to see what of it was granted. A refusal
// costs its own scopes alone.
func (g *Grant) more(ctx context.Context, client *http.Client, c Consent, resource string, now time.Time) error {
	scopes := OfResource(c.Scopes, resource)
	user := User{App: c.App, Refresh: g.Refresh, Tenant: g.Tenant, Email: g.Email}
	_, rotated, granted, err := user.Token(ctx, client, c.Endpoints, scopes, now)
	switch {
	case err != nil && oauth.Passing(err):
		return err
	case err != nil:
		return nil
	case !rotated.Empty():
		g.Refresh = rotated
	}
	g.Scopes = append(g.Scopes, allowed(scopes, granted)...)
	return nil
}

// allowed are the scopes that were granted, each by itself or by a wider one. An answer
// that names none means all (RFC 6749 section 5.1).
func allowed(asked, granted []string) []string {
	if granted == nil {
		return slices.Clone(asked)
	}
	return slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return !Covers(granted, s) })
}

// grantCheck is what a grant is compared with.
type grantCheck struct {
	at       Endpoints
	nonce    string // empty: none was sent
	scopes   []string
	resource string
}

// grant reads a yes to a consent.
func (a *App) grant(got answer, check grantCheck, now time.Time) (Grant, error) {
	who, err := a.identity(got.IDToken, check, now)
	if err != nil {
		return Grant{}, oauth.Held("identity_unproven", "Microsoft did not prove whose consent this is: "+err.Error()+".",
			"Start the consent again, and check this machine's clock (NTP).", err)
	}
	if got.RefreshToken == "" {
		return Grant{}, noRefreshToken()
	}
	var granted []string
	if got.Scope != "" {
		granted = answered(got.Scope, check.resource)
	}
	return Grant{
		Access: got.token(now), Refresh: email.NewSecret(got.RefreshToken), Scopes: allowed(check.scopes, granted),
		Subject: who.Object, Tenant: strings.ToLower(who.Tenant), Email: who.address(a),
	}, nil
}

func noRefreshToken() error {
	return oauth.Held("no_refresh_token", "Microsoft gave no refresh token with the consent.",
		"Connect again and agree to \"Maintain access to data you have given it access to\" (offline_access).", nil)
}
