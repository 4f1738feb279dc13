package smtpdoor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certFiles are a certificate for the loopback with its key, and the authority that programs are told to
// trust.
type certFiles struct{ authority, chain, key string }

func certificate(t *testing.T, dir string) certFiles {
	t.Helper()
	f := certFiles{filepath.Join(dir, "authority.pem"), filepath.Join(dir, "chain.pem"), filepath.Join(dir, "tls.key")}
	caKey, leafKey := newKey(t), newKey(t)
	ca := template("smtpdoor's authority", 1)
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	leaf := template(host, 2)
	leaf.DNSNames, leaf.IPAddresses = []string{host}, []net.IP{net.IPv4(127, 0, 0, 1)}
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	write(t, f.authority, "CERTIFICATE", signed(t, ca, ca, &caKey.PublicKey, caKey))
	write(t, f.chain, "CERTIFICATE", signed(t, leaf, ca, &leafKey.PublicKey, caKey))
	der, err := x509.MarshalPKCS8PrivateKey(leafKey)
	must(t, err)
	write(t, f.key, "PRIVATE KEY", der)
	return f
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return k
}

func template(name string, serial int64) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
}

func signed(t *testing.T, c, by *x509.Certificate, key *ecdsa.PublicKey, signer *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, by, key, signer)
	must(t, err)
	return der
}

// write makes a file that also programs which give up their rights can read: it is a test's.
func write(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644))
}
