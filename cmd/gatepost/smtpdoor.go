package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/gateway"
)

// smtpDoor is the SMTP door with its listeners.
type smtpDoor struct {
	*gateway.Server
	listeners []smtpListener
}

type smtpListener struct {
	net.Listener
	mode gateway.Mode
	name string // of its setting
}

// checkSMTP says which settings of the SMTP door do not fit each other.
func (s *settings) checkSMTP() error {
	var errs []error
	if s.smtp.tls != "" && !s.tls() {
		errs = append(errs, errors.New("--smtps-listen needs a certificate: --tls-cert and --tls-key, or --acme-domain"))
	}
	if (s.smtp.open != "") != (len(s.smtp.trusted) > 0) {
		errs = append(errs, errors.New("--smtp-open-listen and --smtp-trusted belong together: the port without a login, and who may use it"))
	}
	return errors.Join(errs...)
}

// openSMTP takes the ports of the SMTP door, so that a mistake shows at once.
func (srv *server) openSMTP(ctx context.Context, s *settings, doorTLS *tls.Config) error {
	if !s.smtp.any() {
		return nil
	}
	team, err := srv.control.FirstTeam(ctx)
	if err != nil {
		return err
	}
	cfg := gateway.Config{
		Engine: srv.engine, Keys: srv.keys, Traces: srv.traces, Log: srv.log, Hostname: srv.smtpName(), Plain: s.smtp.plain,
		Trusted: s.smtp.trusted, Team: team, Repair: s.smtp.repair, Recognise: s.smtp.recognise, Reports: s.smtp.reports, Memory: srv.memory, Now: time.Now,
		Fault: doorFault(),
	}
	if s.smtp.certificate != nil {
		cfg.TLS = s.smtp.certificate
	} else if doorTLS != nil {
		cfg.TLS = doorTLS.Clone()
		cfg.TLS.NextProtos = nil // those of HTTP
		if len(s.acmeDomains) > 0 {
			cfg.TLS.GetCertificate = withName(s.acmeDomains[0], cfg.TLS.GetCertificate)
		}
	} else if s.smtp.listen != "" {
		srv.log.Warn("the SMTP door has no certificate: programs can log in from these networks alone", "smtp-plain", fmt.Sprint(s.smtp.plain))
	}
	srv.warnOfStrangers(ctx, cfg)
	srv.smtp = &smtpDoor{Server: gateway.New(cfg)}
	for _, l := range []struct {
		name, address string
		mode          gateway.Mode
	}{{"smtp-listen", s.smtp.listen, gateway.StartTLS}, {"smtps-listen", s.smtp.tls, gateway.Implicit}, {"smtp-open-listen", s.smtp.open, gateway.Open}} {
		if l.address == "" {
			continue
		}
		at, err := net.Listen("tcp", l.address)
		if err != nil {
			return usagef("%s %s: %w: is another program using the port? choose another one", s.name(l.name), l.address, err)
		}
		srv.smtp.listeners = append(srv.smtp.listeners, smtpListener{at, l.mode, l.name})
	}
	return nil
}

// warnOfStrangers tells of trusted devices whose account is not there (yet).
func (srv *server) warnOfStrangers(ctx context.Context, cfg gateway.Config) {
	g := access.Grant{Team: cfg.Team, Scopes: []string{access.ScopeMessagesSend}}
	for _, t := range cfg.Trusted {
		if _, err := srv.engine.AccountNamed(ctx, g, t.Account); err != nil {
			srv.log.Warn("smtp-trusted names an account that is not there: mail of this device will be refused until it is", "device", t.Client, "account", t.Account)
		}
	}
}

// smtpName is the name in the greeting.
func (srv *server) smtpName() string {
	if srv.settings.smtp.hostname != "" {
		return srv.settings.smtp.hostname
	}
	if u, err := url.Parse(srv.publicURL()); err == nil && net.ParseIP(u.Hostname()) == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return "localhost"
}

// serveSMTP serves all its listeners until one fails or the door stops.
func (d *smtpDoor) serveSMTP(failed chan<- error) {
	for _, l := range d.listeners {
		go func() { failed <- d.Serve(l.Listener, l.mode) }()
	}
}

// addresses tells where it listens, for the log.
func (d *smtpDoor) addresses() (out []any) {
	for _, l := range d.listeners {
		out = append(out, l.name, l.Addr().String())
	}
	return out
}

// withName gives clients that do not say which name they mean, as old devices do, the
// certificate of one.
func withName(name string, get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName == "" {
			named := *hello
			named.ServerName = name
			hello = &named
		}
		return get(hello)
	}
}
