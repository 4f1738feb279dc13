package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"
)

// wants checks a refusal.
func (r entraReply) wants(t *testing.T, what string, status int, code string, number int) {
	t.Helper()
	if r.status != status || r.entraBody.Error != code || len(r.Codes) != 1 || r.Codes[0] != number {
		t.Errorf("%s: %d %s %v %s, want %d %s AADSTS%d", what, r.status, r.entraBody.Error, r.Codes, r.Description, status, code, number)
	}
	if !strings.HasPrefix(r.Description, fmt.Sprintf("AADSTS%d: ", number)) || !strings.Contains(r.Description, "Trace ID: "+r.Trace) {
		t.Errorf("%s: description %q", what, r.Description)
	}
}

func TestClientCredentialsAreRefusedWithTheirCode(t *testing.T) {
	m := microsoftWorld(t)
	a := m.app(AppOptions{Roles: []string{"Mail.Send"}})
	form := func(change ...string) url.Values {
		v := m.clientForm(a, defaultG)
		for i := 0; i < len(change); i += 2 {
			v.Set(change[i], change[i+1])
		}
		return v
	}
	nine := guidOf("no such")
	for _, c := range []struct {
		what, tenant string
		form         url.Values
		status       int
		code         string
		number       int
	}{
		{"secret id", a.TenantID, form("client_secret", a.SecretID), 401, "invalid_client", 7000215},
		{"no secret", a.TenantID, form("client_secret", ""), 401, "invalid_client", 7000218},
		{"other app", a.TenantID, form("client_id", nine), 400, "unauthorized_client", 700016},
		{"no app", a.TenantID, form("client_id", ""), 400, "invalid_request", 900144},
		{"no tenant", nine, form(), 400, "invalid_request", 90002},
		{"malformed tenant", "nonsense", form(), 400, "invalid_request", 900023},
		{"common", "common", form(), 400, "invalid_request", 9001023},
		{"consumers", "consumers", form(), 400, "invalid_request", 9001023},
		{"no .default", a.TenantID, form("scope", mailSend), 400, "invalid_scope", 70011},
		{"strange scope", a.TenantID, form("scope", "https://example.com/.default"), 400, "invalid_scope", 70011},
		{"other cloud", a.TenantID, form("scope", "https://graph.microsoft.us/.default"), 400, "invalid_resource", 500011},
		{"no grant", a.TenantID, form("grant_type", ""), 400, "invalid_request", 900144},
		{"password", a.TenantID, form("grant_type", "password"), 400, "unsupported_grant_type", 70003},
	} {
		m.token(c.tenant, c.form).wants(t, c.what, c.status, c.code, c.number)
	}
	m.must(m.ChangeApp(a.ClientID, func(o *AppOptions) { o.SecretExpires = time.Now().Add(-time.Hour) }))
	m.token(a.TenantID, form()).wants(t, "expired secret", 401, "invalid_client", 7000222)
	m.must(m.ChangeApp(a.ClientID, func(o *AppOptions) { o.Disabled = true }))
	m.token(a.TenantID, form()).wants(t, "disabled app", 401, "unauthorized_client", 7000112)
	m.must(m.ChangeTenant(MicrosoftDomain, func(o *TenantOptions) { o.NoExchange = true }))
	b := m.app(AppOptions{})
	m.token(b.TenantID, m.clientForm(b, defaultO)).wants(t, "no Exchange", 400, "invalid_resource", 500011)
	if len(m.TokenCalls()) != 16 || m.TokenCalls()[0].Provider != "microsoft" || m.TokenCalls()[0].Error != "invalid_client" {
		t.Errorf("%d token calls, the first: %+v", len(m.TokenCalls()), m.TokenCalls()[0])
	}
}

func TestATokenTellsItsRolesAndResource(t *testing.T) {
	m := microsoftWorld(t)
	a := m.app(AppOptions{Roles: []string{"Mail.Send", "SMTP.SendAsApp"}})
	var c accessClaims
	claims(t, m.appToken(a, defaultG), &c)
	if c.Audience != "https://graph.microsoft.com" || strings.Join(c.Roles, " ") != "Mail.Send" || c.Tenant != a.TenantID || c.Object != a.PrincipalID || c.App != a.ClientID {
		t.Errorf("Graph: %+v", c)
	}
	claims(t, m.appToken(a, defaultO), &c)
	if c.Audience != "https://outlook.office365.com" || strings.Join(c.Roles, " ") != "SMTP.SendAsApp" {
		t.Errorf("Outlook: %+v", c)
	}
	bare := m.app(AppOptions{Roles: []string{"Mail.Send"}, Pending: true})
	c = accessClaims{}
	if claims(t, m.appToken(bare, defaultG), &c); len(c.Roles) > 0 {
		t.Errorf("without consent: %v", c.Roles)
	}
}

func claims(t *testing.T, token string, into any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %.40s", token)
	}
	if err := decodePart(parts[1], into); err != nil {
		t.Fatal(err)
	}
}

// certified is a certificate with its key.
type certified struct {
	key     *rsa.PrivateKey
	der     []byte
	file    string
	writing *base64.Encoding // of the thumbprint in assertions
}

func certificate(t *testing.T, until time.Time) certified {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gatepost"}, NotBefore: until.AddDate(-1, 0, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return certified{key, der, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), base64.RawURLEncoding}
}

func (c certified) assertion(t *testing.T, algorithm, client, audience string, expires time.Time) string {
	t.Helper()
	long, short := sha256.Sum256(c.der), sha1.Sum(c.der)
	header := map[string]string{"alg": algorithm, "typ": "JWT", "x5t#S256": c.writing.EncodeToString(long[:])}
	if algorithm == "RS256" {
		header = map[string]string{"alg": algorithm, "typ": "JWT", "x5t": c.writing.EncodeToString(short[:])}
	}
	signed := encodePart(header) + "." + encodePart(map[string]any{
		"aud": audience, "iss": client, "sub": client, "jti": newGUID(), "nbf": expires.Add(-10 * time.Minute).Unix(), "exp": expires.Unix(),
	})
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPSS(rand.Reader, c.key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	if algorithm == "RS256" {
		signature, err = rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, sum[:])
	}
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// As Microsoft's library for Go asks: the scopes of OpenID Connect are for nothing here.
func TestAnAppMayNameOpenIDScopes(t *testing.T) {
	m := microsoftWorld(t)
	a := m.app(AppOptions{})
	if got := m.token(a.TenantID, m.clientForm(a, defaultG+" openid offline_access profile")); got.status != 200 || got.RefreshToken != "" || got.IDToken != "" {
		t.Errorf("%d %s", got.status, got.Description)
	}
}

func TestAnAppProvesItselfWithACertificate(t *testing.T) {
	m := microsoftWorld(t)
	now := time.Now()
	good, other, old := certificate(t, now.Add(time.Hour)), certificate(t, now.Add(time.Hour)), certificate(t, now.Add(-time.Hour))
	a := m.app(AppOptions{NoSecret: true, Certificates: []string{good.file, old.file}})
	here := m.MicrosoftURL + "/" + a.TenantID + "/oauth2/v2.0/token"
	ask := func(assertion string) entraReply {
		return m.token(a.TenantID, url.Values{
			"grant_type": {"client_credentials"}, "client_id": {a.ClientID}, "scope": {defaultG},
			"client_assertion_type": {assertionKind}, "client_assertion": {assertion},
		})
	}
	soon := now.Add(10 * time.Minute)
	for _, algorithm := range []string{"PS256", "RS256"} {
		if got := ask(good.assertion(t, algorithm, a.ClientID, here, soon)); got.status != 200 {
			t.Errorf("%s: %d %s", algorithm, got.status, got.Description)
		}
		standard := good
		standard.writing = base64.StdEncoding // as Microsoft's library for Go has it
		if got := ask(standard.assertion(t, algorithm, a.ClientID, here, soon)); got.status != 200 {
			t.Errorf("%s, in standard base64: %d %s", algorithm, got.status, got.Description)
		}
		ask(other.assertion(t, algorithm, a.ClientID, here, soon)).wants(t, "another certificate", 401, "invalid_client", 700027)
	}
	ask(old.assertion(t, "PS256", a.ClientID, here, soon)).wants(t, "an expired certificate", 401, "invalid_client", 700027)
	ask(good.assertion(t, "PS256", a.ClientID, m.MicrosoftURL+"/common/oauth2/v2.0/token", soon)).wants(t, "another audience", 401, "invalid_client", 700023)
	ask(good.assertion(t, "PS256", a.ClientID, here, now.Add(-time.Hour))).wants(t, "an old assertion", 401, "invalid_client", 700024)
	forged := good
	forged.key = other.key
	ask(forged.assertion(t, "PS256", a.ClientID, here, soon)).wants(t, "another key", 401, "invalid_client", 700027)
	ask("x.y.z").wants(t, "no JWT", 401, "invalid_client", 50027)
	m.must(m.ChangeTenant(MicrosoftDomain, func(o *TenantOptions) { o.WrongAudience = 50027 }))
	ask(good.assertion(t, "PS256", a.ClientID, "https://example.com", soon)).wants(t, "another audience, as set", 401, "invalid_client", 50027)
}

func FuzzParseClientAssertion(f *testing.F) {
	f.Add("a.b.c")
	f.Add(encodePart(map[string]string{"alg": "PS256"}) + "." + encodePart(map[string]any{"aud": []string{"x"}}) + ".AAAA")
	f.Add(encodePart(map[string]string{"alg": "RS256"}) + "." + encodePart(map[string]any{"aud": "x", "exp": 1}) + ".")
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := parseClientAssertion(text); err == nil && !strings.HasPrefix(text, a.signed+".") {
			t.Errorf("%q was signed over %q", text, a.signed)
		}
	})
}

func FuzzReadScopes(f *testing.F) {
	for _, s := range []string{defaultG, "Mail.Send openid", "https://graph.microsoft.com//.default", smtpSend + " " + mailSend, "https://%zz/.default"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, bad := readScopes(text)
		if bad == nil && len(a.permissions)+len(a.openID) != len(strings.Fields(text)) {
			t.Errorf("%q: %+v", text, a)
		}
	})
}
