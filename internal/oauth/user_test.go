package oauth

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

func (p *idp) user(t testing.TB) User {
	t.Helper()
	return User{Client: parsed(t, ClientWeb, nil, p.endpoints()), Refresh: email.NewSecret("1//old-canary"), Email: "ada@acme.example"}
}

func TestRefresh(t *testing.T) {
	p := newIDP(t)
	delete(p.answer, "refresh_token")
	token, rotated, scopes, err := p.user(t).Token(t.Context(), p.Client(), p.endpoints(), noon)
	if err != nil || token.Access.Reveal() != "ya29.canary" || !token.Expires.Equal(noon.Add(3599*time.Second)) || !rotated.Empty() {
		t.Errorf("token until %v, rotated %v, %v", token.Expires, !rotated.Empty(), err)
	}
	if d := cmp.Diff([]string{ScopeSend, scopeEmailLong, "openid"}, scopes); d != "" {
		t.Errorf("scopes (-want +got):\n%s", d)
	}
	if d := cmp.Diff(url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {"1//old-canary"}, "client_id": {clientID}, "client_secret": {clientSecret},
	}, p.form); d != "" { // no scope: the answer holds all that was granted
		t.Errorf("form (-want +got):\n%s", d)
	}
	p.answer["refresh_token"] = "1//old-canary"
	if _, rotated, _, err := p.user(t).Token(t.Context(), p.Client(), p.endpoints(), noon); err != nil || !rotated.Empty() {
		t.Errorf("the same token again: rotated %v, %v", !rotated.Empty(), err)
	}
	p.answer["refresh_token"] = "1//new-canary"
	if _, rotated, _, err := p.user(t).Token(t.Context(), p.Client(), p.endpoints(), noon); err != nil || rotated.Reveal() != "1//new-canary" {
		t.Errorf("a new token: %q, %v", rotated.Reveal(), err)
	}
	for expires, want := range map[any]time.Duration{0: 5 * time.Minute, -5: time.Minute, "1800": 30 * time.Minute, 1e9: time.Hour, nil: 5 * time.Minute} {
		p.answer["expires_in"] = expires
		if token, _, _, err := p.user(t).Token(t.Context(), p.Client(), p.endpoints(), noon); err != nil || token.Expires.Sub(noon) != want {
			t.Errorf("expires_in %v: %v %v, want %v", expires, token.Expires.Sub(noon), err, want)
		}
	}
}

func TestRefreshErrors(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		answer map[string]any
		class  provider.Class
		cause  string
		says   string
	}{
		"revoked":          {400, map[string]any{"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, provider.Hold, "token_revoked", "gatepost connect gmail"},
		"session control":  {400, map[string]any{"error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)", "error_subtype": "invalid_rapt"}, provider.Hold, "session_control", ""},
		"blocked by admin": {400, map[string]any{"error": "admin_policy_enforced"}, provider.Hold, "blocked_by_admin", clientID},
		"client disabled":  {401, map[string]any{"error": "disabled_client"}, provider.Hold, "client_unknown", clientID},
		"wrong secret":     {401, map[string]any{"error": "invalid_client", "error_description": "Unauthorized"}, provider.Hold, "client_secret_refused", clientID},
		"grant refused":    {401, map[string]any{"error": "unauthorized_client", "error_description": "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."}, provider.Hold, "client_not_allowed", clientID},
		"slow down":        {429, map[string]any{"error": "rate_limit_exceeded"}, provider.Park, "token_rate_limited", ""},
		"down":             {500, map[string]any{"error": "internal_failure"}, provider.Retry, "token_endpoint_down", ""},
	} {
		p := newIDP(t)
		p.status, p.answer = c.status, c.answer
		_, _, _, err := p.user(t).Token(t.Context(), p.Client(), p.endpoints(), noon)
		e, ok := errors.AsType[*provider.Error](err)
		if !ok || e.Class != c.class || e.Cause != c.cause || !strings.Contains(e.Text+e.Fix, c.says) {
			t.Errorf("%s: %v, want %v %s naming %q", name, err, c.class, c.cause, c.says)
		}
		if strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s: the error shows a secret: %v", name, err)
		}
		if e.Class == provider.Hold && (e.Fix == "" || strings.Contains(e.Fix, "domainwidedelegation")) {
			t.Errorf("%s: advice %q", name, e.Fix)
		}
	}
	dead := User{Client: parsed(t, ClientWeb, nil, Google()), Refresh: email.NewSecret("1//old-canary")}
	_, _, _, err := dead.Token(t.Context(), nil, At("http://127.0.0.1:1"), noon)
	if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != provider.Retry || e.Cause != "connection_refused" || strings.Contains(e.Error(), "canary") {
		t.Errorf("nobody there: %v", err)
	}
}

// said is an HTTP answer without a network.
type said struct {
	status int
	kind   string
	body   []byte
}

func (s said) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: s.status, Status: http.StatusText(s.status), Header: http.Header{"Content-Type": {s.kind}},
		Body: io.NopCloser(strings.NewReader(string(s.body))),
	}, nil
}

func FuzzTokenAnswer(f *testing.F) {
	f.Add(200, "application/json", []byte(`{"access_token":"x","expires_in":1,"refresh_token":"y","scope":"a b","token_type":"Bearer"}`))
	f.Add(200, "text/plain", []byte(`access_token=x&expires_in=9&scope=a`))
	f.Add(200, "", []byte(`{"access_token":"x","expires_in":"3599","refresh_token_expires_in":1e300}`))
	f.Add(400, "application/json", []byte(`{"error":"invalid_grant","error_subtype":"invalid_rapt"}`))
	f.Add(503, "text/html", []byte(`<html>`))
	client := parsed(f, ClientWeb, nil, Google())
	f.Fuzz(func(t *testing.T, status int, kind string, body []byte) {
		if status < 100 || status > 999 {
			return // no HTTP answer
		}
		hc := &http.Client{Transport: said{status, kind, body}}
		token, _, _, err := User{Client: client, Refresh: email.NewSecret("1//old")}.Token(t.Context(), hc, Google(), noon)
		if (err == nil) == token.Access.Empty() {
			t.Errorf("token empty: %v, error %v", token.Access.Empty(), err)
		}
		if err == nil && (token.Expires.Before(noon) || token.Expires.After(noon.Add(lifetime))) {
			t.Errorf("expires %v", token.Expires)
		}
		if _, ok := errors.AsType[*provider.Error](err); err != nil && !ok {
			t.Errorf("error without a class: %v", err)
		}
		c := someConsent(client, Google())
		if g, err := c.Exchange(t.Context(), hc, "code", noon); err == nil && (g.Refresh.Empty() || g.Email == "") {
			t.Errorf("half a grant: %+v", g)
		}
	})
}

func TestRevokeAndInspect(t *testing.T) {
	var form url.Values
	answer, status := "", 200
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.RawQuery != "" {
			t.Errorf("%s %s: a token in an address gets into logs", r.Method, r.URL)
		}
		_ = r.ParseForm()
		form = r.PostForm
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(srv.Close)
	secret := email.NewSecret("1//canary")
	e := At(srv.URL)
	if err := Revoke(t.Context(), nil, e, secret); err != nil || form.Get("token") != "1//canary" {
		t.Errorf("revoke: %v %v", err, form)
	}
	status, answer = 400, `{"error":"invalid_token","error_description":"Token expired or revoked"}`
	if err := Revoke(t.Context(), nil, e, secret); err != nil {
		t.Errorf("revoked before: %v", err)
	}
	if _, err := Inspect(t.Context(), nil, e, secret); cause(err) != "token_invalid" {
		t.Errorf("inspect a dead token: %v", err)
	}
	status, answer = 503, `oops`
	if err := Revoke(t.Context(), nil, e, secret); !Passing(err) {
		t.Errorf("revoke while Google is down: %v", err)
	}
	if _, err := Inspect(t.Context(), nil, e, secret); !Passing(err) {
		t.Errorf("inspect while Google is down: %v", err)
	}
	if err := Revoke(t.Context(), nil, At("http://127.0.0.1:1"), secret); !Passing(err) || strings.Contains(err.Error(), "canary") {
		t.Errorf("revoke with nobody there: %v", err)
	}
	status, answer = 200, `{"azp":"x","aud":"117","sub":"1098","scope":"b a","exp":"1795262400","expires_in":"3599","email":"ada@acme.example","email_verified":"true"}`
	got, err := Inspect(t.Context(), nil, e, secret)
	want := Info{Audience: "117", Subject: "1098", Email: "ada@acme.example", Scopes: []string{"a", "b"}, Expires: time.Unix(1795262400, 0).UTC()}
	if d := cmp.Diff(want, got); d != "" || err != nil || form.Get("access_token") != "1//canary" {
		t.Errorf("inspect: %v (-want +got):\n%s", err, d)
	}
}

func cause(err error) string {
	if e, ok := errors.AsType[*provider.Error](err); ok {
		return e.Cause
	}
	return ""
}

func FuzzReadInfo(f *testing.F) {
	f.Add([]byte(`{"aud":"117","exp":"1795262400","scope":"a"}`))
	f.Add([]byte(`{"aud":"117","exp":1.5e300}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if info, err := readInfo(b, noon); err == nil && info.Audience == "" {
			t.Errorf("%+v", info)
		}
	})
}

// TestErrorsTravel: another process reads the same error.
func TestErrorsTravel(t *testing.T) {
	was := Held("a_cause", "text", "fix", errors.New("under it"))
	text, ok := MarshalError(fmt.Errorf("wrapped: %w", was))
	got, same := errors.AsType[*provider.Error](UnmarshalError(text))
	if !ok || !same || got.Cause != "a_cause" || got.Class != provider.Hold || got.Text != "text" || got.Fix != "fix" || got.Scope != provider.ScopeAccount {
		t.Errorf("%s: %+v", text, got)
	}
	if _, ok := MarshalError(errors.New("ours")); ok {
		t.Error("an error that is no answer travels")
	}
	for _, s := range []string{"", "{}", "[]", "x"} {
		if err := UnmarshalError(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}
