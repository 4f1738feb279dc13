// Package smtp sends through an SMTP relay (RFC 5321, RFC 6409) with TLS and a
// password or an OAuth token, over kept connections.
//
// It is not a mail server and looks up no MX records. The client's side of the
// protocol is our own: go-smtp's client says EHLO localhost before STARTTLS,
// declares every message 8-bit, sends one command at a time, and knows neither
// contexts nor the moment before the final dot.
package smtp

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// Kind is the way to send through an SMTP relay.
func Kind() provider.Kind {
	return provider.Kind{
		Name:        "smtp",
		Credentials: []string{"smtp_password", ""},
		Validate:    validate,
		Limits:      limits,
		Rates:       rates,
		Open:        open,
	}
}

// account sends through one login of one relay. Its fields do not change after
// open.
type account struct {
	settings  settings
	mailbox   string // the address that sends
	bearer    *Bearer
	deps      provider.Deps
	authority *x509.CertPool // of ca
	pool      *pool
}

func open(a provider.Account, deps provider.Deps) (provider.Provider, error) {
	s, wrong := parse(a.Config)
	if len(wrong) > 0 {
		return nil, fmt.Errorf("open account %s: %s: %s", a.ID, wrong[0].Field, wrong[0].Message)
	}
	if s.User != "" && deps.Password == nil {
		return nil, fmt.Errorf("open account %s: it has a user and no source of its password was given", a.ID)
	}
	if s.Hello == "" {
		s.Hello = helloFor(a.Address)
	}
	acc := newAccount(s, a.Address, deps)
	if s.CA != "" {
		list, err := readAuthorities(s.CA)
		if err != nil {
			return nil, fmt.Errorf("open account %s: ca: %w", a.ID, err)
		}
		acc.authority = trusting(list)
	}
	return acc, nil
}

func newAccount(s settings, mailbox string, deps provider.Deps) *account {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Dial == nil {
		deps.Dial = (&net.Dialer{Timeout: connectPatience}).DialContext
	}
	acc := &account{settings: s, mailbox: mailbox, deps: deps}
	acc.pool = newPool(s.MaxConnections, acc.dial)
	return acc
}

// Check implements provider.Provider: a new connection proves host, TLS and
// password.
func (a *account) Check(ctx context.Context) error {
	s, problem := a.dial(ctx)
	if problem != nil {
		return problem
	}
	s.quit()
	return nil
}

// Close implements provider.Closer.
func (a *account) Close() error {
	a.pool.close()
	return nil
}

// password gets the account's password; its errors keep the class they came with.
func (a *account) password(ctx context.Context) (email.Secret, *provider.Error) {
	secret, err := a.deps.Password(ctx)
	if err == nil {
		return secret, nil
	}
	return email.Secret{}, credentialError(err, "password")
}

func (a *account) trace(stage string) {
	if a.deps.Trace != nil {
		a.deps.Trace(stage)
	}
}

var (
	_ provider.Provider = (*account)(nil)
	_ Login             = (*account)(nil)
)
