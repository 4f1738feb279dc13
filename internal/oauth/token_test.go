package oauth

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/provider"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// accountAt starts a token endpoint and parses an account that uses it.
func accountAt(t testing.TB, handler http.HandlerFunc) *ServiceAccount {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	account, err := ParseServiceAccount(file(t, nil), srv.URL+"/token")
	if err != nil {
		t.Fatal(err)
	}
	return account
}

// TestAssertion: the request is what RFC 7523 and Google ask for, signed with
// the key of the file.
func TestAssertion(t *testing.T) {
	var form url.Values
	account := accountAt(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form = r.PostForm
		fmt.Fprint(w, `{"access_token":"ya29.secret","expires_in":3599,"token_type":"Bearer"}`)
	})
	token, err := account.Token(t.Context(), nil, "ada@acme.example", []string{"scope-1", "scope-2"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if token.Access.Reveal() != "ya29.secret" || !token.Expires.Equal(noon.Add(3599*time.Second)) {
		t.Errorf("token %q until %v", token.Access.Reveal(), token.Expires)
	}
	if got := form.Get("grant_type"); got != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		t.Errorf("grant_type %q", got)
	}
	parts := strings.Split(form.Get("assertion"), ".")
	if len(parts) != 3 {
		t.Fatalf("the assertion has %d parts", len(parts))
	}
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, into) != nil {
			t.Fatalf("part %d: %q %v", i, raw, err)
		}
	}
	if d := cmp.Diff(map[string]any{"alg": "RS256", "typ": "JWT", "kid": "kid-1"}, header); d != "" {
		t.Errorf("header (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]any{
		"iss": "robot@p.iam.gserviceaccount.com", "sub": "ada@acme.example", "scope": "scope-1 scope-2", "aud": account.tokenURL,
		"iat": float64(noon.Unix() - 10), "exp": float64(noon.Unix() + 3590),
	}, claims); d != "" {
		t.Errorf("claims (-want +got):\n%s", d)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&account.key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		t.Errorf("signature: %v", err)
	}
}

// TestTokenLife: what expires_in says is used within sense.
func TestTokenLife(t *testing.T) {
	for expires, want := range map[string]time.Duration{
		`3599`: 3599 * time.Second, `"1800"`: 30 * time.Minute, `0`: time.Minute, `-5`: time.Minute,
		`315360000`: time.Hour, `null`: 5 * time.Minute, `1e99`: time.Hour,
	} {
		account := accountAt(t, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"access_token":"x","token_type":"bearer","expires_in":%s}`, expires)
		})
		token, err := account.Token(t.Context(), nil, "a@b", []string{"s"}, noon)
		if err != nil || token.Expires.Sub(noon) != want {
			t.Errorf("expires_in %s: %v %v, want %v", expires, token.Expires.Sub(noon), err, want)
		}
	}
}

// TestTokenErrors: each answer has its class, names what a person must know, and
// shows no secret.
func TestTokenErrors(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		class  provider.Class
		cause  string
		names  string
	}{
		{401, `{"error":"unauthorized_client","error_description":"Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."}`, provider.Hold, "delegation_missing", "add s1,s2 to the list of scopes of client id 117"},
		{400, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`, provider.Hold, "key_refused", "key kid-1"},
		{400, `{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}`, provider.Hold, "clock_off", "1h0m0s ahead"},
		{400, `{"error":"invalid_grant","error_description":"reauth related error","error_subtype":"invalid_rapt"}`, provider.Hold, "session_control", ""},
		{503, `oops`, provider.Retry, "token_endpoint_down", ""},
		{429, `{}`, provider.Park, "token_rate_limited", ""},
		{403, `<html>blocked by the proxy</html>`, provider.Retry, "token_answer_unreadable", "403"},
		{302, ``, provider.Retry, "token_answer_unreadable", ""},
		{200, `<html>welcome</html>`, provider.Retry, "token_answer_unreadable", ""},
		{200, ``, provider.Retry, "token_answer_unreadable", ""},
		{200, `{"access_token":""}`, provider.Retry, "token_answer_unreadable", ""},
		{200, `{"access_token":"ya29.secret","token_type":"mac"}`, provider.Retry, "token_answer_unreadable", ""},
		{200, `{"access_token":"ya29.secret`, provider.Retry, "token_answer_unreadable", ""},
	} {
		account := accountAt(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/token" {
				t.Errorf("asked %s: a redirect was followed", r.URL)
			}
			w.Header().Set("Date", noon.Add(-time.Hour).Format(http.TimeFormat))
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		_, err := account.Token(t.Context(), nil, "ada@acme.example", []string{"s1", "s2"}, noon)
		e, ok := errors.AsType[*provider.Error](err)
		if !ok || e.Class != c.class || e.Cause != c.cause {
			t.Errorf("%d %.60s: %v, want %v %s", c.status, c.body, err, c.class, c.cause)
			continue
		}
		if all := e.Text + " " + e.Fix + " " + e.Reply; !strings.Contains(all, c.names) || strings.Contains(all, "secret") {
			t.Errorf("%d %.60s: %q, want it to name %q and no secret", c.status, c.body, all, c.names)
		}
	}
}

// TestTokenUnreachable: an endpoint that is away or silent is tried again.
func TestTokenUnreachable(t *testing.T) {
	release := make(chan struct{})
	silent := accountAt(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	client := &http.Client{Timeout: 50 * time.Millisecond}
	for name, c := range map[string]struct {
		account *ServiceAccount
		cause   string
	}{
		"silent": {silent, "timeout"},
		"away":   {&ServiceAccount{email: "a@b", tokenURL: "http://127.0.0.1:1/token", key: silent.key}, "connection_refused"},
	} {
		_, err := c.account.Token(t.Context(), client, "a@b", []string{"s"}, noon)
		if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != provider.Retry || e.Cause != c.cause {
			t.Errorf("%s: %v, want retry with cause %s", name, err, c.cause)
		}
		if err != nil && strings.Contains(err.Error(), "assertion") {
			t.Errorf("%s: the error shows the request: %v", name, err)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add(200, []byte(`{"access_token":"x","expires_in":1}`))
	f.Add(400, []byte(`{"error":"invalid_grant","error_description":"Bad Request"}`))
	f.Add(500, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		token, err := readAnswer(&http.Response{StatusCode: status}, body, provider.About{}, noon)
		if (err == nil) == token.Access.Empty() {
			t.Errorf("token empty: %v, error %v", token.Access.Empty(), err)
		}
		if err == nil && (token.Expires.Before(noon) || token.Expires.After(noon.Add(lifetime))) {
			t.Errorf("expires %v", token.Expires)
		}
	})
}
