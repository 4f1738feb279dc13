package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
)

// testKey is one RSA key for all tests, as PEM of PKCS#8 and PKCS#1.
var testKey = sync.OnceValues(func() (pkcs8, pkcs1 string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	one := x509.MarshalPKCS1PrivateKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: one}))
})

// file writes a key file with some fields changed; nil takes one out.
func file(t testing.TB, changes map[string]any) []byte {
	t.Helper()
	pkcs8, _ := testKey()
	fields := map[string]any{
		"type": "service_account", "project_id": "p", "private_key_id": "kid-1", "private_key": pkcs8,
		"client_email": "robot@p.iam.gserviceaccount.com", "client_id": "117", "token_uri": GoogleTokenURL, "universe_domain": "googleapis.com",
	}
	maps.Copy(fields, changes)
	maps.DeleteFunc(fields, func(_ string, v any) bool { return v == nil })
	out, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestParseServiceAccount(t *testing.T) {
	pkcs8, pkcs1 := testKey()
	escaped := strings.ReplaceAll(pkcs8, "\n", `\n`)
	for name, changes := range map[string]map[string]any{
		"as Google gives it":       nil,
		"line ends escaped twice":  {"private_key": escaped},
		"CRLF":                     {"private_key": strings.ReplaceAll(pkcs8, "\n", "\r\n")},
		"CRLF escaped twice":       {"private_key": strings.ReplaceAll(pkcs8, "\n", `\r\n`)},
		"no last line end":         {"private_key": strings.TrimSpace(pkcs8)},
		"PKCS#1":                   {"private_key": pkcs1},
		"older token endpoint":     {"token_uri": "https://accounts.google.com/o/oauth2/token"},
		"no token endpoint":        {"token_uri": nil},
		"no client id":             {"client_id": nil},
		"no universe":              {"universe_domain": nil},
		"a field that nobody uses": {"extra": map[string]any{"a": 1}},
	} {
		account, err := ParseServiceAccount(file(t, changes), "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if account.Email() != "robot@p.iam.gserviceaccount.com" || account.KeyID() != "kid-1" || account.tokenURL != GoogleTokenURL {
			t.Errorf("%s: %s %s %s", name, account.Email(), account.KeyID(), account.tokenURL)
		}
	}
}

// TestSimulatedGoogle: with a simulated Google a file may name that one or Google,
// and nobody else. It is the one that is used, whatever the file names.
func TestSimulatedGoogle(t *testing.T) {
	const simulated = "https://127.0.0.1:1/token"
	for _, named := range []any{simulated, GoogleTokenURL, "https://www.googleapis.com/oauth2/v4/token", nil} {
		account, err := ParseServiceAccount(append([]byte("\xef\xbb\xbf"), file(t, map[string]any{"token_uri": named})...), simulated)
		if err != nil || account.tokenURL != simulated || account.ClientID() != "117" {
			t.Errorf("%v: %+v %v", named, account, err)
		}
		if _, err := ParseClient(clientJSON(t, ClientWeb, map[string]any{"token_uri": named}), At("https://127.0.0.1:1")); err != nil {
			t.Errorf("client, %v: %v", named, err)
		}
	}
	for _, named := range []string{"https://evil.example/token", simulated + "/", "http://127.0.0.1:1/token", "https://127.0.0.1:2/token"} {
		_, err := ParseServiceAccount(file(t, map[string]any{"token_uri": named}), simulated)
		checkFileError(t, "another end", err, "token_uri", simulated)
		_, err = ParseClient(clientJSON(t, ClientWeb, map[string]any{"token_uri": named}), At("https://127.0.0.1:1"))
		checkFileError(t, "another end", err, "token_uri", simulated)
	}
	_, err := ParseClient(clientJSON(t, ClientWeb, map[string]any{"auth_uri": "https://evil.example/auth"}), At("https://127.0.0.1:1"))
	checkFileError(t, "another end", err, "auth_uri", "https://127.0.0.1:1/o/oauth2/v2/auth")
}

// TestKeyFileErrors: the error names each wrong field and never shows the key.
func TestKeyFileErrors(t *testing.T) {
	pkcs8, _ := testKey()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	ecPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	for name, c := range map[string]struct {
		file   []byte
		fields string
	}{
		"not JSON":         {[]byte("-----BEGIN PRIVATE KEY-----"), "key_file"},
		"empty":            {nil, "key_file"},
		"a list":           {[]byte("[1]"), "key_file"},
		"huge":             {make([]byte, 1<<20), "key_file"},
		"a person's login": {file(t, map[string]any{"type": "authorized_user"}), "type"},
		"federation":       {file(t, map[string]any{"type": "external_account"}), "type"},
		"an OAuth client":  {[]byte(`{"web":{"client_id":"x"}}`), "type"},
		"no key":           {file(t, map[string]any{"private_key": nil}), "private_key"},
		"line ends lost":   {file(t, map[string]any{"private_key": strings.ReplaceAll(pkcs8, "\n", "")}), "private_key"},
		"half a key":       {file(t, map[string]any{"private_key": pkcs8[:len(pkcs8)/2]}), "private_key"},
		"certificate":      {file(t, map[string]any{"private_key": strings.ReplaceAll(pkcs8, "PRIVATE KEY", "CERTIFICATE")[:400]}), "private_key"},
		"not RSA":          {file(t, map[string]any{"private_key": ecPEM}), "private_key"},
		"foreign endpoint": {file(t, map[string]any{"token_uri": "https://evil.example/token"}), "token_uri"},
		"another cloud":    {file(t, map[string]any{"universe_domain": "apis-s3ns.fr"}), "universe_domain"},
		"no client_email":  {file(t, map[string]any{"client_email": nil}), "client_email"},
		"strange email":    {file(t, map[string]any{"client_email": "robot"}), "client_email"},
		"all at the same time": {
			file(t, map[string]any{"client_email": "", "private_key_id": nil, "private_key": "x", "token_uri": "http://x"}),
			"client_email private_key_id token_uri private_key",
		},
	} {
		_, err := ParseServiceAccount(c.file, "")
		wrong, ok := errors.AsType[KeyFileError](err)
		if !ok {
			t.Errorf("%s: %v, want a KeyFileError", name, err)
			continue
		}
		var fields []string
		for _, f := range wrong {
			fields = append(fields, f.Field)
		}
		if got := strings.Join(fields, " "); got != c.fields {
			t.Errorf("%s: wrong fields %q, want %q (%v)", name, got, c.fields, err)
		}
		if strings.Contains(err.Error(), "MII") {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

func FuzzParseServiceAccount(f *testing.F) {
	f.Add(file(f, nil))
	f.Add([]byte(`{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}`))
	f.Add([]byte(`{"type":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		account, err := ParseServiceAccount(b, "")
		if (account == nil) == (err == nil) {
			t.Errorf("account %v, error %v", account, err)
		}
		if account != nil && account.tokenURL != GoogleTokenURL {
			t.Errorf("the file sends the request to %s", account.tokenURL)
		}
	})
}
