package queue

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// lines are the rows that a test has.
func lines() []line {
	return slices.Concat(googleTokenLines(), keylessLines(), gmailLines(), smtpLines(), entraLines(), graphLines(), exchangeLines(), networkLines())
}

// leftOut are the rows without a line, and why.
func leftOut() map[string]string {
	const (
		number = "Entra ID gives the number with the word; the word alone stands in logs of clients"
		code   = "Graph gives the error's code with the words; the words alone stand in logs of clients"
		nobody = "nobody's answer: a client library refused its own caller"
	)
	return map[string]string{
		"microsoft / token /  / authorization_pending /  / consent_pending":                                                                                                                                       number,
		"microsoft / token /  / bad_verification_code,expired_token,code_expired /  / device_code_expired":                                                                                                        number,
		"microsoft / token /  / authorization_declined /  / consent_denied":                                                                                                                                       number,
		"microsoft / send,upload,call /  /  / the right to send mail on behalf of / send_as_denied":                                                                                                               code,
		"microsoft / send,upload,call /  /  / inactive, soft-deleted,rest api is not yet supported for this mailbox / mailbox_not_enabled":                                                                        code,
		"microsoft / send,upload,call /  /  / /me request is only valid with delegated / mailbox_not_named":                                                                                                       "74g: gatepost names the mailbox itself wherever an app asks, so this is not about sending",
		" / program /  /  / missing credentials for / client_credentials_missing":                                                                                                                                 nobody,
		" / program /  /  / smtp error: could not authenticate,failed to authenticate on smtp server,no authentication type succeeded / credential_refused":                                                       nobody,
		" / program /  /  / smtp connect() failed,could not connect to smtp host,couldn't connect to host,couldn't connect to server,failed to connect to,unable to connect to,error connecting to / unreachable": "a program's own words; gatepost's connections say why",
		" / program /  /  /  / unexpected_answer":             nobody,
		" / connect /  /  / x509:  / tls_certificate_refused": "crypto/tls wraps what it finds wrong with a certificate, so the row before it decides; logs of others show it bare",
		" / connect /  /  / context canceled / interrupted":   "a send outlives the stop of its process: nobody but a test could cancel it",
	}
}

// road is how connections are made in place of the usual way.
type road func(ctx context.Context, network, address string) (net.Conn, error)

// networkLines are errors that are not answers.
func networkLines() []line {
	return []line{
		{by: byRelay, road: (*town).closed, no: "74l", cause: "connection_refused", then: retries()},
		{by: byGraph, road: (*town).closed, no: "74l", cause: "connection_refused", then: retries()},
		{by: byRelay, road: (*town).late, no: "74l", cause: "timeout", then: retries()},
		{by: byRelay, road: broken(&net.DNSError{Err: "no such host", Name: "relay.example", IsNotFound: true}), cause: "host_not_found", then: retries()},
		{by: byGmail, road: broken(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), cause: "unreachable", then: retries()},
		{by: byGmail, road: broken(os.NewSyscallError("connect", syscall.ENETUNREACH)), cause: "unreachable", then: retries()},
		{by: byRelay, road: served(func(c net.Conn) { _ = c.Close() }), cause: "connection_closed", then: retries(), unexplained: "the end of a stream alone can be about anything"},
		{by: byRelay, road: served(func(c net.Conn) { say(c, "welcome to something else") }), cause: "unexpected_answer", then: retries(), unlisted: true},
		{by: byRelay, road: (*town).muddled, cause: "ambiguous_answer", then: doubts(false), unlisted: true},
		{by: byGmail, road: served(func(c net.Conn) { say(c, "HTTP/1.1 400 Bad Request\r\n") }), no: "74m", cause: "tls_wrong_mode", then: holds()},
		{by: byGmail, road: certified(ofStrangers), no: "74m", cause: "tls_unknown_authority", then: holds()},
		{by: byGmail, road: certified(expiredLately), cause: "tls_certificate_expired", then: holds()},
		{by: byGmail, road: certified(ofAnother), cause: "tls_wrong_host", then: holds()},
		{by: byGmail, road: certified(ofClients), cause: "tls_certificate_refused", then: holds()},
		{by: byGmail, road: (*town).oldTLS, cause: "tls_refused", then: holds()},
	}
}

// closed leads to a port where nobody listens.
func (w *town) closed() road {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err, l.Close())
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, l.Addr().String())
	}
}

// late gives up before anybody can answer.
func (w *town) late() road {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return (&net.Dialer{Timeout: time.Nanosecond}).DialContext(ctx, network, address)
	}
}

// broken fails with what the system says of a way that there is not.
func broken(err error) func(*town) road {
	return func(*town) road {
		return func(_ context.Context, network, _ string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: network, Err: err}
		}
	}
}

// served leads to a server of the test's own.
func served(talk func(net.Conn)) func(*town) road {
	return func(w *town) road {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		w.must(err)
		w.t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go talk(c)
			}
		}()
		return func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, l.Addr().String())
		}
	}
}

func say(c net.Conn, text string) { _, _ = c.Write([]byte(text + "\r\n")) }

// muddled is a relay that takes a message and then says something else than yes or no.
func (w *town) muddled() road {
	return served(func(c net.Conn) {
		defer func() { _ = c.Close() }()
		in := bufio.NewReader(c)
		say(c, "220 relay.example")
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			switch verb := strings.ToUpper(strings.TrimSpace(line)); {
			case verb == "STARTTLS":
				say(c, "220 go on")
				c = tls.Server(c, w.ServerTLS())
				in = bufio.NewReader(c)
			case strings.HasPrefix(verb, "EHLO"):
				say(c, "250-relay.example\r\n250-STARTTLS\r\n250 AUTH PLAIN")
			case strings.HasPrefix(verb, "AUTH"):
				say(c, "235 you may")
			case verb == "DATA":
				say(c, "354 go on")
			case verb == ".":
				say(c, "354 go on with something else")
			case strings.HasPrefix(verb, "MAIL"), strings.HasPrefix(verb, "RCPT"):
				say(c, "250 yes")
			}
		}
	})(w)
}

// oldTLS speaks TLS with what no client of today does.
func (w *town) oldTLS() road {
	config := w.ServerTLS()
	config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}
	return served(func(c net.Conn) { _ = tls.Server(c, config).Handshake() })(w)
}

// The certificates of servers that are not as they should be.
func ofStrangers(c *x509.Certificate) (trusted bool) { return false }

func expiredLately(c *x509.Certificate) (trusted bool) {
	c.NotAfter = time.Now().Add(-time.Hour)
	return true
}

func ofAnother(c *x509.Certificate) (trusted bool) {
	c.IPAddresses, c.DNSNames = nil, []string{"another.example"}
	return true
}

func ofClients(c *x509.Certificate) (trusted bool) {
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return true
}

// certified leads to a server with a certificate of the test's own, which the account
// trusts where change says so.
func certified(change func(*x509.Certificate) bool) func(*town) road {
	return func(w *town) road {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		w.must(err)
		c := &x509.Certificate{
			SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			IsCA: true, BasicConstraintsValid: true,
		}
		trusted := change(c)
		der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
		w.must(err)
		if trusted {
			own, err := x509.ParseCertificate(der)
			w.must(err)
			w.roots.AddCert(own)
		}
		config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
		return served(func(c net.Conn) { _ = tls.Server(c, config).Handshake() })(w)
	}
}
