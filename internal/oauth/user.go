package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/oauth2"

	"gatepost/internal/email"
	"gatepost/internal/oauth/endpoint"
	"gatepost/internal/provider"
)

// User is a mailbox whose user has consented.
type User struct {
	Client  *Client
	Refresh email.Secret
	Email   string // the mailbox, for the words of errors
}

// Token asks for an access token with all the scopes that the user granted
// (RFC 6749 section 6). It makes one request and follows no redirect; every
// error is a *provider.Error.
//
// rotated is a refresh token that replaces the one in use; it is empty when that
// stays. It must be kept before the access token is used. scopes is nil where
// the answer names none: then they are those of the consent.
func (u User) Token(ctx context.Context, client *http.Client, endpoints Endpoints, now time.Time) (t Token, rotated email.Secret, scopes []string, err error) {
	ctx, cancel := withClient(ctx, client)
	defer cancel()
	about := provider.About{ClientID: u.Client.id, Subject: u.Email}
	got, err := u.Client.config(endpoints).TokenSource(ctx, &oauth2.Token{RefreshToken: u.Refresh.Reveal()}).Token()
	if err != nil {
		return Token{}, email.Secret{}, nil, userError(err, about, now)
	}
	if t, err = tokenOf(got, about, now); err != nil {
		return Token{}, email.Secret{}, nil, err
	}
	if got.RefreshToken != u.Refresh.Reveal() {
		rotated = email.NewSecret(got.RefreshToken)
	}
	return t, rotated, scopesOf(got), nil
}

// config is the client for x/oauth2. The secret goes into the form, as Google
// wants it; asking twice to find that out would use a code up.
func (c *Client) config(endpoints Endpoints) *oauth2.Config {
	e := endpoints.orGoogle()
	return &oauth2.Config{
		ClientID: c.id, ClientSecret: c.secret.Reveal(),
		Endpoint: oauth2.Endpoint{AuthURL: e.Auth, TokenURL: e.Token, AuthStyle: oauth2.AuthStyleInParams},
	}
}

// withClient makes x/oauth2 use an HTTP client that follows no redirect.
func withClient(ctx context.Context, client *http.Client) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, endpoint.Patience)
	return context.WithValue(ctx, oauth2.HTTPClient, endpoint.Direct(client)), cancel
}

// tokenOf takes the time from the caller's clock, which x/oauth2 does not.
func tokenOf(t *oauth2.Token, about provider.About, now time.Time) (Token, error) {
	if t.AccessToken == "" || !endpoint.Bearer(t.TokenType) {
		return Token{}, unusable(about, now)
	}
	life := json.Number("")
	if t.ExpiresIn != 0 || !t.Expiry.IsZero() {
		life = json.Number(strconv.FormatInt(t.ExpiresIn, 10))
	}
	return Token{Access: email.NewSecret(t.AccessToken), Expires: now.Add(endpoint.Life(life, lifetime))}, nil
}

func scopesOf(t *oauth2.Token) []string {
	s, _ := t.Extra("scope").(string)
	if s == "" {
		return nil
	}
	return splitScopes(s)
}

// secondsOf reads a number of seconds from an answer.
func secondsOf(v any) time.Duration {
	const most = 100 * 365 * 24 * 3600
	var n float64
	switch v := v.(type) {
	case float64:
		n = v
	case int64:
		n = float64(v)
	case string:
		n, _ = strconv.ParseFloat(v, 64)
	}
	if !(n > 0) { // also what is no number
		return 0
	}
	return time.Duration(min(n, most)) * time.Second
}

// userError makes a *provider.Error of what x/oauth2 reports.
func userError(err error, about provider.About, now time.Time) error {
	if said, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		about.ClockOffset = endpoint.ClockOffset(said.Response, now)
		_, err := readAnswer(said.Response, said.Body, about, now)
		return inWordsOfUsers(err, about)
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return provider.NoAnswer(provider.StageToken, false, err)
	}
	return unusable(about, now)
}

// unusable is a yes without a token. What was said is not shown: it may hold one.
func unusable(about provider.About, now time.Time) error {
	return provider.Classify(provider.Answer{
		Stage: provider.StageToken, Code: http.StatusOK, Text: "(an answer without a usable token)", About: about,
	}, now)
}

// inWordsOfUsers replaces the advice about domain-wide delegation, which a user's
// consent has nothing to do with.
func inWordsOfUsers(err error, about provider.About) error {
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || e.Cause != "delegation_missing" {
		return err
	}
	e.Cause = "client_not_allowed"
	e.Text = fmt.Sprintf("Google does not let the OAuth client %s ask for this.", about.ClientID)
	e.Fix = "Check the client's type and the app's scopes (Google Auth Platform > Data access) at " + consolePage + ", then connect the account again."
	return e
}
