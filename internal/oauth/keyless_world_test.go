package oauth_test

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/oauth"
	"gatepost/internal/provider"
	"gatepost/internal/sandbox"
)

const outsideIssuer = "https://issuer.example"

func keylessAt(w *sandbox.World) oauth.KeylessEndpoints {
	return oauth.KeylessAt(w.GoogleURL, w.MetadataURL)
}

// workload makes a pool with a service account, whose file reads the outside token from
// the path given.
func workload(t *testing.T, w *sandbox.World, o sandbox.WorkloadOptions) (file, audience string, a sandbox.WorkloadAccount) {
	t.Helper()
	o.TokenFile, o.Pool.Issuer = filepath.Join(t.TempDir(), "token"), outsideIssuer
	a = w.AddWorkload(o)
	var f struct {
		Audience string `json:"audience"`
	}
	if err := json.Unmarshal(a.File, &f); err != nil {
		t.Fatal(err)
	}
	put(t, o.TokenFile, w.OutsideToken(outsideIssuer, f.Audience, "gatepost"))
	return o.TokenFile, f.Audience, a
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newKeyless checks the fields for the world, where their identity may be used.
func newKeyless(t *testing.T, w *sandbox.World, f oauth.KeylessFields) *oauth.Keyless {
	t.Helper()
	k, err := oauth.NewKeyless(f, keylessAt(w), nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err = oauth.NewKeyless(f, keylessAt(w), oauth.KeylessIdentities{cmp.Or(k.SubjectToken(), oauth.KeylessMetadata)})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// keylessToken goes all the way to a token of a user.
func keylessToken(t *testing.T, hc *http.Client, k *oauth.Keyless, subject string, scopes ...string) (oauth.Token, error) {
	t.Helper()
	by, err := k.Caller(t.Context(), hc, time.Now())
	if err != nil {
		return oauth.Token{}, err
	}
	return k.Token(t.Context(), hc, oauth.KeylessAsk{By: by, Subject: subject, Scopes: scopes}, time.Now())
}

func wantKeyless(t *testing.T, name string, err error, class provider.Class, cause, says string) {
	t.Helper()
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || e.Class != class || e.Cause != cause || !strings.Contains(e.Text+" "+e.Fix, says) {
		t.Errorf("%s: %v, want %v with cause %s that says %q", name, err, class, cause, says)
		if ok {
			t.Logf("%s %s", e.Text, e.Fix)
		}
		return
	}
	if e.Fix == "" && class == provider.Hold || strings.Contains(e.Text+e.Fix+e.Link, "{") || strings.Contains(e.Error()+e.Fix, "canary") {
		t.Errorf("%s: %q %q %q", name, e.Text, e.Fix, e.Reply)
	}
}

func TestTokenFromAnOutsideToken(t *testing.T) {
	w, hc := startWorld(t)
	_, _, a := workload(t, w, sandbox.WorkloadOptions{Scopes: []string{oauth.ScopeSend}})
	k := newKeyless(t, w, oauth.KeylessFields{File: a.File, ClientID: a.ClientID})
	got, err := keylessToken(t, hc, k, "ada@acme.example", oauth.ScopeSend)
	if err != nil || got.Access.Empty() || got.Expires.Before(time.Now().Add(50*time.Minute)) {
		t.Fatalf("until %v, %v", got.Expires, err)
	}
	_, err = keylessToken(t, hc, k, "ada@acme.example", oauth.ScopeMetadata)
	wantKeyless(t, "not delegated", err, provider.Hold, "delegation_missing", "client id "+a.ClientID)
	_, err = keylessToken(t, hc, k, "nobody@acme.example", oauth.ScopeSend)
	wantKeyless(t, "unknown user", err, provider.Hold, "unknown_user", "nobody@acme.example")

	bare := newKeyless(t, w, oauth.KeylessFields{File: a.File})
	_, err = keylessToken(t, hc, bare, "ada@acme.example", oauth.ScopeMetadata)
	wantKeyless(t, "not delegated, and no number", err, provider.Hold, "delegation_missing", "the unique ID of "+a.Address)
	if _, err := k.Caller(t.Context(), nil, time.Now()); err == nil {
		t.Error("an endpoint of an unknown authority got the outside token")
	}
}

// TestOutsideTokensThatGoogleRefuses: each refusal says what to change.
func TestOutsideTokensThatGoogleRefuses(t *testing.T) {
	w, hc := startWorld(t)
	path, audience, a := workload(t, w, sandbox.WorkloadOptions{})
	k := newKeyless(t, w, oauth.KeylessFields{File: a.File})
	old := unsigned(t, map[string]any{"iss": outsideIssuer, "aud": audience, "sub": "gatepost", "iat": 1, "exp": 2})
	for name, c := range map[string]struct{ token, cause, says string }{
		"audience": {w.OutsideToken(outsideIssuer, "//other", "gatepost"), "wrong_audience", "https:" + audience},
		"issuer":   {w.OutsideToken("https://other.example", audience, "gatepost"), "wrong_issuer", "issuer"},
		"subject":  {w.OutsideToken(outsideIssuer, audience, "somebody"), "condition_refused", "attribute condition"},
		"expired":  {old, "subject_token_expired", "clock"},
	} {
		put(t, path, c.token)
		_, err := k.Caller(t.Context(), hc, time.Now())
		wantKeyless(t, name, err, provider.Hold, c.cause, c.says)
	}
	put(t, path, w.OutsideToken(outsideIssuer, audience, "gatepost"))
	unknown := strings.Replace(string(a.File), "/providers/", "/providers/not-", 1)
	_, err := newKeyless(t, w, oauth.KeylessFields{File: json.RawMessage(unknown)}).Caller(t.Context(), hc, time.Now())
	wantKeyless(t, "pool", err, provider.Hold, "pool_unknown", "/providers/not-")

	_, _, weak := workload(t, w, sandbox.WorkloadOptions{Role: sandbox.RoleWorkloadUser, Scopes: []string{oauth.ScopeSend}})
	_, err = keylessToken(t, hc, newKeyless(t, w, oauth.KeylessFields{File: weak.File}), "ada@acme.example", oauth.ScopeSend)
	wantKeyless(t, "role", err, provider.Hold, "signing_not_allowed",
		"add-iam-policy-binding "+weak.Address+" --role=roles/iam.serviceAccountTokenCreator --member='"+weak.Principal+"'")
}

func unsigned(t *testing.T, claims map[string]any) string {
	t.Helper()
	c, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + e(c) + "." + e([]byte("signature"))
}

// TestWhereOutsideTokensComeFrom: what is no token is neither sent off nor shown.
func TestWhereOutsideTokensComeFrom(t *testing.T) {
	w, hc := startWorld(t)
	path, audience, a := workload(t, w, sandbox.WorkloadOptions{})
	token := w.OutsideToken(outsideIssuer, audience, "gatepost")
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/moved":
			http.Redirect(rw, r, "/text?canary", http.StatusFound)
		case r.Header.Get("Metadata") != "True":
			http.Error(rw, "canary", http.StatusForbidden)
		case r.URL.Path == "/json":
			fmt.Fprintf(rw, `{"access_token":%q,"canary":1}`, token)
		default:
			fmt.Fprintln(rw, token)
		}
	}))
	t.Cleanup(srv.Close)
	flagged := map[string]string{"Metadata": "True"}
	inJSON := map[string]string{"type": "json", "subject_token_field_name": "access_token"}
	secret := filepath.Join(filepath.Dir(path), "secret")
	put(t, secret, "canary.canary.canary!")
	put(t, filepath.Join(filepath.Dir(path), "empty"), "")
	put(t, filepath.Join(filepath.Dir(path), "json"), `{"access_token":"`+token+`"}`)
	calls := len(w.TokenCalls())
	for name, c := range map[string]struct {
		source map[string]any
		says   string // empty: a token
	}{
		"file":             {map[string]any{"file": path}, ""},
		"JSON file":        {map[string]any{"file": filepath.Join(filepath.Dir(path), "json"), "format": inJSON}, ""},
		"address":          {map[string]any{"url": srv.URL + "/text", "headers": flagged}, ""},
		"JSON of address":  {map[string]any{"url": srv.URL + "/json", "headers": flagged, "format": inJSON}, ""},
		"no file":          {map[string]any{"file": path + "-gone"}, "does not exist"},
		"a folder":         {map[string]any{"file": filepath.Dir(path)}, "not a regular file"},
		"an empty file":    {map[string]any{"file": filepath.Join(filepath.Dir(path), "empty")}, "is empty"},
		"a secret":         {map[string]any{"file": secret}, "holds no JWT"},
		"no JSON":          {map[string]any{"file": secret, "format": inJSON}, "access_token"},
		"no header":        {map[string]any{"url": srv.URL + "/text"}, "gives none"},
		"a moved address":  {map[string]any{"url": srv.URL + "/moved", "headers": flagged}, "gives none"},
		"JSON for a token": {map[string]any{"url": srv.URL + "/json", "headers": flagged}, "holds no JWT"},
	} {
		var f map[string]any
		if err := json.Unmarshal(a.File, &f); err != nil {
			t.Fatal(err)
		}
		f["credential_source"] = c.source
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		by, err := newKeyless(t, w, oauth.KeylessFields{File: text}).Caller(t.Context(), hc, time.Now())
		if c.says == "" {
			calls++
			if err != nil || by.Access.Empty() || by.Account != a.Address {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		class := provider.Hold
		if name == "a moved address" {
			class = provider.Retry
		}
		wantKeyless(t, name, err, class, oauth.CauseSubjectToken, c.says)
	}
	if got := len(w.TokenCalls()); got != calls {
		t.Errorf("Google was asked %d times, want %d", got, calls)
	}
}

func TestTokenFromTheMachine(t *testing.T) {
	w, hc := startWorld(t)
	self := newKeyless(t, w, oauth.KeylessFields{Source: oauth.KeylessMetadata})
	_, err := keylessToken(t, hc, self, "ada@acme.example", oauth.ScopeSend)
	wantKeyless(t, "no account", err, provider.Hold, oauth.CauseNoMachineAccount, "set-service-account")

	a := w.AddMachine(sandbox.MachineOptions{Scopes: []string{oauth.ScopeSend}})
	if got, err := keylessToken(t, hc, self, "ada@acme.example", oauth.ScopeSend); err != nil || got.Access.Empty() {
		t.Errorf("its own account: %v", err)
	}
	named := newKeyless(t, w, oauth.KeylessFields{Source: oauth.KeylessMetadata, ServiceAccount: a.Address})
	if got, err := keylessToken(t, hc, named, "ada@acme.example", oauth.ScopeSend); err != nil || got.Access.Empty() {
		t.Errorf("by name: %v", err)
	}
	_, _, other := workload(t, w, sandbox.WorkloadOptions{Scopes: []string{oauth.ScopeSend}})
	another := newKeyless(t, w, oauth.KeylessFields{Source: oauth.KeylessMetadata, ServiceAccount: other.Address})
	_, err = keylessToken(t, hc, another, "ada@acme.example", oauth.ScopeSend)
	wantKeyless(t, "another account", err, provider.Hold, "signing_not_allowed", "--member='serviceAccount:"+a.Address+"'")

	w.AddMachine(sandbox.MachineOptions{Scopes: []string{oauth.ScopeSend}, Access: []string{"https://www.googleapis.com/auth/devstorage.read_only"}})
	_, err = keylessToken(t, hc, self, "ada@acme.example", oauth.ScopeSend)
	wantKeyless(t, "access scopes", err, provider.Hold, "machine_scope_missing", "cloud-platform")
	w.AddMachine(sandbox.MachineOptions{Scopes: []string{oauth.ScopeSend}, NoSigning: true})
	_, err = keylessToken(t, hc, self, "ada@acme.example", oauth.ScopeSend)
	wantKeyless(t, "no role", err, provider.Hold, "signing_not_allowed", "roles/iam.serviceAccountTokenCreator")
}

// TestNoMetadataServer: away from Google Cloud nothing answers, or something else.
func TestNoMetadataServer(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "welcome to the hotel") }))
	t.Cleanup(other.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := "http://" + l.Addr().String()
	_ = l.Close()
	for address, class := range map[string]provider.Class{other.URL: provider.Hold, silent: provider.Retry} {
		k, err := oauth.NewKeyless(oauth.KeylessFields{Source: oauth.KeylessMetadata}, oauth.KeylessAt("", address), oauth.KeylessIdentities{oauth.KeylessMetadata})
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Caller(t.Context(), nil, time.Now())
		wantKeyless(t, address, err, class, oauth.CauseNoMetadata, "Run gatepost on a machine of Google Cloud")
	}
}

// TestServiceAccountFileSaysWhereFederationBelongs: who stores it as a key is told.
func TestServiceAccountFileSaysWhereFederationBelongs(t *testing.T) {
	_, err := oauth.ParseServiceAccount([]byte(`{"type":"external_account"}`), "")
	if err == nil || !strings.Contains(err.Error(), "google_keyless") {
		t.Errorf("%v", err)
	}
}

// TestOutsideTokenOverTLS: the address is asked as Google is, with its certificate
// verified.
func TestOutsideTokenOverTLS(t *testing.T) {
	w, hc := startWorld(t)
	_, audience, a := workload(t, w, sandbox.WorkloadOptions{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(rw, w.OutsideToken(outsideIssuer, audience, "gatepost"))
	}))
	srv.TLS = w.ServerTLS()
	srv.StartTLS()
	t.Cleanup(srv.Close)
	var f map[string]any
	if err := json.Unmarshal(a.File, &f); err != nil {
		t.Fatal(err)
	}
	f["credential_source"] = map[string]any{"url": srv.URL + "/token?key=canary"}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	k := newKeyless(t, w, oauth.KeylessFields{File: text})
	if by, err := k.Caller(t.Context(), hc, time.Now()); err != nil || by.Access.Empty() {
		t.Errorf("%v", err)
	}
	_, err = k.Caller(t.Context(), nil, time.Now())
	wantKeyless(t, "unknown authority", err, provider.Hold, "tls_unknown_authority", "")
}
