package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// door is how the HTTP API is reached: plain on this machine alone, else TLS with
// a certificate of the user's own or one by ACME.

// checkDoor finds mistakes about TLS before anything is opened.
func (s *settings) checkDoor() error {
	var errs []error
	if (s.tlsCert == "") != (s.tlsKey == "") {
		errs = append(errs, errors.New("--tls-cert and --tls-key belong together: give both"))
	}
	if s.tlsCert != "" && len(s.acmeDomains) > 0 {
		errs = append(errs, errors.New("--tls-cert and --acme-domain are two ways to a certificate: leave one out"))
	}
	if !s.tls() && !loopback(s.listen) {
		errs = append(errs, fmt.Errorf(`%s %s would carry API keys and mail over the network in clear text. One of these helps:
  --tls-cert FILE --tls-key FILE     with a certificate that you have
  --acme-domain mail.example.com     to get one (port 443 must reach gatepost)
  --listen 127.0.0.1:7025            with a TLS proxy on this machine before it`, s.name("listen"), s.listen))
	}
	return errors.Join(errs...)
}

func (s *settings) tls() bool { return s.tlsCert != "" || len(s.acmeDomains) > 0 }

// loopback tells whether an address is for this machine alone.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	return thisMachine(host)
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// onlyTLS tells browsers to come by TLS for a year (RFC 6797).
func onlyTLS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		next.ServeHTTP(w, r)
	})
}

// doorTLS is the server's side of TLS; nil where it speaks plain HTTP.
func (s *settings) doorTLS(dir string, roots *x509.CertPool, log *slog.Logger) (*tls.Config, error) {
	switch {
	case s.tlsCert != "":
		c := &certificate{certFile: s.tlsCert, keyFile: s.tlsKey, log: log, now: time.Now}
		if err := c.load(); err != nil {
			return nil, usagef("%s, %s: %w", s.name("tls-cert"), s.name("tls-key"), err)
		}
		return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}, nil
	case len(s.acmeDomains) > 0:
		return s.acme(dir, roots, log), nil
	}
	return nil, nil
}

// acme gets certificates when they are first asked for, and renews them. The
// authority proves the name over TLS-ALPN (RFC 8737), on the same port.
func (s *settings) acme(dir string, roots *x509.CertPool, log *slog.Logger) *tls.Config {
	ours := autocert.HostWhitelist(s.acmeDomains...)
	m := &autocert.Manager{
		Prompt: autocert.AcceptTOS, HostPolicy: ours, Email: s.acmeEmail,
		Cache:  autocert.DirCache(filepath.Join(dir, "acme")),
		Client: &acme.Client{DirectoryURL: s.acmeDirectory, HTTPClient: &http.Client{Transport: tokenTransport(roots), Timeout: time.Minute}},
	}
	i := &issued{obtain: m.GetCertificate, ours: ours, log: log, now: time.Now, told: map[string]time.Time{}}
	c := m.TLSConfig()
	c.MinVersion, c.GetCertificate = tls.VersionTLS12, i.get
	return c
}

// issued shows certificates that an authority issues while the client waits.
type issued struct {
	obtain func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	ours   autocert.HostPolicy
	log    *slog.Logger
	now    func() time.Time

	mu   sync.Mutex
	told map[string]time.Time
}

// issueReports is how often the log tells, at most, that a name has no
// certificate. autocert keeps a failure as long.
const issueReports = time.Minute

// get implements tls.Config.GetCertificate. The HTTP server lets a handshake take
// headerTimeout from its first byte, and an authority takes longer to issue: the
// client that caused it would be cut off. So the time begins again.
func (i *issued) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	cert, err := i.obtain(hello)
	if err != nil {
		i.tell(hello, err)
	}
	if hello.Conn != nil {
		_ = hello.Conn.SetDeadline(i.now().Add(headerTimeout)) // what is wrong with it shows at the next write
	}
	return cert, err
}

// tell leaves out what strangers can cause: other names, and proofs nobody waits for.
func (i *issued) tell(hello *tls.ClientHelloInfo, err error) {
	name := strings.ToLower(hello.ServerName)
	if i.ours(context.Background(), name) != nil || slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if now := i.now(); now.Sub(i.told[name]) >= issueReports {
		i.told[name] = now
		i.log.Error("there is no TLS certificate by ACME: port 443 of the name must reach gatepost, and gatepost the authority", "name", name, "err", err)
	}
}

// certificate is a pair of files that may change while gatepost runs.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time

	mu      sync.Mutex
	pair    *tls.Certificate
	stamp   [2]stamp
	checked time.Time
	missed  time.Time // when a missing file was told of
}

// stamp tells whether a file changed.
type stamp struct {
	at   time.Time
	size int64
}

// How often files are looked at, and how often the log tells that one is missing,
// at most.
const (
	certificateChecks  = time.Second
	certificateReports = time.Minute
)

// get implements tls.Config.GetCertificate. A new pair that is broken leaves the
// old one in use: certificate tools write the two files one after the other.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.checked) >= certificateChecks {
		c.checked = now
		c.renew()
	}
	return c.pair, nil
}

func (c *certificate) renew() {
	stamps, err := c.stamps()
	if err != nil {
		c.miss(err)
		return
	}
	if stamps == c.stamp {
		return
	}
	if err := c.read(stamps); err != nil {
		c.stamp = stamps // told once for each change
		c.log.Error("the TLS certificate changed and cannot be used; the one before stays in use", "err", err)
		return
	}
	c.log.Info("the TLS certificate was read again", "expires_at", c.pair.Leaf.NotAfter)
}

// miss tells of files that cannot be found.
func (c *certificate) miss(err error) {
	if now := c.now(); now.Sub(c.missed) >= certificateReports {
		c.missed = now
		c.log.Error("the files of the TLS certificate cannot be found; the certificate that was read stays in use", "err", err)
	}
}

func (c *certificate) load() error {
	stamps, err := c.stamps()
	if err != nil {
		return err
	}
	c.checked = c.now()
	return c.read(stamps)
}

func (c *certificate) read(stamps [2]stamp) error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.pair, c.stamp = &pair, stamps
	if c.now().After(pair.Leaf.NotAfter) {
		c.log.Warn("the TLS certificate has expired: clients will refuse it", "file", c.certFile, "expired_at", pair.Leaf.NotAfter)
	}
	return nil
}

func (c *certificate) stamps() (out [2]stamp, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return out, err
		}
		out[i] = stamp{info.ModTime(), info.Size()}
	}
	return out, nil
}

// authorities reads further certificate authorities; nil when there are none.
func (s *settings) authorities() (*x509.CertPool, error) {
	if s.caFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(s.caFile)
	if err != nil {
		return nil, usagef("%s: %w", s.name("ca-file"), err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificate authorities: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, usagef("%s: %s holds no certificate in PEM form", s.name("ca-file"), s.caFile)
	}
	return pool, nil
}
