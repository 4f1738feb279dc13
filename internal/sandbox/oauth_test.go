package sandbox

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// wantOAuth checks an error of the token endpoint.
func wantOAuth(t *testing.T, what string, err error, code, description string) {
	t.Helper()
	got, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || got.ErrorCode != code || got.ErrorDescription != description {
		t.Errorf("%s: %v, want %s %q", what, err, code, description)
	}
}

// refresh renews an access token with a refresh token.
func (a app) refresh(refresh string) (*oauth2.Token, error) {
	return a.TokenSource(a.ctx, &oauth2.Token{RefreshToken: refresh}).Token()
}

func TestAuthorizationRefusesInThePage(t *testing.T) {
	w := world(t)
	a := w.app(t, ClientOptions{}, scopeSend)
	desk := w.app(t, ClientOptions{Type: clientInstalled}, scopeSend)
	inside := w.app(t, ClientOptions{Type: clientWeb, RedirectURIs: []string{callback}, Internal: true}, scopeSend)
	good := a.AuthCodeURL("s")
	set := func(from, name, value string) string {
		u, _ := url.Parse(from)
		v := u.Query()
		if v.Del(name); value != "" {
			v.Set(name, value)
		}
		u.RawQuery = v.Encode()
		return u.String()
	}
	for name, c := range map[string]struct {
		url    string
		status int
		want   string
	}{
		"no client":             {set(good, "client_id", ""), 400, "Missing required parameter: client_id"},
		"unknown client":        {set(good, "client_id", "x"), 401, "Error 401: invalid_client"},
		"a slash more":          {set(good, "redirect_uri", callback+"/"), 400, "Error 400: redirect_uri_mismatch"},
		"other port":            {set(good, "redirect_uri", "http://127.0.0.1:80/"), 400, "redirect_uri_mismatch"},
		"desktop, elsewhere":    {set(desk.AuthCodeURL("s"), "redirect_uri", callback), 400, "redirect_uri_mismatch"},
		"desktop, any port":     {set(desk.AuthCodeURL("s"), "redirect_uri", "http://127.0.0.1:41234/x"), 200, "Choose an account"},
		"desktop, IPv6":         {set(desk.AuthCodeURL("s"), "redirect_uri", "http://[::1]:41234"), 200, "Choose an account"},
		"no response type":      {set(good, "response_type", ""), 400, "Missing required parameter: response_type"},
		"token":                 {set(good, "response_type", "token"), 400, "unsupported_response_type"},
		"no scope":              {set(good, "scope", ""), 400, "Missing required parameter: scope"},
		"unknown scope":         {set(good, "scope", "mail"), 400, "Some requested scopes were invalid. {invalid=[mail]}"},
		"two states":            {good + "&state=2", 400, "single value: state"},
		"other method":          {set(set(good, "code_challenge", strings.Repeat("a", 43)), "code_challenge_method", "S1"), 400, "code_challenge_method"},
		"short challenge":       {set(good, "code_challenge", "abc"), 400, "code_challenge"},
		"no such user":          {set(good, "login_hint", "nobody@acme.example"), 200, "find your Google Account: nobody@acme.example"},
		"hint":                  {set(good, "login_hint", ada), 200, "wants access to your Google Account"},
		"hint, choice demanded": {set(set(good, "login_hint", ada), "prompt", "select_account"), 200, "Choose an account"},
		"private, internal app": {set(inside.AuthCodeURL("s"), "login_hint", grace), 403, "Error 403: org_internal"},
		"member, internal app":  {set(inside.AuthCodeURL("s"), "login_hint", ada), 200, "wants access"},
		"bad prompt":            {set(good, "prompt", "login"), 400, "Invalid prompt: login"},
	} {
		got := do(t, w.client(t), "GET", c.url, "", "")
		body := strings.ReplaceAll(got.body, "&#43;", "+")
		if got.status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d, want %d with %q\n%s", name, got.status, c.status, c.want, got.body)
		}
	}
}

func TestAuthorizationAnswersTheApp(t *testing.T) {
	w := world(t)
	a := w.app(t, ClientOptions{}, scopeSend, scopeMetadata)
	v := a.decide(a.AuthCodeURL("s1"), Decision{Account: grace, Cancel: true})
	if v.Get("error") != "access_denied" || v.Get("state") != "s1" || v.Get("code") != "" || v.Get("iss") != w.GoogleURL {
		t.Errorf("canceled: %v", v)
	}
	v = a.decide(a.AuthCodeURL("s2"), Decision{Account: grace, Leave: []string{scopeSend, scopeMetadata}})
	if v.Get("error") != "access_denied" {
		t.Errorf("no box ticked: %v", v)
	}
	browser := w.client(t)
	browser.CheckRedirect = noFollow
	silent := a.AuthCodeURL("s3", oauth2.SetAuthURLParam("prompt", "none"), oauth2.SetAuthURLParam("login_hint", grace))
	first := do(t, browser, "GET", silent, "", "")
	if got := query(t, first.header.Get("Location")); got.Get("error") != "interaction_required" {
		t.Errorf("prompt=none before consent: %v", got)
	}
	a.consent(grace)
	second := do(t, browser, "GET", silent, "", "")
	if got := query(t, second.header.Get("Location")); got.Get("code") == "" || got.Get("state") != "s3" {
		t.Errorf("prompt=none after consent: %d %v", second.status, got)
	}
}

func TestCodeIsGoodOnceAndForOneClient(t *testing.T) {
	w := world(t)
	a := w.app(t, ClientOptions{}, scopeSend)
	code := func() string {
		return a.decide(a.AuthCodeURL("s", oauth2.AccessTypeOffline, oauth2.ApprovalForce), Decision{Account: grace}).Get("code")
	}
	_, err := a.Exchange(a.ctx, "4/nonsense")
	wantOAuth(t, "no code of ours", err, "invalid_grant", "Malformed auth code.")

	other := w.app(t, ClientOptions{}, scopeSend)
	one := code()
	_, err = other.Exchange(a.ctx, one)
	wantOAuth(t, "another client", err, "invalid_grant", "Bad Request")
	slash := a
	slash.RedirectURL += "/"
	_, err = slash.Exchange(a.ctx, one)
	wantOAuth(t, "another redirect", err, "redirect_uri_mismatch", "Bad Request")
	wrong := a
	wrong.ClientSecret = "GOCSPX-wrong"
	_, err = wrong.Exchange(a.ctx, one)
	wantOAuth(t, "wrong secret", err, "invalid_client", "Unauthorized")
	wrong.ClientSecret = ""
	_, err = wrong.Exchange(a.ctx, one)
	wantOAuth(t, "no secret", err, "invalid_request", "client_secret is missing.")
	wrong.ClientID = "x"
	_, err = wrong.Exchange(a.ctx, one)
	wantOAuth(t, "no client", err, "invalid_client", "The OAuth client was not found.")

	tok, err := a.Exchange(a.ctx, one)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Exchange(a.ctx, one)
	wantOAuth(t, "used twice", err, "invalid_grant", "Bad Request")
	_, err = a.refresh(tok.RefreshToken)
	wantOAuth(t, "refresh after the code came twice", err, "invalid_grant", textRevoked)
	if _, ok := w.google.allows(tok.AccessToken); ok {
		t.Error("the access token outlived the second use of its code")
	}
}

func TestProofKeyIsChecked(t *testing.T) {
	w := world(t)
	a := w.app(t, ClientOptions{}, scopeSend)
	verifier := oauth2.GenerateVerifier()
	code := func(o ...oauth2.AuthCodeOption) string {
		return a.decide(a.AuthCodeURL("s", o...), Decision{Account: grace}).Get("code")
	}
	s256 := oauth2.S256ChallengeOption(verifier)
	_, err := a.Exchange(a.ctx, code(s256))
	wantOAuth(t, "no verifier", err, "invalid_grant", "Missing code verifier.")
	_, err = a.Exchange(a.ctx, code(s256), oauth2.VerifierOption(oauth2.GenerateVerifier()))
	wantOAuth(t, "other verifier", err, "invalid_grant", "Invalid code verifier.")
	_, err = a.Exchange(a.ctx, code(), oauth2.VerifierOption(verifier))
	wantOAuth(t, "verifier without challenge", err, "invalid_grant", "code_verifier or verifier is not needed.")
	if _, err = a.Exchange(a.ctx, code(oauth2.SetAuthURLParam("code_challenge", verifier)), oauth2.VerifierOption(verifier)); err != nil {
		t.Error("plain:", err)
	}
}

func TestCodeEnds(t *testing.T) {
	c := &clock{at: time.Now()}
	w := world(t, func(cfg *Config) { cfg.Now = c.now })
	a := w.app(t, ClientOptions{}, scopeSend)
	code := a.decide(a.AuthCodeURL("s"), Decision{Account: grace}).Get("code")
	c.advance(codeLife)
	_, err := a.Exchange(a.ctx, code)
	wantOAuth(t, "late", err, "invalid_grant", "Bad Request")
}

func TestRefreshTokenComesOnlyWhereGoogleGivesOne(t *testing.T) {
	w := world(t)
	a := w.app(t, ClientOptions{}, scopeSend)
	desk := w.app(t, ClientOptions{Type: clientInstalled}, scopeSend)
	desk.RedirectURL = "http://127.0.0.1:9/"
	get := func(a app, o ...oauth2.AuthCodeOption) bool {
		t.Helper()
		tok, err := a.Exchange(a.ctx, a.decide(a.AuthCodeURL("s", o...), Decision{Account: grace}).Get("code"))
		if err != nil {
			t.Fatal(err)
		}
		return tok.RefreshToken != ""
	}
	if get(a) {
		t.Error("online access has one")
	}
	w.Revoke(grace)
	if !get(a, oauth2.AccessTypeOffline) {
		t.Error("first consent has none")
	}
	if get(a, oauth2.AccessTypeOffline) {
		t.Error("second consent has one")
	}
	if !get(a, oauth2.AccessTypeOffline, oauth2.ApprovalForce) {
		t.Error("prompt=consent has none")
	}
	for range 2 {
		if !get(desk) {
			t.Error("a desktop app has none")
		}
	}
}

func TestRefreshTokenEnds(t *testing.T) {
	for name, c := range map[string]struct {
		testing bool
		scopes  []string
		after   time.Duration
		works   bool
	}{
		"in Testing, 6 days":            {true, []string{"openid", scopeSend}, 6 * 24 * time.Hour, true},
		"in Testing, 7 days":            {true, []string{"openid", scopeSend}, 7 * 24 * time.Hour, false},
		"in Testing, only sign-in":      {true, []string{"openid", "email"}, 8 * 24 * time.Hour, true},
		"in production, 5 months idle":  {false, []string{scopeSend}, 150 * 24 * time.Hour, true},
		"in production, 6 months idle":  {false, []string{scopeSend}, 184 * 24 * time.Hour, false},
		"in production, at once, again": {false, []string{scopeSend}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			k := &clock{at: time.Now()}
			w := world(t, func(cfg *Config) { cfg.Now = k.now })
			a := w.app(t, ClientOptions{Type: clientWeb, RedirectURIs: []string{callback}, Testing: c.testing}, c.scopes...)
			tok := a.consent(grace)
			k.advance(c.after)
			fresh, err := a.refresh(tok.RefreshToken)
			if !c.works {
				wantOAuth(t, name, err, "invalid_grant", textRevoked)
				return
			}
			if err != nil || fresh.AccessToken == tok.AccessToken || fresh.RefreshToken != tok.RefreshToken {
				t.Errorf("%+v, %v", fresh, err)
			}
		})
	}
}

func TestHundredAndFirstTokenEndsTheFirst(t *testing.T) {
	w := world(t)
	a := w.app(t, ClientOptions{}, scopeSend)
	other := w.app(t, ClientOptions{}, scopeSend).consent(grace)
	var all []string
	for range maxRefreshTokens + 1 {
		all = append(all, a.consent(grace).RefreshToken)
	}
	_, err := a.refresh(all[0])
	wantOAuth(t, "the first", err, "invalid_grant", textRevoked)
	for _, i := range []int{1, maxRefreshTokens} {
		if _, err := a.refresh(all[i]); err != nil {
			t.Errorf("token %d: %v", i+1, err)
		}
	}
	if _, live := w.google.live(other.RefreshToken, w.google.client(w.google.refreshes[other.RefreshToken].client)); live != nil {
		t.Error("another client's token ended")
	}
}

func TestRefreshIsForItsClientAndScopes(t *testing.T) {
	w := world(t)
	a := w.app(t, ClientOptions{}, scopeSend, scopeMetadata)
	tok := a.consent(grace)
	_, err := w.app(t, ClientOptions{}, scopeSend).refresh(tok.RefreshToken)
	wantOAuth(t, "another client", err, "unauthorized_client", "Unauthorized")
	_, err = a.refresh("1//unknown")
	wantOAuth(t, "unknown", err, "invalid_grant", "Bad Request")
	form := url.Values{
		"grant_type": {grantRefresh}, "client_id": {a.ClientID}, "client_secret": {a.ClientSecret},
		"refresh_token": {tok.RefreshToken}, "scope": {scopeFull},
	}
	wide := do(t, w.client(t), "POST", w.GoogleURL+"/token", "application/x-www-form-urlencoded", form.Encode())
	if wide.status != 400 || !strings.Contains(wide.body, "invalid_scope") {
		t.Errorf("wider: %d %s", wide.status, wide.body)
	}
	form.Set("scope", scopeSend)
	less := do(t, w.client(t), "POST", w.GoogleURL+"/token", "application/x-www-form-urlencoded", form.Encode())
	if less.status != 200 || strings.Contains(less.body, "gmail.metadata") {
		t.Errorf("narrower: %d %s", less.status, less.body)
	}
}

func TestRevocationEndsAllOfUserAndClient(t *testing.T) {
	w := world(t)
	a := w.app(t, ClientOptions{}, scopeSend)
	one, two := a.consent(grace), a.consent(grace)
	others := a.consent(ada)
	revoke := func(token string) answer {
		return do(t, w.client(t), "POST", w.GoogleURL+"/revoke", "application/x-www-form-urlencoded", url.Values{"token": {token}}.Encode())
	}
	if got := revoke(one.AccessToken); got.status != 200 {
		t.Fatalf("revoke: %d %s", got.status, got.body)
	}
	for _, tok := range []*oauth2.Token{one, two} {
		_, err := a.refresh(tok.RefreshToken)
		wantOAuth(t, "revoked", err, "invalid_grant", textRevoked)
	}
	if _, err := a.refresh(others.RefreshToken); err != nil {
		t.Error("another user's token:", err)
	}
	again := revoke(one.AccessToken)
	if again.status != 400 || !strings.Contains(again.body, `{"error":"invalid_token","error_description":"Token expired or revoked"}`) {
		t.Errorf("again: %d %s", again.status, again.body)
	}
	if n := w.Revoke("ADA@acme.example"); n != 1 {
		t.Errorf("the user took back %d", n)
	}
	_, err := a.refresh(others.RefreshToken)
	wantOAuth(t, "taken back by the user", err, "invalid_grant", textRevoked)
}

func TestTokenFaults(t *testing.T) {
	w := world(t)
	a := w.app(t, ClientOptions{}, scopeSend)
	tok := a.consent(grace)
	for fault, want := range map[string][2]string{
		"reauth":          {"invalid_grant", "reauth related error (invalid_rapt)"},
		"admin_policy":    {"admin_policy_enforced", "Access to your account data is restricted by policies within your organization."},
		"client_deleted":  {"deleted_client", "The OAuth client was deleted."},
		"client_disabled": {"disabled_client", "The OAuth client was disabled."},
		"token_error":     {"internal_failure", "Backend Error"},
		"token_refused":   {"invalid_grant", textRevoked},
	} {
		w.fault(t, `{"fault":"`+fault+`","account":"`+grace+`","count":1}`)
		_, err := a.refresh(tok.RefreshToken)
		wantOAuth(t, fault, err, want[0], want[1])
	}
	w.fault(t, `{"fault":"rotate","count":1}`)
	fresh, err := a.refresh(tok.RefreshToken)
	if err != nil || fresh.RefreshToken == tok.RefreshToken {
		t.Fatalf("rotated: %+v %v", fresh, err)
	}
	_, err = a.refresh(tok.RefreshToken)
	wantOAuth(t, "the old one", err, "invalid_grant", textRevoked)
	if _, err := a.refresh(fresh.RefreshToken); err != nil {
		t.Error("the new one:", err)
	}
	calls := w.TokenCalls()
	last := calls[len(calls)-1]
	if len(calls) != 10 || calls[0].Grant != grantCode || !last.OK || last.Grant != grantRefresh || last.Subject != grace || last.Client != a.ClientID {
		t.Errorf("%d calls, last %+v", len(calls), last)
	}
	var told struct {
		Calls []TokenCall `json:"token_calls"`
	}
	w.ask(t, "GET", "/control/token-calls", "").into(t, &told)
	if len(told.Calls) != 10 || told.Calls[8].Error != "invalid_grant" {
		t.Errorf("by the control endpoint: %+v", told)
	}
}

func TestIDTokenIsSignedByThePublishedKey(t *testing.T) {
	w := world(t)
	a := w.app(t, ClientOptions{}, "openid", "email", "profile", scopeSend)
	v := a.decide(a.AuthCodeURL("s", oauth2.SetAuthURLParam("nonce", "n-1")), Decision{Account: ada})
	tok, err := a.Exchange(a.ctx, v.Get("code"))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(tok.Extra("id_token").(string), ".")
	var keys struct {
		Keys []struct{ Kid, N, E string }
	}
	do(t, w.client(t), "GET", w.GoogleURL+"/oauth2/v3/certs", "", "").into(t, &keys)
	n, _ := base64.RawURLEncoding.DecodeString(keys.Keys[0].N)
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature); err != nil || keys.Keys[0].E != "AQAB" {
		t.Fatal("signature:", err)
	}
	data, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var c map[string]any
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"iss": w.GoogleURL, "aud": a.ClientID, "azp": a.ClientID, "nonce": "n-1", "email": ada, "email_verified": true,
		"hd": Domain, "sub": subjectOf(ada), "name": "Ada",
	} {
		if c[name] != want {
			t.Errorf("%s: %v, want %v", name, c[name], want)
		}
	}
	var meta map[string]any
	do(t, w.client(t), "GET", w.GoogleURL+"/.well-known/openid-configuration", "", "").into(t, &meta)
	if meta["issuer"] != w.GoogleURL || meta["token_endpoint"] != w.GoogleURL+"/token" || meta["authorization_response_iss_parameter_supported"] != true {
		t.Errorf("discovery: %v", meta)
	}
}

func TestTokenInfoAndUserInfo(t *testing.T) {
	w := world(t)
	a := w.app(t, ClientOptions{}, "openid", "email", scopeSend)
	tok := a.consent(grace)
	info := do(t, w.client(t), "GET", w.GoogleURL+"/tokeninfo?access_token="+tok.AccessToken, "", "")
	for _, want := range []string{
		`"aud":"` + a.ClientID, `"sub":"` + subjectOf(grace), `"scope":"openid ` + scopeEmail + ` ` + scopeSend + `"`,
		`"expires_in":"35`, `"email":"grace@gmail.example"`, `"email_verified":"true"`, `"access_type":"offline"`,
	} {
		if !strings.Contains(info.body, want) {
			t.Errorf("tokeninfo lacks %s: %s", want, info.body)
		}
	}
	if bad := do(t, w.client(t), "GET", w.GoogleURL+"/tokeninfo?access_token=x", "", ""); bad.status != 400 || !strings.Contains(bad.body, `"error":"invalid_token"`) {
		t.Errorf("bad token: %d %s", bad.status, bad.body)
	}
	who := do(t, a.Client(a.ctx, tok), "GET", w.GoogleURL+"/v1/userinfo", "", "")
	if !strings.Contains(who.body, `"email":"grace@gmail.example","email_verified":true`) || strings.Contains(who.body, `"hd"`) {
		t.Errorf("userinfo: %s", who.body)
	}
	if none := do(t, w.client(t), "GET", w.GoogleURL+"/v1/userinfo", "", ""); none.status != 401 {
		t.Errorf("userinfo without token: %d", none.status)
	}
	narrow := w.app(t, ClientOptions{}, scopeSend)
	if got := do(t, narrow.Client(a.ctx, narrow.consent(grace)), "GET", w.GoogleURL+"/v1/userinfo", "", ""); got.status != 401 {
		t.Errorf("userinfo without openid: %d", got.status)
	}
}

func TestConsentLetsSendThroughTheGmailAPI(t *testing.T) {
	w := world(t)
	a := w.app(t, ClientOptions{}, scopeSend)
	tok := a.consent(grace)
	c := a.Client(a.ctx, tok)
	w.sent(t, c, strings.Replace(mailTo("bob@example.net"), ada, grace, 1))
	if e := w.ledger(t); len(e) != 1 || e[0].Account != grace {
		t.Errorf("ledger: %+v", e)
	}
	w.ask(t, "POST", "/control/revoke", `{"account":"`+grace+`"}`)
	got := do(t, c, "POST", w.sendURL(), "application/json", rawJSON(mailTo("bob@example.net")))
	if got.status != 401 || !strings.Contains(got.body, "Invalid Credentials") {
		t.Errorf("after the user took it back: %d %s", got.status, got.body)
	}
}
