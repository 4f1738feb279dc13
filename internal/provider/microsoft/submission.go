package microsoft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/smtp"
	"gatepost/internal/provider/webcall"
)

// SMTPKind is the way to send through smtp.office365.com with an OAuth token (XOAUTH2).
// It has an envelope of its own, which Graph lacks, and takes every message as it is.
// SMTP AUTH must be on for the mailbox. Sent Items are read through Graph, with a token of
// its own, where the settings say that gatepost may look.
func SMTPKind() provider.Kind {
	return provider.Kind{
		Name:        "microsoft_smtp",
		Credentials: []string{"microsoft_app", "microsoft_user"},
		Validate:    validateSMTP,
		Limits:      limitsSMTP,
		Rates:       ratesSMTP,
		Open:        openSMTP,
	}
}

// smtpSettings are an account's own, as stored. AppOnly, Mailbox, Cloud, MaxSize and
// Limits are as in settings.
type smtpSettings struct {
	AppOnly bool   `json:"app_only"`
	Mailbox string `json:"mailbox,omitempty"`
	Cloud   string `json:"cloud,omitempty"`
	// Host and Scope are in place of the cloud's, where Microsoft documents none.
	Host  string `json:"host,omitempty"`
	Scope string `json:"scope,omitempty"`
	// MayLook says that tokens for Graph that read Sent Items are given too. Sending by
	// SMTP does not need them.
	MayLook        bool               `json:"may_look"`
	MaxSize        int64              `json:"max_size"`
	MaxConnections int                `json:"max_connections"`
	MaxRecipients  int                `json:"max_recipients"`
	Limits         *provider.OwnRates `json:"limits,omitempty"`
}

const (
	submissionPort = 587
	// smtpConnections is how many may send for a mailbox at a time (learn.microsoft.com,
	// throttling for SMTP Authenticated Submission).
	smtpConnections = 3
	mostConnections = 50
)

// parseSMTP reads settings strictly and completes them.
func parseSMTP(config json.RawMessage) (smtpSettings, []provider.FieldError) {
	s := smtpSettings{MaxSize: defaultSize, MaxConnections: smtpConnections, MaxRecipients: defaultRecipients}
	if wrong := provider.DecodeSettings(config, &s); len(wrong) > 0 {
		return s, wrong
	}
	wrong := checkMailbox(checkCloud(nil, s.Cloud), s.Mailbox)
	if strings.ContainsAny(s.Host, "/: \t\r\n") {
		wrong = append(wrong, provider.FieldError{Field: "host", Message: "must be the name of a server"})
	}
	if s.Scope != "" && !strings.HasPrefix(s.Scope, "https://") {
		wrong = append(wrong, provider.FieldError{Field: "scope", Message: "must be a scope such as https://outlook.office.com/SMTP.Send"})
	}
	wrong = bytesWithin(wrong, "max_size", s.MaxSize, 1)
	wrong = provider.Within(wrong, "max_connections", s.MaxConnections, mostConnections)
	wrong = provider.Within(wrong, "max_recipients", s.MaxRecipients, mostRecipients)
	return s, append(wrong, s.Limits.Check(false)...)
}

func validateSMTP(config json.RawMessage) (json.RawMessage, []provider.FieldError) {
	s, wrong := parseSMTP(config)
	return provider.CompleteSettings(s, wrong)
}

func (s smtpSettings) box(address string) string { return s.graph().box(address) }

// graph are the settings for the questions to Graph.
func (s smtpSettings) graph() settings {
	return settings{
		AppOnly: s.AppOnly, Mailbox: s.Mailbox, Cloud: s.Cloud, MayLook: &s.MayLook,
		MaxRequest: defaultRequest, MaxSize: s.MaxSize, MaxRecipients: s.MaxRecipients, MaxParallel: defaultParallel,
	}
}

// scope is what a token for SMTP must allow: an app by itself asks for all that its
// administrator allows it at Exchange
// (learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth).
func (s smtpSettings) scope() string {
	c := s.graph().cloud()
	switch {
	case s.Scope != "":
		return s.Scope
	case s.AppOnly:
		return c.exchange + "/.default"
	}
	return c.outlook + "/SMTP.Send"
}

// server is where to connect.
func (s smtpSettings) server(deps provider.Deps) (host string, port int, err error) {
	if deps.SMTPAddress == "" {
		if s.Host != "" {
			return s.Host, submissionPort, nil
		}
		return s.graph().cloud().smtp, submissionPort, nil
	}
	host, text, err := net.SplitHostPort(deps.SMTPAddress)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil {
		return "", 0, fmt.Errorf("address of Microsoft's SMTP server: %w", err)
	}
	return host, port, nil
}

// submitter sends through smtp.office365.com.
type submitter struct {
	smtp.Login
	graph    *account
	settings smtpSettings
}

// submitterLooker is one whose Sent Items may be read.
type submitterLooker struct{ *submitter }

func openSMTP(a provider.Account, deps provider.Deps) (provider.Provider, error) {
	s, wrong := parseSMTP(a.Config)
	if len(wrong) > 0 {
		return nil, fmt.Errorf("open account %s: %s: %s", a.ID, wrong[0].Field, wrong[0].Message)
	}
	graph, err := newAccount(a, s.graph(), deps)
	if err != nil {
		return nil, err
	}
	host, port, err := s.server(deps)
	if err != nil {
		return nil, fmt.Errorf("open account %s: %w", a.ID, err)
	}
	login, err := smtp.OpenBearer(smtp.Bearer{
		Host: host, Port: port, TLS: "starttls", Mailbox: s.box(a.Address), Mechanism: smtp.XOAUTH2,
		MaxConnections: s.MaxConnections, Scope: s.scope(),
		About: func() provider.About { return graph.aboutToken(graph.known(), []string{s.scope()}) },
		Token: func(ctx context.Context, renew bool) (email.Secret, error) {
			token, problem := webcall.Token(ctx, deps, []string{s.scope()}, renew)
			if problem != nil {
				return token, signInHint(problem, s.AppOnly)
			}
			graph.note(token)
			return token, nil
		},
	}, deps)
	if err != nil {
		return nil, fmt.Errorf("open account %s: %w", a.ID, err)
	}
	both := &submitter{Login: login, graph: graph, settings: s}
	if s.MayLook {
		return submitterLooker{both}, nil
	}
	return both, nil
}

// Send implements provider.Provider. EHLO says 150 MB whatever the mailbox may send, so
// that is looked at first.
func (s *submitter) Send(ctx context.Context, env email.Envelope, msg email.Content) (provider.Receipt, error) {
	if msg.Size() > s.settings.MaxSize {
		return provider.Receipt{}, webcall.Refuse("message_too_large",
			fmt.Sprintf("The message is larger than the %d bytes that the mailbox may send.", s.settings.MaxSize),
			"Send a link in place of the attachment; or raise Set-Mailbox -MaxSendSize, and then the account's max_size.")
	}
	receipt, err := s.Login.Send(ctx, env, msg)
	if e, ok := errors.AsType[*provider.Error](err); ok {
		err = s.graph.sharedHint(e, email.Author(msg))
	}
	return receipt, err
}

// Close implements provider.Closer.
func (s *submitter) Close() error { return errors.Join(s.Login.Close(), s.graph.Close()) }

// Look implements provider.Looker.
func (s submitterLooker) Look(ctx context.Context, q provider.LookQuery) (map[email.ID]string, error) {
	return looker{s.graph}.Look(ctx, q)
}

// Prove implements provider.Prover: the token, the way to the server, and Sent Items
// where they may be read.
func (s *submitter) Prove(ctx context.Context) []provider.Step {
	scope := s.settings.scope()
	token, problem := webcall.Token(ctx, s.graph.deps, []string{scope}, false)
	problem = signInHint(problem, s.settings.AppOnly)
	seen := "Microsoft gave a token for " + scope
	if words := readClaims(token).words(); words != "" {
		seen += " (" + words + ")"
	}
	steps := []provider.Step{step("scope:smtp", seen, problem)}
	if problem != nil {
		return steps
	}
	for _, one := range s.Login.Prove(ctx) {
		one.Err = s.graph.sharedHint(one.Err, "")
		steps = append(steps, one)
	}
	if s.settings.MayLook {
		seen, problem := s.graph.folder(ctx, toLook, "sentitems")
		steps = append(steps, step("mailbox", seen, problem))
	}
	return steps
}

var (
	_ provider.Provider = (*submitter)(nil)
	_ provider.Closer   = (*submitter)(nil)
	_ provider.Prover   = (*submitter)(nil)
	_ provider.Looker   = submitterLooker{}
)
