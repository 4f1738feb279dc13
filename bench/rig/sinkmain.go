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
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sinkFlags is what a sink is asked to be.
type sinkFlags struct {
	smtp, smtps, http, https           string
	latency                            time.Duration
	rate, maxConns                     int
	rateMode, certOut                  string
	needAuth, insecureAuth, noSTARTTLS bool
	lifetime                           time.Duration
}

func parseSinkFlags(args []string) (*sinkFlags, error) {
	f := &sinkFlags{}
	fs := flag.NewFlagSet("sink", flag.ExitOnError)
	fs.StringVar(&f.smtp, "smtp", "127.0.0.1:2526", "SMTP address with STARTTLS")
	fs.StringVar(&f.smtps, "smtps", "", "SMTP address with implicit TLS")
	fs.StringVar(&f.http, "http", "127.0.0.1:2580", "HTTP address: /token, Gmail, Graph, /stats, /ids, /reset, /config")
	fs.StringVar(&f.https, "https", "", "the same over TLS")
	fs.DurationVar(&f.latency, "latency", 0, "time to sleep per message before it is acknowledged")
	fs.IntVar(&f.rate, "rate", 0, "messages per second admitted, 0 for no limit")
	fs.StringVar(&f.rateMode, "rate-mode", "reject", "over the rate: reject (450 / 429) or delay")
	fs.IntVar(&f.maxConns, "max-conns", 0, "SMTP connections at once, 0 for no limit; one more is refused with 432")
	fs.BoolVar(&f.needAuth, "require-auth", false, "refuse MAIL without AUTH")
	fs.BoolVar(&f.insecureAuth, "plain-auth", true, "offer AUTH without TLS as well")
	fs.BoolVar(&f.noSTARTTLS, "no-starttls", false, "do not offer STARTTLS")
	fs.StringVar(&f.certOut, "cert-out", "", "write the self-signed certificate here")
	fs.DurationVar(&f.lifetime, "for", 2*time.Hour, "stop after this long")
	return f, fs.Parse(args)
}

func sinkMain(args []string) error {
	f, err := parseSinkFlags(args)
	if err != nil {
		return err
	}
	s := &sink{needAuth: f.needAuth}
	s.latency.Store(int64(f.latency))
	s.pace.rate.Store(int64(f.rate))
	s.pace.delay.Store(f.rateMode == "delay")
	s.maxConns.Store(int64(f.maxConns))
	cert, err := selfSigned(f.certOut)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	ended := make(chan error, 4)
	if err := s.listen(f, &tls.Config{Certificates: []tls.Certificate{cert}}, ended); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "sink: smtp=%s smtps=%s http=%s https=%s pid=%d\n", f.smtp, f.smtps, f.http, f.https, os.Getpid())
	return awaitEnd(ended, f.lifetime)
}

func awaitEnd(ended <-chan error, lifetime time.Duration) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	select {
	case err := <-ended:
		return err
	case <-signals:
		return nil
	case <-time.After(lifetime):
		return errors.New("stopped: -for has passed")
	}
}

// listen opens every address that is given; a server that ends says so on ended.
func (s *sink) listen(f *sinkFlags, tc *tls.Config, ended chan<- error) error {
	plain, implicit := s.smtpServer(f.insecureAuth), s.smtpServer(f.insecureAuth)
	if !f.noSTARTTLS {
		plain.TLSConfig = tc
	}
	web := &http.Server{Handler: s.handler(), TLSConfig: tc, ErrorLog: log.New(io.Discard, "", 0)}
	for _, door := range []struct {
		addr  string
		serve func(net.Listener) error
	}{
		{f.smtp, func(l net.Listener) error { return plain.Serve(countListener{l, s}) }},
		{f.smtps, func(l net.Listener) error { return implicit.Serve(tls.NewListener(countListener{l, s}, tc)) }},
		{f.http, func(l net.Listener) error { return http.Serve(l, web.Handler) }},
		{f.https, func(l net.Listener) error { return web.ServeTLS(l, "", "") }},
	} {
		if door.addr == "" {
			continue
		}
		l, err := net.Listen("tcp", door.addr)
		if err != nil {
			return err
		}
		go func() { ended <- door.serve(l) }()
	}
	return nil
}

// selfSigned makes a certificate for localhost and 127.0.0.1 that is its own authority.
func selfSigned(certOut string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	if certOut == "" {
		return cert, nil
	}
	return cert, os.WriteFile(certOut, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}
