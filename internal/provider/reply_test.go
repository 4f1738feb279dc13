package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

func TestCleanReply(t *testing.T) {
	for in, want := range map[string]string{
		"two\r\nlines\tand \x00 controls":                                "two lines and controls",
		"token ya29.a0Af-x_Y.z refused":                                  "token [redacted] refused",
		`{"refresh":"1//0abc-D_e"}`:                                      `{"refresh":"[redacted]"}`,
		"jwt eyJhbGciOi.eyJpc3Mi.c2ln":                                   "jwt [redacted]",
		"Authorization: Bearer abcdefgh":                                 "Authorization: [redacted]",
		"secret GOCSPX-abcdefGHIJK_0123 x":                               "secret [redacted] x",
		"?client_id=1&client_secret=s3cr3t-value&scope=a":                "?client_id=1&client_secret=[redacted]&scope=a",
		`{"refresh_token": "0.AAAAshort", "scope":"a"}`:                  `{"refresh_token": "[redacted]", "scope":"a"}`,
		`{\"client_secret\":\"s3cr3t-value\"}`:                           `{\"client_secret\":\"[redacted]\"}`,
		"AUTH PLAIN AGFwcABodW50ZXIy ok":                                 "[redacted] ok",
		"AUTH LOGIN XOAUTH2 OAUTHBEARER":                                 "AUTH LOGIN XOAUTH2 OAUTHBEARER",
		"Username and Password not accepted. password: wrong!":           "Username and Password not accepted. password: [redacted]",
		"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- x": "[redacted] x",
		"-----BEGIN RSA PRIVATE KEY-----\nMIIE":                          "[redacted]",
		"code 4/0AeanS0abcdefghijklmnopqrst x":                           "code [redacted] x",
		"bad \xff byte":                                                  "bad \uFFFD byte",
		strings.Repeat("é", 400):                                         strings.Repeat("é", 256),
	} {
		if got := CleanReply(in); got != want {
			t.Errorf("CleanReply(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanReply(f *testing.F) {
	f.Add("550 5.1.1 ya29.abc eyJa.b.c\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := CleanReply(s)
		if len(got) > maxReply || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00") {
			t.Errorf("CleanReply(%q) = %q", s, got)
		}
	})
}

// TestNoAnswer: what broke before the message was handed over, by its error.
func TestNoAnswer(t *testing.T) {
	timeout := &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
	for _, c := range []struct {
		err   error
		class Class
		cause string
	}{
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}, Hold, "tls_wrong_host"},
		{fmt.Errorf("TLS: %w", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), Hold, "tls_unknown_authority"},
		{x509.CertificateInvalidError{Reason: x509.Expired}, Hold, "tls_certificate_expired"},
		{x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign}, Hold, "tls_certificate_refused"},
		{tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, Hold, "tls_wrong_mode"},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(70)}, Hold, "tls_refused"},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(80)}, Retry, "unreachable"},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, Retry, "connection_refused"},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, Retry, "host_not_found"},
		{timeout, Retry, "timeout"},
		{context.Canceled, Retry, "interrupted"},
		{&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, Retry, "unreachable"},
		{fmt.Errorf("read: %w", io.EOF), Retry, "connection_closed"},
		{errors.New("something"), Retry, "unreachable"},
	} {
		e := NoAnswer(StageConnect, false, c.err)
		if e.Class != c.class || e.Cause != c.cause || !errors.Is(e, c.err) {
			t.Errorf("%v: %v %s, want %v %s", c.err, e.Class, e.Cause, c.class, c.cause)
		}
		if e := NoAnswer(StageBody, true, c.err); e.Class != Unknown {
			t.Errorf("%v after the message was handed over: %v, want unknown", c.err, e.Class)
		}
	}
	if e := NoAnswer(StageConnect, false, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}); !strings.Contains(e.Fix, "587") {
		t.Errorf("a refused connection does not speak of blocked ports: %q", e.Fix)
	}
	for _, stage := range []Stage{StageToken, StageCall, StageRcpt} {
		if e := NoAnswer(stage, false, timeout); strings.Contains(e.Fix, "465") {
			t.Errorf("%s: advice about ports of SMTP: %q", stage, e.Fix)
		}
	}
}

// TestTLSConfig: an authority of any pool is enough, the host name must be right,
// and without a pool only the system's count.
func TestTLSConfig(t *testing.T) {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(srv.Certificate())
	shake := func(cfg *tls.Config) error {
		c, err := tls.Dial("tcp", srv.Listener.Addr().String(), cfg)
		if err != nil {
			return NoAnswer(StageConnect, false, err)
		}
		return c.Close()
	}
	if err := shake(TLSConfig("127.0.0.1", nil, x509.NewCertPool(), trusted)); err != nil {
		t.Errorf("known authority: %v", err)
	}
	for name, c := range map[string]struct {
		cfg   *tls.Config
		cause string
	}{
		"no pool":       {TLSConfig("127.0.0.1"), "tls_unknown_authority"},
		"other pool":    {TLSConfig("127.0.0.1", x509.NewCertPool()), "tls_unknown_authority"},
		"wrong host":    {TLSConfig("mail.example.net", trusted), "tls_wrong_host"},
		"wrong host, 2": {TLSConfig("mail.example.net", x509.NewCertPool(), trusted), "tls_wrong_host"},
	} {
		var e *Error
		if err := shake(c.cfg); !errors.As(err, &e) || e.Class != Hold || e.Cause != c.cause {
			t.Errorf("%s: %v, want hold with cause %s", name, err, c.cause)
		}
	}
}

// TestOldTLS: a server of before TLS 1.2 is told apart, whether it refuses or answers in
// its own version.
func TestOldTLS(t *testing.T) {
	refusing := httptest.NewUnstartedServer(http.NotFoundHandler())
	refusing.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}
	refusing.Config.ErrorLog = log.New(io.Discard, "", 0)
	refusing.StartTLS()
	defer refusing.Close()
	for name, address := range map[string]string{"refuses": refusing.Listener.Addr().String(), "chooses TLS 1.0": choosesTLS10(t)} {
		c, err := tls.Dial("tcp", address, TLSConfig("127.0.0.1"))
		if err == nil {
			c.Close()
			t.Fatalf("%s: the handshake went well", name)
		}
		if e := NoAnswer(StageConnect, false, err); e.Class != Hold || e.Cause != "tls_refused" {
			t.Errorf("%s: %v: %v %s, want hold with cause tls_refused", name, err, e.Class, e.Cause)
		}
	}
}

// choosesTLS10 answers every handshake with the ServerHello of a server that knows
// nothing later (RFC 2246 section 7.4.1.3).
func choosesTLS10(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	hello := append([]byte{2, 0, 0, 38, 3, 1}, make([]byte, 32)...) // ServerHello, 38 bytes, version, random
	hello = append(hello, 0, 0xc0, 0x13, 0)                         // no session, a suite, no compression
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(append([]byte{22, 3, 1, 0, byte(len(hello))}, hello...))
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	return l.Addr().String()
}
