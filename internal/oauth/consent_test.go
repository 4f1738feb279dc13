package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func someConsent(client *Client, e Endpoints) Consent {
	return Consent{
		Client: client, Endpoints: e, Redirect: "https://mail.acme.example/connect/callback", Scopes: []string{ScopeSend, ScopeMetadata},
		Hint: "ada@acme.example", State: "state-1", Verifier: verifier, Nonce: "nonce-1",
	}
}

func TestConsentURL(t *testing.T) {
	u, err := url.Parse(someConsent(parsed(t, ClientWeb, nil, Google()), Endpoints{}).URL())
	if err != nil {
		t.Fatal(err)
	}
	if got := u.Scheme + "://" + u.Host + u.Path; got != "https://accounts.google.com/o/oauth2/v2/auth" {
		t.Errorf("the user is sent to %s", got)
	}
	// The challenge of RFC 7636, appendix B.
	want := url.Values{
		"client_id": {clientID}, "redirect_uri": {"https://mail.acme.example/connect/callback"}, "response_type": {"code"},
		"scope": {ScopeSend + " " + ScopeMetadata + " openid email"}, "state": {"state-1"}, "nonce": {"nonce-1"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
		"access_type": {"offline"}, "prompt": {"consent"}, "login_hint": {"ada@acme.example"},
	}
	if d := cmp.Diff(want, u.Query()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	desktop := someConsent(parsed(t, ClientInstalled, nil, Google()), Google()).URL()
	if strings.Contains(desktop, "include_granted_scopes") || strings.Contains(desktop, clientSecret) || strings.Contains(desktop, verifier) {
		t.Errorf("desktop client: %s", desktop)
	}
}

// idp is an authorization server that says what the test wants.
type idp struct {
	*httptest.Server
	form   url.Values
	status int
	answer map[string]any
	claims map[string]any
	header map[string]any
}

func newIDP(t testing.TB) *idp {
	t.Helper()
	p := &idp{status: http.StatusOK, header: map[string]any{"alg": "RS256", "typ": "JWT", "kid": "1"}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/token" || r.URL.RawQuery != "" {
			t.Errorf("asked %s %s", r.Method, r.URL)
		}
		_ = r.ParseForm()
		p.form = r.PostForm
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(p.status)
		_ = json.NewEncoder(w).Encode(p.answer)
	}))
	t.Cleanup(p.Close)
	p.claims = map[string]any{
		"iss": p.URL, "aud": clientID, "azp": clientID, "sub": "1098", "exp": noon.Unix() + 3600, "iat": noon.Unix(),
		"nonce": "nonce-1", "email": "ada@acme.example", "email_verified": true,
	}
	p.answer = map[string]any{
		"access_token": "ya29.canary", "refresh_token": "1//canary", "expires_in": 3599, "token_type": "Bearer",
		"scope": ScopeSend + " openid " + scopeEmailLong,
	}
	return p
}

func (p *idp) endpoints() Endpoints { return At(p.URL) }

// sign makes the ID token; nobody looks at the signature.
func (p *idp) sign(t testing.TB) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(p.header) + "." + part(p.claims) + ".c2lnbmF0dXJl"
}

func (p *idp) exchange(t testing.TB) (Grant, error) {
	t.Helper()
	if _, there := p.answer["id_token"]; !there {
		p.answer["id_token"] = p.sign(t)
	}
	return someConsent(parsed(t, ClientWeb, nil, p.endpoints()), p.endpoints()).Exchange(t.Context(), p.Client(), "code-1", noon)
}

func TestExchange(t *testing.T) {
	p := newIDP(t)
	p.answer["refresh_token_expires_in"] = 604799
	got, err := p.exchange(t)
	if err != nil {
		t.Fatal(err)
	}
	want := Grant{
		Access: Token{email.NewSecret("ya29.canary"), noon.Add(3599 * time.Second)}, Refresh: email.NewSecret("1//canary"),
		Scopes:  []string{ScopeSend},
		Subject: "1098", Email: "ada@acme.example", RefreshExpires: noon.Add(604799 * time.Second),
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b email.Secret) bool { return a == b })); d != "" {
		t.Errorf("grant (-want +got):\n%s", d)
	}
	if d := cmp.Diff(url.Values{
		"grant_type": {"authorization_code"}, "code": {"code-1"}, "redirect_uri": {"https://mail.acme.example/connect/callback"},
		"code_verifier": {verifier}, "client_id": {clientID}, "client_secret": {clientSecret},
	}, p.form); d != "" {
		t.Errorf("form (-want +got):\n%s", d)
	}
	if s := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(s, "canary") {
		t.Errorf("a grant shows %s", s)
	}
	delete(p.answer, "scope") // the same as asked for
	if got, err := p.exchange(t); err != nil || !cmp.Equal(got.Scopes, []string{ScopeSend, ScopeMetadata}) {
		t.Errorf("without scope: %v %v", got.Scopes, err)
	}
}

// A token that may do more than was asked is relied on for no more; a wider scope
// stands for one that was asked.
func TestScopesBeyondTheConsent(t *testing.T) {
	for said, want := range map[string][]string{
		ScopeSend + " " + ScopeMetadata + " " + ScopeFull: {ScopeSend, ScopeMetadata},
		ScopeModify + " openid":                           {ScopeSend, ScopeMetadata},
		ScopeMetadata + " " + ScopeSettings:               {ScopeMetadata},
		"openid":                                          {},
	} {
		p := newIDP(t)
		p.answer["scope"] = said
		if got, err := p.exchange(t); err != nil || !cmp.Equal(got.Scopes, want) {
			t.Errorf("%s: %v %v", said, got.Scopes, err)
		}
	}
}

// TestHostileIDTokens: whatever the ID token says that does not fit this consent,
// nothing comes of it.
func TestHostileIDTokens(t *testing.T) {
	for name, c := range map[string]struct {
		claims map[string]any
		header map[string]any
		says   string
	}{
		"another issuer":        {claims: map[string]any{"iss": "https://evil.example"}, says: "https://evil.example"},
		"Google's own issuer":   {claims: map[string]any{"iss": "https://accounts.google.com"}, says: "accounts.google.com"},
		"no issuer":             {claims: map[string]any{"iss": nil}, says: "is from"},
		"another client":        {claims: map[string]any{"aud": "118-x.apps.googleusercontent.com"}, says: "another OAuth client"},
		"another party":         {claims: map[string]any{"azp": "118-x.apps.googleusercontent.com"}, says: "another OAuth client"},
		"many and no party":     {claims: map[string]any{"aud": []string{clientID, "other"}, "azp": nil}, says: "another OAuth client"},
		"no audience":           {claims: map[string]any{"aud": nil}, says: "another OAuth client"},
		"expired":               {claims: map[string]any{"exp": noon.Unix() - 301}, says: "expired"},
		"no end":                {claims: map[string]any{"exp": nil}, says: "expired"},
		"another nonce":         {claims: map[string]any{"nonce": "nonce-2"}, says: "another request"},
		"no nonce":              {claims: map[string]any{"nonce": nil}, says: "another request"},
		"no subject":            {claims: map[string]any{"sub": nil}, says: "no user"},
		"unverified address":    {claims: map[string]any{"email_verified": false}, says: "not verified"},
		"nothing about it":      {claims: map[string]any{"email_verified": nil}, says: "not verified"},
		"no address":            {claims: map[string]any{"email": nil}, says: "no mailbox"},
		"address with a name":   {claims: map[string]any{"email": "Ada <ada@acme.example>"}, says: "no mailbox"},
		"unsigned":              {header: map[string]any{"alg": "none"}, says: `"none"`},
		"signed with a secret":  {header: map[string]any{"alg": "HS256"}, says: `"HS256"`},
		"no algorithm":          {header: map[string]any{"alg": nil}, says: "RS256"},
		"claims of other types": {claims: map[string]any{"aud": 7}, says: "cannot be read"},
	} {
		p := newIDP(t)
		change(p.claims, c.claims)
		change(p.header, c.header)
		wantUnproven(t, name, p, c.says)
	}
	for name, text := range map[string]any{
		"none": nil, "empty": "", "two parts": "e30.e30", "no signature": "e30.e30.", "no base64": "!.!.!", "no JSON": "e30.e30x.e30", "a number": 7,
	} {
		p := newIDP(t)
		p.answer["id_token"] = text
		wantUnproven(t, name, p, "ID token")
	}
}

func change(into, changes map[string]any) {
	maps.Copy(into, changes)
	maps.DeleteFunc(into, func(_ string, v any) bool { return v == nil })
}

func wantUnproven(t *testing.T, name string, p *idp, says string) {
	t.Helper()
	got, err := p.exchange(t)
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || e.Class != provider.Hold || e.Cause != "identity_unproven" || !strings.Contains(e.Text, says) {
		t.Errorf("%s: %v; want it to say %q", name, err, says)
	}
	if got.Refresh.Reveal() != "1//canary" || !got.Access.Access.Empty() || got.Email != "" || got.Scopes != nil || strings.Contains(fmt.Sprint(err), "canary") {
		t.Errorf("%s: not what has to be revoked alone came out: %+v %v", name, got, err)
	}
}

// TestIDTokensAsGoogleWritesThem: forms of the same truth.
func TestIDTokensAsGoogleWritesThem(t *testing.T) {
	for name, claims := range map[string]map[string]any{
		"verified as text": {"email_verified": "true"},
		"audience as list": {"aud": []string{clientID}},
		"many and a party": {"aud": []string{"other", clientID}},
		"no party":         {"azp": nil},
		"clock a bit off":  {"exp": noon.Unix() - 299},
	} {
		p := newIDP(t)
		change(p.claims, claims)
		if got, err := p.exchange(t); err != nil || got.Email != "ada@acme.example" {
			t.Errorf("%s: %v %v", name, got.Email, err)
		}
	}
	if !Google().IssuedBy("accounts.google.com") || At("https://127.0.0.1:1").IssuedBy("127.0.0.1:1") || Google().IssuedBy("") {
		t.Error("only Google's issuer has two names")
	}
}

func TestExchangeErrors(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		answer map[string]any
		class  provider.Class
		cause  string
	}{
		"code used":           {400, map[string]any{"error": "invalid_grant", "error_description": "Malformed auth code."}, provider.Hold, "grant_refused"},
		"unknown client":      {401, map[string]any{"error": "invalid_client", "error_description": "The OAuth client was not found."}, provider.Hold, "client_unknown"},
		"wrong secret":        {401, map[string]any{"error": "invalid_client", "error_description": "Unauthorized"}, provider.Hold, "client_secret_refused"},
		"deleted client":      {401, map[string]any{"error": "deleted_client", "error_description": "The OAuth client was deleted."}, provider.Hold, "client_unknown"},
		"grant not allowed":   {401, map[string]any{"error": "unauthorized_client", "error_description": "Unauthorized"}, provider.Hold, "client_not_allowed"},
		"redirect differs":    {400, map[string]any{"error": "redirect_uri_mismatch", "error_description": "Bad Request"}, provider.Hold, ""},
		"trouble":             {503, map[string]any{"error": "internal_failure"}, provider.Retry, "token_endpoint_down"},
		"redirected":          {302, map[string]any{}, provider.Retry, "token_answer_unreadable"},
		"a yes without token": {200, map[string]any{"access_token": ""}, provider.Retry, "token_answer_unreadable"},
		"other token type":    {200, map[string]any{"token_type": "mac"}, provider.Retry, "token_answer_unreadable"},
		"no refresh token":    {200, map[string]any{"refresh_token": nil}, provider.Hold, "no_refresh_token"},
	} {
		p := newIDP(t)
		p.status = c.status
		if c.status != http.StatusOK {
			p.answer = c.answer
		}
		change(p.answer, c.answer)
		_, err := p.exchange(t)
		e, ok := errors.AsType[*provider.Error](err)
		if !ok || e.Class != c.class || c.cause != "" && e.Cause != c.cause {
			t.Errorf("%s: %v, want %v %s", name, err, c.class, c.cause)
			continue
		}
		if all := e.Text + e.Fix + e.Reply + fmt.Sprint(e.Err); strings.Contains(all, "canary") || strings.Contains(all, "code-1") {
			t.Errorf("%s: the error shows a secret: %s", name, all)
		}
		if strings.Contains(e.Fix+e.Text, "service account") || strings.Contains(e.Fix, "domainwidedelegation") {
			t.Errorf("%s: a user is told of service accounts: %s %s", name, e.Text, e.Fix)
		}
	}
	p := newIDP(t)
	for name, spoil := range map[string]func(*Consent){
		"no state": func(c *Consent) { c.State = "" }, "no verifier": func(c *Consent) { c.Verifier = "" }, "no nonce": func(c *Consent) { c.Nonce = "" },
	} {
		c := someConsent(parsed(t, ClientWeb, nil, p.endpoints()), p.endpoints())
		spoil(&c)
		if _, err := c.Exchange(t.Context(), p.Client(), "code", noon); !errors.Is(err, errUnbound) || p.form != nil {
			t.Errorf("%s: %v, asked with %v", name, err, p.form)
		}
	}
}

func FuzzIDToken(f *testing.F) {
	p := newIDP(f)
	f.Add(p.sign(f))
	f.Add("e30.e30.e30")
	f.Add("..")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"aud":["a"],"exp":1e3}`)) + ".x")
	c := someConsent(parsed(f, ClientWeb, nil, p.endpoints()), p.endpoints())
	f.Fuzz(func(t *testing.T, text string) {
		who, err := parseIDToken(text)
		if err != nil {
			return
		}
		if who.check(c, noon) == nil && (who.Nonce != c.Nonce || who.Subject == "" || who.Issuer != p.URL) {
			t.Errorf("taken: %+v", who)
		}
	})
}

// challenge of a verifier, computed apart from the library.
func challenge(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestChallengeIsNeverPlain(t *testing.T) {
	c := someConsent(parsed(t, ClientInstalled, nil, Google()), Google())
	c.Verifier = strings.Repeat("x", 128)
	u, err := url.Parse(c.URL())
	if err != nil || u.Query().Get("code_challenge") != challenge(c.Verifier) || u.Query().Get("code_challenge_method") != "S256" {
		t.Errorf("%v %v", u.Query(), err)
	}
}
