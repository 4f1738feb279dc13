package entra

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"gatepost/internal/email"
)

func app(t *testing.T, cert, key string) (*App, error) {
	t.Helper()
	return NewApp(AppFields{Tenant: tenantID, ClientID: appID, Certificate: email.NewSecret(cert), Key: email.NewSecret(key)}, noon)
}

func TestCertificatesAsPeopleHaveThem(t *testing.T) {
	cert, key8, key1 := goodCert(t), pkcs8(t, keys().one), pkcs1(keys().one)
	authority := certOf(t, publicOf{&keys().other.PublicKey}, noon.AddDate(-1, 0, 0), noon.AddDate(9, 0, 0))
	for name, c := range map[string]struct{ cert, key string }{
		"PKCS #8":              {cert, key8},
		"PKCS #1":              {cert, key1},
		"one file":             {cert + key8, ""},
		"one file, key first":  {key1 + cert, ""},
		"both in the key":      {"", key8 + cert},
		"openssl's comments":   {"Bag Attributes\n    localKeyID: 01\nsubject=CN = x\n" + cert, "Bag Attributes\n" + key8},
		"CRLF":                 {strings.ReplaceAll(cert, "\n", "\r\n"), strings.ReplaceAll(key8, "\n", "\r\n")},
		"line ends escaped":    {strings.ReplaceAll(cert, "\n", `\n`), strings.ReplaceAll(key8, "\n", `\n`)},
		"chain":                {cert + authority, key8},
		"chain, wrong way":     {authority + cert, key8},
		"the same key in both": {cert + key8, key1},
	} {
		a, err := app(t, c.cert, c.key)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a.Auth() != AuthCertificate || !a.certificate.key.Equal(keys().one) || !a.Expires().Equal(noon.AddDate(1, 0, 0)) {
			t.Errorf("%s: %s until %v", name, a.Auth(), a.Expires())
		}
	}
}

func TestWrongCertificates(t *testing.T) {
	cert, key := goodCert(t), pkcs8(t, keys().one)
	ec := ecKey(t)
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ecCert := certOf(t, publicOf{&ec.PublicKey}, noon.AddDate(0, -1, 0), noon.AddDate(1, 0, 0))
	sealed := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: []byte("xxxx")}))
	binary, _ := pem.Decode([]byte(cert))
	for name, c := range map[string]struct{ cert, key, fields, says string }{
		"no key":               {cert, "", "key", "a certificate alone"},
		"no certificate":       {"", key, "certificate", "a private key alone"},
		"another's key":        {cert, pkcs8(t, keys().other), "key", "another certificate"},
		"expired":              {certOf(t, publicOf{&keys().one.PublicKey}, noon.AddDate(-2, 0, 0), noon.AddDate(0, 0, -1)), key, "certificate", "expired on 20 November 2026"},
		"not yet valid":        {certOf(t, publicOf{&keys().one.PublicKey}, noon.AddDate(0, 0, 1), noon.AddDate(1, 0, 0)), key, "certificate", "not valid before 22 November 2026"},
		"EC key":               {cert, pkcs8(t, ec), "key", "RSA keys alone"},
		"EC key of SEC 1":      {cert, block("EC PRIVATE KEY", sec1), "key", "RSA keys alone"},
		"EC with parameters":   {ecCert, block("EC PARAMETERS", []byte{6, 1, 1}) + block("EC PRIVATE KEY", sec1), "key", "RSA keys alone"},
		"EC certificate":       {ecCert, key, "certificate", "RSA keys alone"},
		"EC, both in one":      {ecCert + pkcs8(t, ec), "", "certificate", "RSA keys alone"},
		"Ed25519 key":          {cert, pkcs8(t, ed), "key", "RSA keys alone"},
		"small key":            {cert, pkcs1(small), "key", "2048 to 8192 bits"},
		"sealed, PKCS #8":      {cert, block("ENCRYPTED PRIVATE KEY", []byte("xx")), "key", "passphrase"},
		"sealed, PKCS #1":      {cert, sealed, "key", "passphrase"},
		"PKCS #12":             {base64.StdEncoding.EncodeToString([]byte("0\x82\x0a\x00\x02\x01\x03")), "", "certificate", "openssl pkcs12"},
		"DER":                  {string(binary.Bytes), key, "certificate", "openssl x509"},
		"a request":            {block("CERTIFICATE REQUEST", []byte("x")), key, "certificate", "a request for a certificate"},
		"a public key":         {cert, block("PUBLIC KEY", []byte("x")), "key", "public key"},
		"another block":        {block("OPENSSH PRIVATE KEY", []byte("x")), key, "certificate", "neither a certificate nor a private key"},
		"damaged certificate":  {block("CERTIFICATE", []byte("x")), key, "certificate", "cannot be read"},
		"damaged key":          {cert, block("PRIVATE KEY", []byte("x")), "key", "cannot sign"},
		"half a key":           {cert, key[:len(key)/2], "key", "line ends"},
		"line ends lost":       {strings.ReplaceAll(cert, "\n", ""), key, "certificate", "line ends"},
		"two keys":             {cert, key + pkcs8(t, keys().other), "key", "one of two"},
		"huge":                 {strings.Repeat("x", 65<<10), key, "certificate", "64 KiB"},
		"certificate in place": {cert, cert, "key", "is missing"},
	} {
		_, err := app(t, c.cert, c.key)
		wantFields(t, name, err, c.fields, c.says)
	}
}

func FuzzReadCertificate(f *testing.F) {
	f.Add(goodCert(f), pkcs8(f, keys().one))
	f.Add(goodCert(f)+pkcs1(keys().one), "")
	f.Add("-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n", `-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----`)
	f.Fuzz(func(t *testing.T, cert, key string) {
		c, wrong := readCertificate(cert, key)
		if (c == nil) != (len(wrong) > 0) {
			t.Fatalf("%v %v", c, wrong)
		}
		if c == nil {
			return
		}
		if public, ok := c.leaf.PublicKey.(*rsa.PublicKey); !ok || !public.Equal(c.key.Public()) {
			t.Error("a certificate with another's key")
		}
		if _, err := c.assertion(appID, "https://x.example", noon); err != nil {
			t.Errorf("taken, and cannot sign: %v", err)
		}
	})
}
