package gmail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/smtp"
)

// ScopeMail is everything in a mailbox, and the only scope that smtp.gmail.com
// takes (developers.google.com/workspace/gmail/imap/xoauth2-protocol).
const ScopeMail = "https://mail.google.com/"

// publicSMTP is Gmail's server for submission: 587 with STARTTLS, 465 with TLS
// from the first byte.
const publicSMTP = "smtp.gmail.com"

// SMTPKind is the way to send through smtp.gmail.com with an OAuth token. It has
// an envelope of its own, which the Gmail API lacks. Sent is read through the API,
// with the same token.
func SMTPKind() provider.Kind {
	return provider.Kind{
		Name:        "gmail_smtp",
		Credentials: []string{"google_user", "google_service_account", "google_keyless"},
		Validate:    validateSMTP,
		Limits:      limitsSMTP,
		Rates:       ratesSMTP,
		Open:        openSMTP,
	}
}

// smtpSettings are an account's own, as stored.
type smtpSettings struct {
	Mechanism      string `json:"mechanism,omitempty"`
	TLS            string `json:"tls"`
	MayLook        *bool  `json:"may_look"`
	MaxConnections int    `json:"max_connections"`
	MaxRecipients  int    `json:"max_recipients"`

	Limits *provider.OwnRates `json:"limits,omitempty"` // in place of what Google publishes
}

// parseSMTP reads settings strictly and completes them.
func parseSMTP(config json.RawMessage) (smtpSettings, []provider.FieldError) {
	s := smtpSettings{TLS: "starttls", MaxConnections: defaultParallel, MaxRecipients: smtpRecipients}
	if wrong := provider.DecodeSettings(config, &s); len(wrong) > 0 {
		return s, wrong
	}
	if s.MayLook == nil {
		yes := true
		s.MayLook = &yes
	}
	var wrong []provider.FieldError
	if s.TLS != "starttls" && s.TLS != "implicit" {
		wrong = append(wrong, provider.FieldError{Field: "tls", Message: `must be "starttls" (port 587) or "implicit" (port 465)`})
	}
	if s.Mechanism != "" && s.Mechanism != smtp.XOAUTH2 && s.Mechanism != smtp.OAuthBearer {
		wrong = append(wrong, provider.FieldError{Field: "mechanism", Message: `must be "oauthbearer" or "xoauth2"`})
	}
	wrong = provider.Within(wrong, "max_connections", s.MaxConnections, maxParallel)
	wrong = provider.Within(wrong, "max_recipients", s.MaxRecipients, smtpRecipients)
	return s, append(wrong, s.Limits.Check(false)...)
}

// smtpRecipients is the most that smtp.gmail.com takes in one transaction
// (support.google.com/a/answer/166852).
const smtpRecipients = 100

func validateSMTP(config json.RawMessage) (json.RawMessage, []provider.FieldError) {
	s, wrong := parseSMTP(config)
	return provider.CompleteSettings(s, wrong)
}

// server is where to connect.
func (s smtpSettings) server(deps provider.Deps) (host string, port int, err error) {
	if deps.SMTPAddress == "" {
		return publicSMTP, map[string]int{"starttls": 587, "implicit": 465}[s.TLS], nil
	}
	host, text, err := net.SplitHostPort(deps.SMTPAddress)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil {
		return "", 0, fmt.Errorf("address of Gmail's SMTP server: %w", err)
	}
	return host, port, nil
}

// submitter sends through smtp.gmail.com and asks the API for what SMTP cannot
// tell.
type submitter struct {
	smtp.Login
	api     *account
	mayLook bool
}

// submitterLooker is one whose Sent mail may be read.
type submitterLooker struct{ *submitter }

func openSMTP(a provider.Account, deps provider.Deps) (provider.Provider, error) {
	s, wrong := parseSMTP(a.Config)
	if len(wrong) > 0 {
		return nil, fmt.Errorf("open account %s: %s: %s", a.ID, wrong[0].Field, wrong[0].Message)
	}
	api, err := newAccount(a, deps, lookParallel)
	if err != nil {
		return nil, err
	}
	api.lookScope, api.aliasScopes = ScopeMail, []string{ScopeMail}
	host, port, err := s.server(deps)
	if err != nil {
		return nil, fmt.Errorf("open account %s: %w", a.ID, err)
	}
	login, err := smtp.OpenBearer(smtp.Bearer{
		Host: host, Port: port, TLS: s.TLS, Mailbox: a.Address, Mechanism: s.Mechanism,
		MaxConnections: s.MaxConnections, Scope: ScopeMail,
		Token: func(ctx context.Context, renew bool) (email.Secret, error) {
			return deps.Token(ctx, []string{ScopeMail}, renew)
		},
	}, deps)
	if err != nil {
		return nil, fmt.Errorf("open account %s: %w", a.ID, err)
	}
	both := &submitter{Login: login, api: api, mayLook: *s.MayLook}
	if both.mayLook {
		return submitterLooker{both}, nil
	}
	return both, nil
}

// Close implements provider.Closer.
func (s *submitter) Close() error { return errors.Join(s.Login.Close(), s.api.Close()) }

// Aliases implements provider.Aliaser.
func (s *submitter) Aliases(ctx context.Context) ([]provider.Alias, error) { return s.api.Aliases(ctx) }

// Look implements provider.Looker.
func (s submitterLooker) Look(ctx context.Context, q provider.LookQuery) (map[email.ID]string, error) {
	return looker{s.api}.Look(ctx, q)
}

// Prove implements provider.Prover: the token, the way to smtp.gmail.com, and what
// the API tells of the mailbox.
func (s *submitter) Prove(ctx context.Context) []provider.Step {
	_, problem := s.api.token(ctx, ScopeMail, false)
	steps := []provider.Step{step("scope:smtp", "Google gave a token for "+ScopeMail, problem)}
	if problem != nil {
		return steps
	}
	steps = append(steps, s.Login.Prove(ctx)...)
	return append(steps, optional(s.api.proveMailbox(ctx), !s.mayLook), optional(s.api.proveAliases(ctx), true))
}

var (
	_ provider.Provider = (*submitter)(nil)
	_ provider.Closer   = (*submitter)(nil)
	_ provider.Prover   = (*submitter)(nil)
	_ provider.Aliaser  = (*submitter)(nil)
	_ provider.Looker   = submitterLooker{}
)
