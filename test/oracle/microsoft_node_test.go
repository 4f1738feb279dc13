package oracle

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"testing"
	"time"
)

// Microsoft's libraries for Node, at the versions of the lock file: MSAL gets tokens by
// every way that gatepost knows, the Graph client sends.
func TestMicrosoftNode(t *testing.T) {
	nodeModules(t)
	w := newWorld(t)
	certificate, key := newCertificate(t)
	dir := t.TempDir()
	certificateFile, keyFile := filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
	write(t, certificateFile, certificate)
	write(t, keyFile, key)
	t.Log(in(t, "node", "--test", "--test-timeout=60000", "--test-reporter=spec", "microsoft.test.js", "graph.test.js",
		"MICROSOFT_URL="+w.MicrosoftURL, "CONTROL_URL="+w.ControlURL, "TENANT="+w.MicrosoftTenant(), "NODE_EXTRA_CA_CERTS="+w.CAFile,
		"CERTIFICATE_FILE="+certificateFile, "CERTIFICATE_KEY_FILE="+keyFile))
}

// newCertificate is one as an operator makes it for an app: self-signed, with its key.
func newCertificate(t *testing.T) (certificate, key []byte) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gatepost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}
