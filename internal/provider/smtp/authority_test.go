package smtp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// certificate makes one in PEM form; notes make it longer.
func certificate(t testing.TB, name string, notes int) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{strings.Repeat("x", notes)}},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(4e9, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return inPEM("CERTIFICATE", der)
}

func inPEM(kind string, b []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
}

// The settings keep certificates and nothing else.
func TestAuthorities(t *testing.T) {
	one, two := certificate(t, "one", 0), certificate(t, "two", 0)
	damaged := strings.Replace(one, "\n", "\n!", 1)
	for name, c := range map[string]struct{ given, kept string }{
		"one":                 {one, one},
		"two":                 {one + two, one + two},
		"notes between them":  {"# one\r\n" + strings.ReplaceAll(one, "\n", "\r\n") + "secret note\n" + two + "\nend", one + two},
		"a file's name":       {"/dev/zero", ""},
		"a blank":             {" ", ""},
		"a private key":       {inPEM("PRIVATE KEY", []byte("secret")), ""},
		"a key after it":      {one + inPEM("PRIVATE KEY", []byte("secret")), ""},
		"OpenSSL's own form":  {inPEM("TRUSTED CERTIFICATE", []byte("secret")), ""},
		"no certificate":      {inPEM("CERTIFICATE", []byte("secret")), ""},
		"headers":             {strings.Replace(one, "-----\n", "-----\nSecret: x\n\n", 1), ""},
		"a damaged one":       {damaged, ""},
		"a damaged one first": {damaged + two, ""},
		"half a second one":   {one + two[:len(two)/2], ""},
		"too long":            {certificate(t, "long", maxAuthorities), ""},
		"a long note":         {one + strings.Repeat("x", maxAuthorities), ""},
	} {
		config, err := json.Marshal(settings{Host: "m.example", CA: c.given, TLS: startTLS, MaxConnections: 1, MaxRecipients: 1})
		if err != nil {
			t.Fatal(err)
		}
		complete, wrong := validate(config)
		if c.kept == "" {
			if len(wrong) != 1 || wrong[0].Field != "ca" || strings.Contains(strings.ToLower(wrong[0].Message), "secret") {
				t.Errorf("%s: %v, want a problem with ca", name, wrong)
			}
			continue
		}
		var s settings
		if err := json.Unmarshal(complete, &s); err != nil || len(wrong) > 0 || s.CA != c.kept {
			t.Errorf("%s: %v %v: kept\n%s", name, err, wrong, s.CA)
		}
	}
}

// FuzzReadAuthorities: what is taken is certificates, and is taken again as it was
// kept.
func FuzzReadAuthorities(f *testing.F) {
	one := certificate(f, "one", 0)
	f.Add(one)
	f.Add("note\n" + one + one)
	f.Add("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
	f.Add(inPEM("PRIVATE KEY", []byte("x")) + one)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := readAuthorities(text)
		if err != nil {
			return
		}
		kept := writeAuthorities(list)
		again, err := readAuthorities(kept)
		if err != nil || len(list) == 0 || len(again) != len(list) || writeAuthorities(again) != kept {
			t.Errorf("%q is kept as %q: %v", text, kept, err)
		}
	})
}
