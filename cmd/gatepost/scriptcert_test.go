package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"gatepost/internal/sandbox"
)

// certApp registers an app with a certificate, and writes the certificate, its key and
// one that has ended into the folder.
func certApp(w *sandbox.World, dir string) (sandbox.App, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return sandbox.App{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return sandbox.App{}, err
	}
	cert, err := pemCertificate(key, time.Now().AddDate(1, 0, 0))
	if err != nil {
		return sandbox.App{}, err
	}
	ended, err := pemCertificate(key, time.Now().AddDate(0, 0, -1))
	if err != nil {
		return sandbox.App{}, err
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "cert.pem"), cert, 0o600), os.WriteFile(filepath.Join(dir, "ended.pem"), ended, 0o600),
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600),
	)
	if err != nil {
		return sandbox.App{}, err
	}
	return w.AddApp(sandbox.AppOptions{Certificates: []string{string(cert)}, NoSecret: true, Roles: []string{"Mail.ReadBasic.All"}})
}

func pemCertificate(key *rsa.PrivateKey, until time.Time) ([]byte, error) {
	t := &x509.Certificate{
		SerialNumber: big.NewInt(until.Unix()), Subject: pkix.Name{CommonName: "gatepost"}, NotBefore: until.AddDate(-2, 0, 0), NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}
