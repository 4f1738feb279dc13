package monitor

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"gatepost/internal/provider"
)

// Prober looks at servers without signing in anywhere.
type Prober struct {
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Now  func() time.Time
	// Patience is how long a server may take to let a connection be made, and then to
	// say something. 0: 5 seconds.
	Patience time.Duration
}

// Sight is what a probe saw of a server.
type Sight struct {
	Place   provider.Place
	Err     error  // of the way to it, DNS included, or of the certificate
	Issuer  string // who signed its certificate, as the certificate says
	Until   time.Time
	Plain   bool // it does not speak TLS from the first byte, and should
	AtOnce  bool // it speaks TLS from the first byte, and should not
	Offset  time.Duration
	Dated   bool  // it said what time it is; Offset is this machine's clock minus that
	Open    []int // of an SMTP server that is not reached: the ports of submission that are
	Stopped bool  // the time for the whole was over
}

// submissionPorts are those of RFC 8314 and RFC 6409, and the old one.
func submissionPorts() []int { return []int{587, 465, 25} }

// Look looks at one server.
func (p Prober) Look(ctx context.Context, place provider.Place) Sight {
	s := Sight{Place: place}
	if s.Err = p.look(ctx, &s); s.Err != nil && ctx.Err() != nil {
		s.Stopped = true
		return s
	}
	if place.SMTP && unreached(s.Err) {
		s.Open = p.others(ctx, place)
	}
	return s
}

func (p Prober) patience() time.Duration {
	if p.Patience > 0 {
		return p.Patience
	}
	return 5 * time.Second
}

func (p Prober) dial(ctx context.Context, place provider.Place) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.patience())
	defer cancel()
	conn, err := p.Dial(ctx, "tcp", place.Address())
	if err == nil {
		_ = conn.SetDeadline(time.Now().Add(p.patience()))
	}
	return conn, err
}

func (p Prober) look(ctx context.Context, s *Sight) error {
	conn, err := p.dial(ctx, s.Place)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	switch {
	case s.Place.TLS == "starttls":
		return p.greeted(ctx, conn, s)
	case s.Place.TLS == "none":
		if s.Place.SMTP {
			return nil
		}
		return p.date(conn, s)
	}
	secure, err := s.handshake(ctx, conn)
	if err != nil || s.Place.SMTP {
		return err
	}
	return p.date(secure, s)
}

// greeted reads an SMTP server's greeting. One that says nothing may be waiting for a
// TLS handshake.
func (p Prober) greeted(ctx context.Context, conn net.Conn, s *Sight) error {
	_ = conn.SetReadDeadline(time.Now().Add(min(p.patience(), 2*time.Second)))
	first, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && strings.HasPrefix(first, "220") {
		_, _ = conn.Write([]byte("QUIT\r\n"))
		return nil
	}
	again, dialErr := p.dial(ctx, s.Place)
	if dialErr != nil {
		return dialErr
	}
	defer again.Close()
	if _, tlsErr := s.handshake(ctx, again); s.Issuer != "" {
		s.AtOnce = true
		return tlsErr
	}
	if err == nil {
		return fmt.Errorf("it greets with %q, which is not SMTP's 220", provider.CleanReply(first))
	}
	return fmt.Errorf("it says nothing: %w", err)
}

// handshake notes whose certificate is shown, and then checks it as senders do.
func (s *Sight) handshake(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	// The certificate is to be seen above all where it is a bad one. Nothing that is
	// secret goes over this connection, and of an answer the date alone is read.
	secure := tls.Client(conn, &tls.Config{ServerName: s.Place.Host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: true})
	if err := secure.HandshakeContext(ctx); err != nil {
		_, s.Plain = errors.AsType[tls.RecordHeaderError](err)
		return nil, err
	}
	state := secure.ConnectionState()
	leaf := state.PeerCertificates[0]
	s.Issuer, s.Until = issuerOf(leaf), leaf.NotAfter
	return secure, s.verify(state)
}

// verify is the check of provider.TLSConfig on a connection that stands.
func (s *Sight) verify(state tls.ConnectionState) error {
	if cfg := provider.TLSConfig(s.Place.Host, s.Place.Authorities...); cfg.VerifyConnection != nil {
		return cfg.VerifyConnection(state)
	}
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: s.Place.Host, Intermediates: between})
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	return nil
}

// issuerOf is who signed a certificate, in its own words.
func issuerOf(c *x509.Certificate) string {
	name := c.Issuer.CommonName
	if len(c.Issuer.Organization) > 0 && c.Issuer.Organization[0] != name {
		name = strings.TrimSpace(c.Issuer.Organization[0] + " " + name)
	}
	if name == "" {
		name = "an authority without a name"
	}
	return provider.CleanReply(name)
}

// date asks a web server for nothing, and reads the time in its answer (RFC 9110
// section 6.6.1).
func (p Prober) date(conn net.Conn, s *Sight) error {
	if _, err := fmt.Fprintf(conn, "HEAD / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", s.Place.Host); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodHead})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		s.Offset, s.Dated = p.Now().Sub(at), true
	}
	return nil
}

// others are the ports of submission that let a connection be made, where the one that
// is set does not.
func (p Prober) others(ctx context.Context, place provider.Place) (open []int) {
	found := make(chan int)
	ports := slices.DeleteFunc(submissionPorts(), func(n int) bool { return n == place.Port })
	for _, port := range ports {
		go func() {
			other := place
			other.Port = port
			conn, err := p.dial(ctx, other)
			if err != nil {
				port = 0
			} else {
				conn.Close()
			}
			found <- port
		}()
	}
	for range ports {
		if port := <-found; port != 0 {
			open = append(open, port)
		}
	}
	slices.Sort(open)
	return open
}

// unreached tells whether no connection was made, for another reason than the name.
func unreached(err error) bool {
	if err == nil {
		return false
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return false
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" || errors.Is(err, context.DeadlineExceeded)
}
