package entra

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/provider"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const (
	tenantID = "11111111-2222-4333-8444-555555555555"
	appID    = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
	userID   = "99999999-8888-4777-8666-555555555555"
	secretOf = "Q~8canary.value-of_40_characters~abcdefgh"

	graphSend = "https://graph.microsoft.com/Mail.Send"
	graphLook = "https://graph.microsoft.com/Mail.ReadBasic"
	smtpSend  = "https://outlook.office.com/SMTP.Send"
	graphApp  = "https://graph.microsoft.com/.default"
)

// keys are made once for all tests.
var keys = sync.OnceValue(func() (k struct{ one, other *rsa.PrivateKey }) {
	var err error
	for _, into := range []**rsa.PrivateKey{&k.one, &k.other} {
		if *into, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			panic(err)
		}
	}
	return k
})

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// certOf makes a certificate for a key that is valid around noon.
func certOf(t testing.TB, key interface{ Public() any }, from, until time.Time) string {
	t.Helper()
	return block("CERTIFICATE", derOf(t, key.Public(), from, until))
}

type publicOf struct{ key any }

func (p publicOf) Public() any { return p.key }

func derOf(t testing.TB, public any, from, until time.Time) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gatepost"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, keys().other)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func goodCert(t testing.TB) string {
	t.Helper()
	return certOf(t, publicOf{&keys().one.PublicKey}, noon.AddDate(0, -1, 0), noon.AddDate(1, 0, 0))
}

func pkcs1(key *rsa.PrivateKey) string {
	return block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

func pkcs8(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("PRIVATE KEY", der)
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// withSecret and withCertificate are good apps.
func withSecret() AppFields {
	return AppFields{Tenant: tenantID, ClientID: appID, Secret: email.NewSecret(secretOf)}
}

func withCertificate(t testing.TB) AppFields {
	t.Helper()
	return AppFields{Tenant: tenantID, ClientID: appID, Certificate: email.NewSecret(goodCert(t)), Key: email.NewSecret(pkcs8(t, keys().one))}
}

func made(t testing.TB, f AppFields) *App {
	t.Helper()
	a, err := NewApp(f, noon)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// idp is an Entra ID over TLS that says what the test wants, and remembers the last call.
type idp struct {
	*httptest.Server
	t testing.TB

	mu     sync.Mutex
	calls  int
	path   string
	form   url.Values
	scopes []string // of all calls
	status int
	answer map[string]any
	header http.Header
	claims map[string]any
	jose   map[string]any
	// before answers calls before the usual answer: the first element the first call.
	before []func(w http.ResponseWriter)
}

func newIDP(t testing.TB) *idp {
	t.Helper()
	p := &idp{t: t, status: http.StatusOK, header: http.Header{}, jose: map[string]any{"alg": "RS256", "typ": "JWT", "kid": "1"}}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	p.claims = map[string]any{
		"iss": p.URL + "/" + tenantID + "/v2.0", "aud": appID, "exp": noon.Unix() + 3600, "nonce": "nonce-1",
		"oid": userID, "tid": tenantID, "email": "ada@contoso.example", "preferred_username": "ada.l@contoso.example",
	}
	p.answer = map[string]any{
		"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": "eyJ0.canary.at",
		"refresh_token": "1.AX-canary-new", "scope": graphSend + " openid profile email",
	}
	return p
}

func (p *idp) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method != http.MethodPost || r.URL.RawQuery != "" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		p.t.Errorf("asked %s %s with %s", r.Method, r.URL, r.Header.Get("Content-Type"))
	}
	_ = r.ParseForm()
	p.calls++
	p.path, p.form = r.URL.Path, r.PostForm
	p.scopes = append(p.scopes, r.PostForm.Get("scope"))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", "/elsewhere")
	maps.Copy(w.Header(), p.header)
	if len(p.before) > 0 {
		first := p.before[0]
		p.before = p.before[1:]
		first(w)
		return
	}
	w.WriteHeader(p.status)
	_ = json.NewEncoder(w).Encode(p.answer)
}

func (p *idp) at() Endpoints { return At(p.URL) }

// says makes the next call get an answer of its own.
func (p *idp) says(status int, answer map[string]any) {
	p.before = append(p.before, func(w http.ResponseWriter) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer)
	})
}

// signed makes the ID token; nobody looks at the signature.
func (p *idp) signed() string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			p.t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(p.jose) + "." + part(p.claims) + ".c2lnbmF0dXJl"
}

// change sets some fields; nil takes one out.
func change(into, changes map[string]any) {
	maps.Copy(into, changes)
	maps.DeleteFunc(into, func(_ string, v any) bool { return v == nil })
}

// entraError is an error body as Entra writes it.
func entraError(word, number, text string) map[string]any {
	return map[string]any{
		"error":             word,
		"error_description": "AADSTS" + number + ": " + text + "\r\nTrace ID: 0a0a0a0a-1111-4222-8333-444444444444\r\nCorrelation ID: 0b0b0b0b-1111-4222-8333-444444444444\r\nTimestamp: 2026-11-21 12:00:00Z",
		"error_codes":       []int{1}, "timestamp": "2026-11-21 12:00:00Z",
		"trace_id": "0a0a0a0a-1111-4222-8333-444444444444", "correlation_id": "0b0b0b0b-1111-4222-8333-444444444444",
		"error_uri": "https://login.microsoftonline.com/error?code=" + number,
	}
}

// wantError checks the class of an error, and that it shows no secret.
func wantError(t *testing.T, name string, err error, class provider.Class, cause string) *provider.Error {
	t.Helper()
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || e.Class != class || cause != "" && e.Cause != cause {
		t.Errorf("%s: %v, want %v %s", name, err, class, cause)
		return &provider.Error{}
	}
	if all := e.Text + e.Fix + e.Reply + err.Error(); strings.Contains(all, "canary") || strings.Contains(all, "code-1") {
		t.Errorf("%s: the error shows a secret: %s", name, all)
	}
	return e
}

// wantFields checks which fields a KeyFileError names, in order, and what it says.
func wantFields(t *testing.T, name string, err error, fields, says string) {
	t.Helper()
	wrong, ok := errors.AsType[oauth.KeyFileError](err)
	if !ok {
		t.Errorf("%s: %v, want a KeyFileError", name, err)
		return
	}
	var got []string
	for _, f := range wrong {
		got = append(got, f.Field)
	}
	if strings.Join(got, " ") != fields || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: fields %v (%v), want %q saying %q", name, got, err, fields, says)
	}
	if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "MII") {
		t.Errorf("%s: the error shows a secret: %v", name, err)
	}
}
