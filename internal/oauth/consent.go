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

// Grant is what a user consented to.
type Grant struct {
	Access  Token
	Refresh email.Secret
	// Scopes are those that the user left ticked; compare with Covers or Granted.
	Scopes []string
	// Subject is Google's lasting id of the user, Email the mailbox: compare it
	// with the expected one before anything is kept.
	Subject, Email string
	RefreshExpires time.Time // zero: not said to expire
}

// URL is where the user's browser is sent. PKCE is always S256; access_type and
// prompt make Google give a refresh token each time
// (developers.google.com/identity/protocols/oauth2/web-server).
func (c Consent) URL() string {
	options := []oauth2.AuthCodeOption{
		oauth2.AccessTypeOffline, oauth2.SetAuthURLParam("prompt", "consent"),
		oauth2.S256ChallengeOption(c.Verifier), oauth2.SetAuthURLParam("nonce", c.Nonce),
	}
	if c.Hint != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", c.Hint))
	}
	if c.Client.kind == ClientWeb { // not for installed apps
		options = append(options, oauth2.SetAuthURLParam("include_granted_scopes", "true"))
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
// *provider.Error, but for a consent that lacks its random values.
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
	access, err := tokenOf(t, about, now)
	if err != nil {
		return Grant{}, err
	}
	if t.RefreshToken == "" {
		return Grant{}, noRefreshToken()
	}
	who, err := c.identity(t, now)
	if err != nil {
		return Grant{}, err
	}
	g := Grant{Access: access, Refresh: email.NewSecret(t.RefreshToken), Scopes: scopesOf(t), Subject: who.Subject, Email: who.Email}
	if g.Scopes == nil { // the same as asked for (RFC 6749 section 5.1)
		g.Scopes = slices.Clone(c.Scopes)
	}
	if life := secondsOf(t.Extra("refresh_token_expires_in")); life > 0 {
		g.RefreshExpires = now.Add(life)
	}
	return g, nil
}

func noRefreshToken() error {
	return Held("no_refresh_token", "Google gave no refresh token with the consent.",
		"Remove the app at https://myaccount.google.com/connections, then connect again.", nil)
}
