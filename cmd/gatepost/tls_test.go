package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// pairFiles writes a self-signed certificate for 127.0.0.1 and its key.
func pairFiles(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	return cert, key
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// The API speaks TLS with the user's own certificate, and the commands trust what
// they are told to.
func TestAPIOverTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := pairFiles(t, dir, "first")
	vars := map[string]string{"GATEPOST_DATA": filepath.Join(dir, "data"), "GATEPOST_LISTEN": "127.0.0.1:0"}
	code, apiKey, errs := command(vars, "keys", "create", "--name", "test")
	if code != 0 {
		t.Fatal(errs)
	}
	srv := startServe(t, vars, "--tls-cert", cert, "--tls-key", key)
	client := map[string]string{"GATEPOST_URL": srv.url, "GATEPOST_KEY": strings.TrimSpace(apiKey), "GATEPOST_CA_FILE": cert}
	if code, out, errs := command(client, "keys", "list"); !strings.HasPrefix(srv.url, "https://") || code != 0 || !strings.Contains(out, "test") {
		t.Errorf("%s: code %d: %s%s", srv.url, code, out, errs)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(readText(t, cert)))
	browser := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer browser.CloseIdleConnections()
	for _, path := range []string{"/connect/nothing", "/v1/accounts"} {
		resp, err := browser.Get(srv.url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
			t.Errorf("%s: browsers may come back without TLS: %q", path, got)
		}
	}
	delete(client, "GATEPOST_CA_FILE")
	if code, _, errs := command(client, "accounts", "list"); code != exitFailed || !strings.Contains(errs, "certificate") {
		t.Errorf("an unknown authority: code %d: %s", code, errs)
	}
}

// A certificate that changes is used without a restart; one that is broken leaves
// the one before in use and is told.
func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := pairFiles(t, dir, "first")
	log, now := &lockedBuffer{}, time.Now()
	c := &certificate{certFile: certFile, keyFile: keyFile, log: slog.New(slog.NewTextHandler(log, nil)), now: func() time.Time { return now }}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	served := func() string {
		pair, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.Subject.CommonName
	}
	pairFiles(t, dir, "the second")
	if got := served(); got != "first" {
		t.Errorf("looked at the files within a second: %s", got)
	}
	now = now.Add(certificateChecks)
	if got := served(); got != "the second" {
		t.Errorf("after a change: %s", got)
	}
	write(t, certFile, []byte("half a file"))
	for range 3 {
		now = now.Add(certificateChecks)
		if got := served(); got != "the second" {
			t.Errorf("with a broken file: %s", got)
		}
	}
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("told %d times: %s", n, log)
	}
	pairFiles(t, dir, "the third one")
	now = now.Add(certificateChecks)
	if got := served(); got != "the third one" {
		t.Errorf("after the mend: %s", got)
	}
}

// A file that is missing is told once a minute, however many connections come.
func TestMissingCertificateIsToldOnceAMinute(t *testing.T) {
	certFile, keyFile := pairFiles(t, t.TempDir(), "first")
	log, now := &lockedBuffer{}, time.Now()
	c := &certificate{certFile: certFile, keyFile: keyFile, log: slog.New(slog.NewTextHandler(log, nil)), now: func() time.Time { return now }}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(keyFile, keyFile+".away"); err != nil {
		t.Fatal(err)
	}
	for range 90 {
		now = now.Add(certificateChecks)
		if pair, err := c.get(nil); err != nil || pair.Leaf.Subject.CommonName != "first" {
			t.Fatalf("%+v %v", pair, err)
		}
	}
	if n := strings.Count(log.String(), "key.pem"); n != 2 {
		t.Errorf("told %d times in 90 seconds, want 2: %s", n, log)
	}
	pairFiles(t, filepath.Dir(certFile), "the second")
	now = now.Add(certificateChecks)
	if pair, _ := c.get(nil); pair.Leaf.Subject.CommonName != "the second" {
		t.Errorf("after the return: %s", pair.Leaf.Subject.CommonName)
	}
}

// Certificates by ACME are for the names that were given alone.
func TestACMEIsForItsNamesAlone(t *testing.T) {
	s := &settings{acmeDomains: []string{"mail.example.com"}, acmeDirectory: "https://127.0.0.1:1/directory"}
	config, err := s.doorTLS(t.TempDir(), nil, quiet())
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.GetCertificate(&tls.ClientHelloInfo{ServerName: "other.example.com", CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256}})
	if err == nil || !strings.Contains(err.Error(), "other.example.com") {
		t.Errorf("another name: %v", err)
	}
	if config.MinVersion != tls.VersionTLS12 {
		t.Error("older TLS is allowed")
	}
}

// A failure is told once a minute for each name of ours; strangers cannot fill the log.
func TestFailuresOfACMEAreTold(t *testing.T) {
	log, now := &lockedBuffer{}, time.Now()
	i := &issued{
		obtain: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("the authority says no") },
		ours:   autocert.HostWhitelist("mail.example.com", "bücher.example"),
		log:    slog.New(slog.NewTextHandler(log, nil)), now: func() time.Time { return now }, told: map[string]time.Time{},
	}
	ask := func(name string, protos ...string) {
		if _, err := i.get(&tls.ClientHelloInfo{ServerName: name, SupportedProtos: protos}); err == nil {
			t.Error("the failure was lost")
		}
	}
	ask("mail.example.com", acme.ALPNProto)
	ask("other.example.com")
	ask("")
	if log.String() != "" {
		t.Errorf("told of strangers: %s", log)
	}
	for range 3 {
		ask("mail.example.com")
		ask("Mail.Example.com", "h2", "http/1.1")
		ask("xn--bcher-kva.example")
		now = now.Add(issueReports / 2)
	}
	if n := strings.Count(log.String(), "the authority says no"); n != 4 {
		t.Errorf("told %d times, want twice for each name: %s", n, log)
	}
}

// Who waited for the authority longer than a handshake may take is answered.
func TestTheHandshakeGoesOnAfterTheAuthority(t *testing.T) {
	server, client := net.Pipe()
	defer client.Close()
	i := &issued{now: time.Now, obtain: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return &tls.Certificate{}, hello.Conn.SetDeadline(time.Now().Add(-time.Second))
	}}
	if _, err := i.get(&tls.ClientHelloInfo{Conn: server}); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = server.Write([]byte("hello"))
		server.Close()
	}()
	if b, err := io.ReadAll(client); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestPlainIsForThisMachineAlone(t *testing.T) {
	for address, plain := range map[string]bool{
		"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "0.0.0.0:1": false, ":1": false, "[::]:1": false, "192.0.2.1:1": false, "mail.example.com:1": false,
	} {
		if err := (&settings{listen: address}).checkDoor(); (err == nil) != plain {
			t.Errorf("%s: %v", address, err)
		}
		if err := (&settings{listen: address, acmeDomains: []string{"mail.example.com"}}).checkDoor(); err != nil {
			t.Errorf("%s with TLS: %v", address, err)
		}
	}
}

// The pages for people stand beside the API.
func TestPagesBesideTheAPI(t *testing.T) {
	srv := startServe(t, map[string]string{"GATEPOST_DATA": t.TempDir(), "GATEPOST_LISTEN": "127.0.0.1:0"})
	for path, want := range map[string]string{"/connect/nothing": "text/html", "/v1/nothing": "application/problem+json"} {
		resp, err := http.Get(srv.url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", path, got)
		}
		if resp.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: TLS is demanded of a plain server", path)
		}
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
