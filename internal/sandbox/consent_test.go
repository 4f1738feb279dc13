package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

const (
	grace    = "grace@gmail.example"
	callback = "https://gatepost.example/connect/callback"
)

// app is an OAuth client as an application uses it, with a library that is not
// ours.
type app struct {
	oauth2.Config
	t   *testing.T
	w   *World
	ctx context.Context
}

func (w *World) app(t *testing.T, o ClientOptions, scopes ...string) app {
	t.Helper()
	if o.Type == "" {
		o.Type, o.RedirectURIs = clientWeb, []string{callback}
	}
	var file map[string]clientDetails
	if err := json.Unmarshal(w.OAuthClientWith(o), &file); err != nil {
		t.Fatal(err)
	}
	d := file[o.Type]
	if d.AuthURI != w.GoogleURL+"/o/oauth2/v2/auth" || d.TokenURI != w.GoogleURL+"/token" || !strings.HasSuffix(d.ClientID, ".apps.googleusercontent.com") {
		t.Fatalf("client file: %+v", d)
	}
	return app{
		oauth2.Config{
			ClientID: d.ClientID, ClientSecret: d.ClientSecret, RedirectURL: callback, Scopes: scopes,
			Endpoint: oauth2.Endpoint{AuthURL: d.AuthURI, TokenURL: d.TokenURI, AuthStyle: oauth2.AuthStyleInParams},
		},
		t, w, context.WithValue(t.Context(), oauth2.HTTPClient, w.client(t)),
	}
}

// decide lets a user decide and returns what comes back to the app.
func (a app) decide(authURL string, d Decision) url.Values {
	a.t.Helper()
	to, err := a.w.Decide(authURL, d)
	if err != nil {
		a.t.Fatal(err)
	}
	return query(a.t, to)
}

func query(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// consent asks for offline access and exchanges the code.
func (a app) consent(user string) *oauth2.Token {
	a.t.Helper()
	verifier := oauth2.GenerateVerifier()
	v := a.decide(a.AuthCodeURL("s", oauth2.AccessTypeOffline, oauth2.ApprovalForce, oauth2.S256ChallengeOption(verifier)), Decision{Account: user})
	tok, err := a.Exchange(a.ctx, v.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		a.t.Fatal(err)
	}
	return tok
}

func TestConsentThroughThePages(t *testing.T) {
	w := world(t)
	a := w.app(t, ClientOptions{}, "openid", "email", scopeSend, scopeMetadata)
	browser := w.client(t)
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	choose := do(t, browser, "GET", a.AuthCodeURL("my state", oauth2.AccessTypeOffline), "", "")
	if choose.status != 200 || !strings.Contains(choose.body, "Choose an account") || !strings.Contains(choose.body, grace) {
		t.Fatalf("no choice of accounts: %d %s", choose.status, choose.body)
	}
	_, rest, _ := strings.Cut(choose.body, `name="request" value="`)
	request, _, _ := strings.Cut(rest, `"`)
	ask := do(t, browser, "GET", w.GoogleURL+"/o/oauth2/v2/consent?request="+request+"&account="+grace, "", "")
	for _, want := range []string{"Send email on your behalf", `value="` + scopeMetadata + `" checked`, grace, `name="action" value="allow"`} {
		if !strings.Contains(ask.body, want) {
			t.Errorf("the consent page lacks %q:\n%s", want, ask.body)
		}
	}
	if strings.Contains(ask.body, scopeEmail) {
		t.Error("signing in has a box to tick")
	}
	if csp := ask.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://gatepost.example") {
		t.Errorf("a browser would not follow the answer: %s", csp)
	}
	form := url.Values{"request": {request}, "account": {grace}, "action": {"allow"}, "scope": {scopeSend}}
	back := do(t, browser, "POST", w.GoogleURL+"/o/oauth2/v2/consent", "application/x-www-form-urlencoded", form.Encode())
	v := query(t, back.header.Get("Location"))
	if back.status != 303 || v.Get("state") != "my state" || v.Get("iss") != w.GoogleURL || v.Get("code") == "" {
		t.Fatalf("sent back: %d %v", back.status, back.header)
	}
	if got := strings.Fields(v.Get("scope")); !slices.Equal(got, []string{"openid", scopeEmail, scopeSend}) {
		t.Errorf("scopes, one box unticked: %v", got)
	}
	tok, err := a.Exchange(a.ctx, v.Get("code"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(tok.RefreshToken, "1//") || tok.Extra("scope") != v.Get("scope") || tok.Extra("id_token") == nil {
		t.Errorf("token: %+v", tok)
	}
	again := do(t, browser, "POST", w.GoogleURL+"/o/oauth2/v2/consent", "application/x-www-form-urlencoded", form.Encode())
	if again.status != 400 || !strings.Contains(again.body, "expired") {
		t.Errorf("decided twice: %d", again.status)
	}
}
