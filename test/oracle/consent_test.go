package oracle

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/gmail/v1"
	"google.golang.org/api/googleapi"

	"gatepost/test/running"
)

// redirect is where the browser is sent back to; nobody listens there.
const redirect = "http://127.0.0.1:8123/callback"

// client3LO is the library's configuration from Google's client file.
func (w *world) client3LO(file []byte, scopes ...string) *oauth2.Config {
	w.t.Helper()
	cfg, err := google.ConfigFromJSON(file, scopes...)
	if err != nil {
		w.t.Fatal(err)
	}
	return cfg
}

// A user gives consent, the code is exchanged with its verifier, the token sends, is refreshed by the
// library, and is dead once revoked.
func TestConsent(t *testing.T) {
	w := newWorld(t)
	cfg := w.client3LO(w.OAuthClient("web", redirect), gmail.GmailSendScope)
	verifier := oauth2.GenerateVerifier()
	back := w.consent(cfg.AuthCodeURL("state-1", oauth2.AccessTypeOffline, oauth2.S256ChallengeOption(verifier)), ada)
	if back.Get("state") != "state-1" || back.Get("code") == "" {
		t.Fatalf("sent back with %v", back)
	}
	token, err := cfg.Exchange(w.ctx, back.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if token.RefreshToken == "" || token.Extra("scope") == "" {
		t.Errorf("no refresh token or scope")
	}
	if _, err := w.service(cfg.TokenSource(w.ctx, token)).Users.Messages.Send("me", raw(hello)).Do(); err != nil {
		t.Error(err)
	}
	renewed, err := cfg.TokenSource(w.ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil || renewed.AccessToken == token.AccessToken {
		t.Errorf("refresh: %v", err)
	}
	w.revoke(token.RefreshToken)
	_, err = cfg.TokenSource(w.ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	grantRefused(t, err)
	_, err = w.service(oauth2.StaticTokenSource(renewed)).Users.GetProfile("me").Do()
	var e *googleapi.Error
	if !errors.As(err, &e) || e.Code != http.StatusUnauthorized {
		t.Errorf("a revoked token: %v", err)
	}
}

// A code works once, and only with the verifier that it was asked for with; used twice it takes its tokens
// with it.
func TestCodeIsForOneUse(t *testing.T) {
	w := newWorld(t)
	cfg := w.client3LO(w.OAuthClient("web", redirect), gmail.GmailSendScope)
	verifier := oauth2.GenerateVerifier()
	ask := func() string {
		return w.consent(cfg.AuthCodeURL("s", oauth2.AccessTypeOffline, oauth2.ApprovalForce, oauth2.S256ChallengeOption(verifier)), ada).Get("code")
	}
	_, err := cfg.Exchange(w.ctx, ask(), oauth2.VerifierOption(oauth2.GenerateVerifier()))
	grantRefused(t, err)
	code := ask()
	token, err := cfg.Exchange(w.ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	_, err = cfg.Exchange(w.ctx, code, oauth2.VerifierOption(verifier))
	grantRefused(t, err)
	_, err = cfg.TokenSource(w.ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	grantRefused(t, err)
}

func grantRefused(t *testing.T, err error) {
	t.Helper()
	var e *oauth2.RetrieveError
	if !errors.As(err, &e) || e.Response.StatusCode != http.StatusBadRequest || e.ErrorCode != "invalid_grant" {
		t.Errorf("%v, want invalid_grant", err)
	}
}

func (w *world) revoke(token string) {
	w.t.Helper()
	resp, err := w.client.PostForm(w.GoogleURL+"/revoke", url.Values{"token": {token}})
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.t.Errorf("revoke: %s", resp.Status)
	}
}

// consent agrees as a user and returns what the browser is sent back with.
func (w *world) consent(from, user string) url.Values {
	w.t.Helper()
	return running.Consent(w.t, w.client, from, user).Query()
}
