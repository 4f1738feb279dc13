package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a clock that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// signer makes assertions with a service account's key.
type signer struct {
	file keyFile
	key  *rsa.PrivateKey
}

func newSigner(t testing.TB, file []byte) signer {
	t.Helper()
	s := signer{}
	if err := json.Unmarshal(file, &s.file); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(s.file.PrivateKey))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	s.key = key.(*rsa.PrivateKey)
	return s
}

type object = map[string]any

// claims are those of a good assertion, with changes; nil removes one.
func (s signer) claims(now time.Time, changes object) object {
	c := object{
		"iss": s.file.ClientEmail, "sub": ada, "scope": scopeSend, "aud": s.file.TokenURI,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func (s signer) header() object {
	return object{"alg": "RS256", "typ": "JWT", "kid": s.file.PrivateKeyID}
}

func (s signer) sign(header, claims object) string {
	part := func(v object) string {
		data, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(data)
	}
	signed := part(header) + "." + part(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, _ := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (w *World) askToken(t *testing.T, grantType, assertion string) answer {
	t.Helper()
	form := url.Values{"grant_type": {grantType}, "assertion": {assertion}}
	return do(t, w.client(t), "POST", w.GoogleURL+"/token", "application/x-www-form-urlencoded", form.Encode())
}

func TestTokenForAGoodAssertion(t *testing.T) {
	w := world(t)
	s := newSigner(t, w.ServiceAccountKey(scopeSend, scopeMetadata))
	a := w.askToken(t, jwtBearer, s.sign(s.header(), s.claims(time.Now(), object{"scope": scopeSend + " " + scopeMetadata})))
	var got struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
		TokenType   string `json:"token_type"`
	}
	a.into(t, &got)
	if a.status != 200 || !strings.HasPrefix(got.AccessToken, "ya29.") || got.ExpiresIn != 3599 || got.TokenType != "Bearer" {
		t.Errorf("answer %d %s", a.status, a.body)
	}
}

func TestTokenRefusedForEachBadAssertion(t *testing.T) {
	w := world(t)
	s := newSigner(t, w.ServiceAccountKey(scopeSend))
	other := newSigner(t, w.ServiceAccountKey(scopeSend))
	now := time.Now()
	with := func(changes object) string { return s.sign(s.header(), s.claims(now, changes)) }
	headed := func(changes object) string {
		h := s.header()
		maps.Copy(h, changes)
		return s.sign(h, s.claims(now, nil))
	}
	good := with(nil)
	stolen := other
	stolen.file = s.file

	const (
		grant        = "invalid_grant"
		unauthorized = "unauthorized_client"
	)
	for name, c := range map[string]struct {
		assertion         string
		status            int
		code, description string
	}{
		"no JWT":              {"x", 400, grant, "Bad Request"},
		"two parts":           {strings.Join(strings.Split(good, ".")[:2], "."), 400, grant, "Bad Request"},
		"padded":              {good + "=", 400, grant, "Bad Request"},
		"too long":            {good + strings.Repeat("A", maxAssertion), 400, grant, "Bad Request"},
		"claims are no JSON":  {"e30.bm8.AA", 400, grant, "Bad Request"},
		"unknown account":     {with(object{"iss": "x@y.iam.gserviceaccount.com"}), 400, grant, "Invalid grant: account not found"},
		"another's key":       {stolen.sign(stolen.header(), stolen.claims(now, nil)), 400, grant, textSignature},
		"other key id":        {headed(object{"kid": "0"}), 400, grant, textSignature},
		"no signature":        {headed(object{"alg": "none"}), 400, grant, textSignature},
		"HMAC":                {headed(object{"alg": "HS256"}), 400, grant, textSignature},
		"changed after":       {swapClaims(good, with(object{"sub": "eve@acme.example"})), 400, grant, textSignature},
		"other audience":      {with(object{"aud": "https://oauth2.example/token"}), 400, grant, "Invalid JWT: Failed audience check."},
		"expired":             {with(object{"iat": now.Unix() - 7200, "exp": now.Unix() - 3600}), 400, grant, textTimes},
		"lives too long":      {with(object{"exp": now.Unix() + 3700}), 400, grant, textTimes},
		"from the future":     {with(object{"iat": now.Unix() + 900, "exp": now.Unix() + 1800}), 400, grant, textTimes},
		"ends before it was":  {with(object{"iat": now.Unix() + 200, "exp": now.Unix() + 100}), 400, grant, textTimes},
		"no times":            {with(object{"iat": nil, "exp": nil}), 400, grant, textTimes},
		"no scope":            {with(object{"scope": ""}), 400, "invalid_scope", "Invalid OAuth scope or ID token audience provided."},
		"no such scope":       {with(object{"scope": "mail"}), 400, "invalid_scope", "Invalid OAuth scope or ID token audience provided."},
		"scope not delegated": {with(object{"scope": scopeSend + " " + scopeReadonly}), 401, unauthorized, textDelegation},
		"other domain":        {with(object{"sub": "ada@gmail.com"}), 401, unauthorized, textDelegation},
		"no address":          {with(object{"sub": "ada"}), 400, "invalid_request", "Invalid principal"},
		"unknown user":        {with(object{"sub": "nobody@acme.example"}), 400, grant, "Invalid email or User ID"},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.askToken(t, jwtBearer, c.assertion)
			var got tokenError
			a.into(t, &got)
			if a.status != c.status || got.Code != c.code || got.Description != c.description {
				t.Errorf("answer %d %s", a.status, a.body)
			}
		})
	}
	if a := w.askToken(t, "client_credentials", good); a.status != 400 || !strings.Contains(a.body, "unsupported_grant_type") {
		t.Errorf("other grant type: %d %s", a.status, a.body)
	}
	if a := w.askToken(t, jwtBearer, good); a.status != 200 {
		t.Errorf("the good one: %d %s", a.status, a.body)
	}
}

// swapClaims puts the claims of one assertion into another.
func swapClaims(into, from string) string {
	a, b := strings.Split(into, "."), strings.Split(from, ".")
	return a[0] + "." + b[1] + "." + a[2]
}

func TestTokenEndsAfterAnHour(t *testing.T) {
	c := &clock{at: time.Now()}
	w := world(t, func(cfg *Config) { cfg.Now = c.now })
	client := w.gmail(t, ada, scopeMetadata)
	profile := w.GoogleURL + "/gmail/v1/users/me/profile"
	if a := do(t, client, "GET", profile, "", ""); a.status != 200 {
		t.Fatalf("fresh token: %d %s", a.status, a.body)
	}
	c.advance(tokenSeconds*time.Second - time.Second)
	if a := do(t, client, "GET", profile, "", ""); a.status != 200 {
		t.Errorf("a second before its end: %d", a.status)
	}
	c.advance(time.Second)
	a := do(t, client, "GET", profile, "", "")
	if a.status != 401 || !strings.Contains(a.header.Get("WWW-Authenticate"), "Bearer") {
		t.Errorf("after its end: %d %s", a.status, a.body)
	}
}

func FuzzAssertion(f *testing.F) {
	for _, seed := range []string{
		"", "..", "a.b.c", "e30.e30.", "e30.e30.AA", "eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjF9.AA",
		"eyJhbGciOiJub25lIn0.eyJleHAiOjFlMzB9.", strings.Repeat(".", 40),
	} {
		f.Add(seed)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	account := &serviceAccount{key: &key.PublicKey}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAssertion(text)
		if err != nil {
			return
		}
		if a.signedBy(account) {
			t.Error("a signature without the key")
		}
		_ = a.timely(time.Now())
		_ = delegated(account, a)
	})
}
