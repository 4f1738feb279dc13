package entra

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/provider"
)

func TestAppByItselfWithSecret(t *testing.T) {
	p := newIDP(t)
	p.answer = map[string]any{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": "eyJ0.canary.at"}
	token, err := made(t, withSecret()).Token(t.Context(), p.Client(), p.at(), []string{graphApp}, noon)
	if err != nil || token.Access.Reveal() != "eyJ0.canary.at" || !token.Expires.Equal(noon.Add(3599*time.Second)) {
		t.Errorf("token until %v, %v", token.Expires, err)
	}
	if d := cmp.Diff(url.Values{
		"grant_type": {"client_credentials"}, "client_id": {appID}, "client_secret": {secretOf}, "scope": {graphApp},
	}, p.form); d != "" || p.path != "/"+tenantID+"/oauth2/v2.0/token" {
		t.Errorf("%s, form (-want +got):\n%s", p.path, d)
	}
	for expires, want := range map[any]time.Duration{"1800": 30 * time.Minute, 0: time.Minute, 1e9: 24 * time.Hour, nil: 5 * time.Minute, 86399: 86399 * time.Second} {
		change(p.answer, map[string]any{"expires_in": expires})
		if token, err := made(t, withSecret()).Token(t.Context(), p.Client(), p.at(), []string{graphApp}, noon); err != nil || token.Expires.Sub(noon) != want {
			t.Errorf("expires_in %v: %v %v", expires, token.Expires.Sub(noon), err)
		}
	}
}

// TestAssertion: in a secret's place stands what only the certificate's key can sign,
// for this endpoint and these minutes.
func TestAssertion(t *testing.T) {
	p := newIDP(t)
	a := made(t, withCertificate(t))
	seen := map[any]bool{}
	for range 2 {
		if _, err := a.Token(t.Context(), p.Client(), p.at(), []string{graphApp}, noon); err != nil {
			t.Fatal(err)
		}
		if p.form.Has("client_secret") || p.form.Get("client_id") != appID ||
			p.form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
			t.Errorf("form %v", p.form)
		}
		claims := checkAssertion(t, p.form.Get("client_assertion"), goodLeaf(t, a))
		seen[claims["jti"]] = true
		if id, _ := claims["jti"].(string); !isGUID(id) {
			t.Errorf("jti %v", claims["jti"])
		}
		delete(claims, "jti")
		from := float64(noon.Unix() - 30)
		if d := cmp.Diff(map[string]any{
			"aud": p.URL + "/" + tenantID + "/oauth2/v2.0/token", "iss": appID, "sub": appID, "nbf": from, "iat": from, "exp": from + 600,
		}, claims); d != "" {
			t.Errorf("claims (-want +got):\n%s", d)
		}
	}
	if len(seen) != 2 {
		t.Error("two assertions have the same id")
	}
}

func goodLeaf(t *testing.T, a *App) []byte {
	t.Helper()
	kept, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]string
	if err := json.Unmarshal([]byte(kept.Reveal()), &fields); err != nil {
		t.Fatal(err)
	}
	leaf, _ := pem.Decode([]byte(fields["certificate"]))
	return leaf.Bytes
}

// checkAssertion reads a PS256 assertion as Entra would, and gives its claims.
func checkAssertion(t *testing.T, text string, leaf []byte) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("the assertion has %d parts", len(parts))
	}
	var header map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, into) != nil {
			t.Fatalf("part %d: %q %v", i, raw, err)
		}
	}
	sum := sha256.Sum256(leaf)
	if d := cmp.Diff(map[string]any{"alg": "PS256", "typ": "JWT", "x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}, header); d != "" {
		t.Errorf("header (-want +got):\n%s", d)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPSS(&keys().one.PublicKey, crypto.SHA256, hash[:], signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}); err != nil {
		t.Errorf("signature: %v", err)
	}
	return claims
}

// TestRequestsThatAreNotSent: Entra would refuse them, and not say it as clearly.
func TestRequestsThatAreNotSent(t *testing.T) {
	p := newIDP(t)
	common, public := withSecret(), withSecret()
	common.Tenant, public.Secret = "common", email.Secret{}
	old := made(t, withCertificate(t))
	for name, c := range map[string]struct {
		app    *App
		scopes []string
		now    time.Time
		cause  string
		says   string
	}{
		"on common":           {made(t, common), []string{graphApp}, noon, "tenant_needed", "its tenant is common, where no app can act by itself"},
		"public client":       {made(t, public), []string{graphApp}, noon, "client_secret_missing", "its client secret is missing"},
		"two resources":       {made(t, withSecret()), []string{graphApp, "https://outlook.office365.com/.default"}, noon, "scopes_mixed", "one token for each"},
		"delegated scope":     {made(t, withSecret()), []string{graphSend}, noon, "scope_unknown", ".default"},
		"no scope":            {made(t, withSecret()), nil, noon, "scope_unknown", "no resource"},
		"expired certificate": {old, []string{graphApp}, noon.AddDate(2, 0, 0), "certificate_expired", "expired on 21 November 2027"},
	} {
		_, err := c.app.Token(t.Context(), p.Client(), p.at(), c.scopes, c.now)
		if e := wantError(t, name, err, provider.Hold, c.cause); !strings.Contains(e.Text, c.says) || e.Fix == "" {
			t.Errorf("%s: %s %s", name, e.Text, e.Fix)
		}
	}
	_, _, _, err := (User{App: made(t, withSecret()), Refresh: email.NewSecret("1.canary")}).Token(t.Context(), p.Client(), p.at(), []string{graphSend, smtpSend}, noon)
	wantError(t, "user, two resources", err, provider.Hold, "scopes_mixed")
	if p.calls != 0 {
		t.Errorf("%d calls", p.calls)
	}
}

// TestErrorsOfTheEndpoint: the class by the catalogue; the words without what is of one
// request alone, but with the ids that support asks for.
func TestErrorsOfTheEndpoint(t *testing.T) {
	p := newIDP(t)
	a := made(t, withSecret())
	for name, c := range map[string]struct {
		status int
		answer map[string]any
		class  provider.Class
		cause  string
		reply  string
	}{
		"wrong secret":   {401, entraError("invalid_client", "7000215", "Invalid client secret provided."), provider.Hold, "client_secret_refused", "AADSTS7000215"},
		"expired secret": {401, entraError("invalid_client", "7000222", "The provided client secret keys are expired."), provider.Hold, "client_secret_expired", "AADSTS7000222"},
		"unknown app":    {400, entraError("unauthorized_client", "700016", "Application not found."), provider.Hold, "client_unknown", "AADSTS700016"},
		"no tenant":      {400, entraError("invalid_request", "90002", "Tenant not found."), provider.Hold, "tenant_unknown", "AADSTS90002"},
		"down":           {503, entraError("temporarily_unavailable", "90033", "A transient error has occurred."), provider.Retry, "token_endpoint_down", ""},
		"down, as 400":   {400, entraError("temporarily_unavailable", "90033", "A transient error has occurred."), provider.Retry, "token_endpoint_down", ""},
		"throttled":      {429, entraError("temporarily_unavailable", "90055", "Tenant throttled."), provider.Park, "token_rate_limited", ""},
		"a proxy's no":   {403, map[string]any{"blocked": true}, provider.Retry, "", "blocked"},
		"redirected":     {302, map[string]any{}, provider.Retry, "", ""},
		"no token":       {200, map[string]any{"access_token": ""}, provider.Retry, "", ""},
		"another type":   {200, map[string]any{"access_token": "canary", "token_type": "mac"}, provider.Retry, "", ""},
	} {
		p.says(c.status, c.answer)
		_, err := a.Token(t.Context(), p.Client(), p.at(), []string{graphApp}, noon)
		e := wantError(t, name, err, c.class, c.cause)
		if !strings.Contains(e.Reply, c.reply) || strings.Contains(e.Reply, "Timestamp") || strings.Contains(e.Reply, "Trace ID") {
			t.Errorf("%s: reply %q", name, e.Reply)
		}
		if c.answer["trace_id"] != nil && !strings.HasSuffix(e.Reply, "[trace 0a0a0a0a-1111-4222-8333-444444444444, correlation 0b0b0b0b-1111-4222-8333-444444444444]") {
			t.Errorf("%s: reply %q lacks the ids", name, e.Reply)
		}
		if oauth.Passing(err) != (c.class != provider.Hold) {
			t.Errorf("%s: passing %v", name, oauth.Passing(err))
		}
		if p.path != "/"+tenantID+"/oauth2/v2.0/token" {
			t.Errorf("%s: a redirect was followed to %s", name, p.path)
		}
	}
	_, err := a.Token(t.Context(), nil, p.at(), []string{graphApp}, noon)
	wantError(t, "unknown authority", err, provider.Hold, "tls_unknown_authority")
	_, err = a.Token(t.Context(), nil, At("https://127.0.0.1:1"), []string{graphApp}, noon)
	wantError(t, "away", err, provider.Retry, "connection_refused")
}

// TestErrorsNameTheCase: the advice holds the user's own ids.
func TestErrorsNameTheCase(t *testing.T) {
	p := newIDP(t)
	a := made(t, withCertificate(t)).StoredAs("cred_1")
	p.header.Set("Date", noon.Add(-time.Hour).Format(http.TimeFormat))
	p.says(401, entraError("invalid_client", "700027", "The certificate is not registered on application."))
	_, err := a.Token(t.Context(), p.Client(), p.at(), []string{graphApp}, noon)
	e := wantError(t, "certificate", err, provider.Hold, "certificate_refused")
	for _, part := range []string{appID, a.Thumbprint(), "1h0m0s ahead", "gatepost credentials replace cred_1 --certificate-file"} {
		if !strings.Contains(e.Text+e.Fix, part) {
			t.Errorf("%q is not in %s %s", part, e.Text, e.Fix)
		}
	}
	for scope, again := range map[string]string{graphSend: "ada@contoso.example --consent.", smtpSend: "ada@contoso.example --consent --smtp."} {
		p.says(400, entraError("invalid_grant", "700082", "The refresh token has expired due to inactivity."))
		user := User{App: a, Refresh: email.NewSecret("1.canary"), Email: "ada@contoso.example", Tenant: tenantID}
		_, _, _, err = user.Token(t.Context(), p.Client(), p.at(), []string{scope}, noon)
		if e := wantError(t, "idle", err, provider.Hold, "token_idle"); !strings.Contains(e.Fix, "gatepost connect microsoft "+again) {
			t.Errorf("%s: %s", scope, e.Fix)
		}
	}
	answer := entraError("invalid_grant", "50076", "You must use multi-factor authentication.")
	answer["suberror"] = "basic_action"
	p.says(400, answer)
	user := User{App: a, Refresh: email.NewSecret("1.canary"), Email: "ada@contoso.example", Tenant: tenantID}
	_, _, _, err = user.Token(t.Context(), p.Client(), p.at(), []string{graphSend}, noon)
	if e := wantError(t, "MFA", err, provider.Hold, "mfa_required"); !strings.Contains(e.Text, "ada@contoso.example") ||
		!strings.HasPrefix(e.Reply, "400 invalid_grant AADSTS50076: You must use multi-factor authentication. (basic_action) [trace ") {
		t.Errorf("%s: %s", e.Text, e.Reply)
	}
}

func TestRefresh(t *testing.T) {
	p := newIDP(t)
	common := withSecret()
	common.Tenant = "common"
	user := User{App: made(t, common), Refresh: email.NewSecret("1.AX-canary-old"), Tenant: tenantID, Email: "ada@contoso.example"}
	token, rotated, granted, err := user.Token(t.Context(), p.Client(), p.at(), []string{graphSend}, noon)
	if err != nil || token.Access.Reveal() != "eyJ0.canary.at" || rotated.Reveal() != "1.AX-canary-new" || !Covers(granted, graphSend) || Covers(granted, graphLook) {
		t.Errorf("rotated %v, granted %v, %v", !rotated.Empty(), granted, err)
	}
	if d := cmp.Diff(url.Values{
		"grant_type": {"refresh_token"}, "client_id": {appID}, "client_secret": {secretOf}, "refresh_token": {"1.AX-canary-old"},
		"scope": {graphSend + " openid profile email offline_access"},
	}, p.form); d != "" || p.path != "/"+tenantID+"/oauth2/v2.0/token" {
		t.Errorf("%s, form (-want +got):\n%s", p.path, d)
	}
	p.answer["scope"] = "SMTP.Send profile openid email" // without its resource
	if _, _, granted, err := user.Token(t.Context(), p.Client(), p.at(), []string{smtpSend}, noon); err != nil || !Covers(granted, smtpSend) || Covers(granted, "SMTP.Send") {
		t.Errorf("granted %v, %v", granted, err)
	}
	for _, same := range []any{"1.AX-canary-old", nil} {
		change(p.answer, map[string]any{"refresh_token": same, "scope": nil})
		if _, rotated, granted, err := user.Token(t.Context(), p.Client(), p.at(), []string{smtpSend}, noon); err != nil || !rotated.Empty() || granted != nil {
			t.Errorf("%v: rotated %v, granted %v, %v", same, !rotated.Empty(), granted, err)
		}
	}
	user.Public, user.Tenant = true, ""
	if _, _, _, err := user.Token(t.Context(), p.Client(), p.at(), []string{smtpSend}, noon); err != nil || p.form.Has("client_secret") || p.path != "/common/oauth2/v2.0/token" {
		t.Errorf("as a public client: %s %v %v", p.path, p.form, err)
	}
}

// TestExpiredCertificateStopsUsersToo: their refresh needs the app's proof.
func TestExpiredCertificateStopsUsersToo(t *testing.T) {
	p := newIDP(t)
	user := User{App: made(t, withCertificate(t)), Refresh: email.NewSecret("1.canary")}
	_, _, _, err := user.Token(t.Context(), p.Client(), p.at(), []string{graphSend}, noon.AddDate(2, 0, 0))
	wantError(t, "expired", err, provider.Hold, "certificate_expired")
	if p.calls != 0 {
		t.Error("it was asked with an expired certificate")
	}
}

// said is an HTTP answer without a network.
type said struct {
	status int
	body   []byte
}

func (s said) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.status, Status: http.StatusText(s.status), Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(s.body))}, nil
}

func FuzzAnswers(f *testing.F) {
	f.Add(200, []byte(`{"access_token":"x","expires_in":"3599","refresh_token":"y","scope":"a b","id_token":"e30.e30.x"}`))
	f.Add(400, []byte(`{"error":"invalid_grant","error_description":"AADSTS50173: x\r\nTrace ID: y","suberror":"bad_token","error_codes":[1]}`))
	f.Add(400, []byte(`{"error":"authorization_pending"}`))
	f.Add(200, []byte(`{"device_code":"x","user_code":"y","verification_uri":"https://microsoft.com/devicelogin","expires_in":1e300,"interval":-1}`))
	f.Add(503, []byte(`<html>`))
	a, err := NewApp(withSecret(), noon)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 100 || status > 999 {
			return // no HTTP answer
		}
		client := &http.Client{Transport: said{status, body}}
		token, err := a.Token(t.Context(), client, Endpoints{}, []string{graphApp}, noon)
		if (err == nil) == token.Access.Empty() || err == nil && (token.Expires.Before(noon) || token.Expires.After(noon.Add(longestLife))) {
			t.Errorf("token until %v, %v", token.Expires, err)
		}
		classed(t, err)
		c := Consent{App: a, Scopes: []string{graphSend, smtpSend}, State: "s", Verifier: "v", Nonce: "n"}
		if g, err := c.Exchange(t.Context(), client, "code", noon); err == nil && (g.Refresh.Empty() || g.Email == "" || g.Subject == "") {
			t.Errorf("half a grant: %+v", g)
		} else {
			classed(t, err)
		}
		d := Device{App: a, Scopes: []string{graphSend}}
		code, err := d.Start(t.Context(), client, noon)
		if err == nil && (code.Interval < time.Second || code.Interval > time.Minute || code.Code.Empty() || code.Expires.After(noon.Add(time.Hour))) {
			t.Errorf("device code %+v", code)
		}
		classed(t, err)
	})
}

func classed(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if _, ok := err.(*provider.Error); !ok {
		t.Errorf("error without a class: %v", err)
	}
}
