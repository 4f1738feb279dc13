package oauth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// Consent is one request for a user's consent (authorization code with PKCE,
// RFC 6749 section 4.1, RFC 7636, RFC 9700 section 2.1.1). The same values serve
// for the URL and for the exchange; State, Verifier and Nonce are random, used
// once, and compared or sent by whoever started the consent alone.
type Consent struct {
	Client    *Client
	Endpoints Endpoints // zero: Google
	Redirect  string    // where the browser comes back; see CheckRedirectURI
	Scopes    []string  // see ScopesFor; openid and email are added
	Hint      string    // the mailbox that is expected
	State     string
	Verifier  string // 43 to 128 characters of RFC 7636 section 4.1: base64url of 32 random bytes
	Nonce     string
}

// TestingLife is how long a refresh token lasts that was given to an app whose publishing
// status is Testing (developers.google.com/identity/protocols/oauth2#expiration).
const TestingLife = 7 * 24 * time.Hour

// Grant is what a user consented to.
type Grant struct {
	Access  Token
	Refresh email.Secret
	// Scopes are those of the consent that the user left ticked; compare with Covers
	// or Granted. What the token may do besides is not among them.
	Scopes []string
	// Subject is Google's lasting id of the user, Email the mailbox: compare it
	// with the expected one before anything is kept.
	Subject, Email string
	RefreshExpires time.Time // zero: not said to expire
}

// URL is where the user's browser is sent. PKCE is always S256; access_type and
// prompt make Google give a refresh token each time
// (developers.google.com/identity/protocols/oauth2/web-server). What the user
// granted before is not added (include_granted_scopes): the token is good for no
// more than the page asks.
func (c Consent) URL() string {
	options := []oauth2.AuthCodeOption{
		oauth2.AccessTypeOffline, oauth2.SetAuthURLParam("prompt", "consent"),
		oauth2.S256ChallengeOption(c.Verifier), oauth2.SetAuthURLParam("nonce", c.Nonce),
	}
	if c.Hint != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", c.Hint))
	}
	return c.config().AuthCodeURL(c.State, options...)
}

func (c Consent) config() *oauth2.Config {
	cfg := c.Client.config(c.Endpoints)
	cfg.RedirectURL, cfg.Scopes = c.Redirect, slices.Clone(c.Scopes)
	for _, s := range []string{ScopeOpenID, ScopeEmail} {
		if !Covers(cfg.Scopes, s) {
			cfg.Scopes = append(cfg.Scopes, s)
		}
	}
	return cfg
}

// errUnbound is a fault of the program: without these values a code could be
// another's (RFC 9700 section 4.5).
var errUnbound = errors.New("a consent without state, verifier and nonce is not bound to whoever started it")

// Exchange turns the code of the redirect into a grant, by one request. The ID
// token must be this Google's, for this client and this consent. Errors are
// *provider.Error, but for a consent that lacks its random values. Beside an
// error, the grant holds what Google gave all the same and has to be revoked:
// Refresh, and the Subject that the ID token names, for what that is worth.
func (c Consent) Exchange(ctx context.Context, client *http.Client, code string, now time.Time) (Grant, error) {
	if c.State == "" || c.Verifier == "" || c.Nonce == "" {
		return Grant{}, errUnbound
	}
	ctx, cancel := withClient(ctx, client)
	defer cancel()
	about := provider.About{ClientID: c.Client.id, Scopes: c.Scopes, Subject: c.Hint}
	t, err := c.config().Exchange(ctx, code, oauth2.VerifierOption(c.Verifier))
	if err != nil {
		return Grant{}, userError(err, about, now)
	}
	who, unproven := c.identity(t, now)
	g := Grant{Refresh: email.NewSecret(t.RefreshToken), Subject: who.Subject}
	access, err := tokenOf(t, about, now)
	switch {
	case err != nil:
		return g, err
	case g.Refresh.Empty():
		return g, noRefreshToken()
	case unproven != nil:
		return g, unproven
	}
	g.Access, g.Email, g.Scopes = access, who.Email, c.allowed(scopesOf(t))
	if life := secondsOf(t.Extra("refresh_token_expires_in")); life > 0 {
		g.RefreshExpires = now.Add(life)
	}
	return g, nil
}

// allowed are the scopes of the consent that were granted, each by itself or by a
// wider one. An answer that names none means all (RFC 6749 section 5.1).
func (c Consent) allowed(granted []string) []string {
	if granted == nil {
		return slices.Clone(c.Scopes)
	}
	return slices.DeleteFunc(slices.Clone(c.Scopes), func(s string) bool { return !Covers(granted, s) })
}

func noRefreshToken() error {
	return Held("no_refresh_token", "Google gave no refresh token with the consent.",
		"Remove the app at https://myaccount.google.com/connections, then connect again.", nil)
}
