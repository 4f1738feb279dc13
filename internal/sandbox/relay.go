package sandbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"log"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// relay is an SMTP relay with login (RFC 5321, RFC 4954, RFC 3207). Whom it
// gives a message to is decided by the envelope alone.
type relay struct {
	ctx            context.Context // ends with the world
	post           *office
	faults         *faults
	user, password string
	server         *smtp.Server
}

const maxRecipients = 1000

func newRelay(ctx context.Context, tlsConfig *tls.Config, post *office, f *faults) *relay {
	r := &relay{ctx: ctx, post: post, faults: f, user: "relay@" + Domain, password: rand.Text()}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		s := &session{relay: r, conn: c}
		if p := r.plan(atHello, []string{c.Hostname()}, nil); p.is(faultSMTP) {
			return nil, s.refusal(p.outcome)
		}
		return s, nil
	}))
	srv.Domain = "localhost"
	srv.TLSConfig = tlsConfig
	srv.MaxMessageBytes = maxMessage
	srv.MaxRecipients = maxRecipients
	srv.EnableSMTPUTF8 = true
	srv.ReadTimeout = 10 * time.Minute
	srv.WriteTimeout = time.Minute
	srv.ErrorLog = log.New(io.Discard, "", 0)
	r.server = srv
	return r
}

// session is one client's connection; go-smtp calls it from one goroutine.
type session struct {
	relay      *relay
	conn       *smtp.Conn
	login      string // "" before AUTH
	from       string
	recipients []string
}

// AuthMechanisms implements smtp.AuthSession; the server offers it only with TLS.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements smtp.AuthSession.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	if mechanism != sasl.Plain {
		return nil, smtp.ErrAuthUnknownMechanism
	}
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.relay.user || password != s.relay.password {
			return replyBadLogin()
		}
		switch p := s.relay.plan(atAuth, []string{user}, nil); {
		case p.is(faultUnauthorized):
			return replyBadLogin()
		case p.is(faultSMTP):
			return s.refusal(p.outcome)
		}
		s.login = user
		return nil
	}), nil
}

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.login == "" {
		return reply(530, smtp.EnhancedCode{5, 7, 0}, "Authentication required")
	}
	if p := s.relay.plan(atMail, []string{s.login, from}, nil); p.outcome.name != "" {
		return s.refusal(p.outcome)
	}
	s.from, s.recipients = from, nil
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if p := s.relay.plan(atRcpt, []string{s.login, s.from}, []string{to}); p.outcome.name != "" {
		return s.refusal(p.outcome)
	}
	if !containsFold(s.recipients, to) {
		s.recipients = append(s.recipients, to)
	}
	return nil
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if bareLineEnd(raw) {
		return reply(550, smtp.EnhancedCode{5, 6, 0}, "Bare CR or LF in the message (RFC 5321 section 2.3.8)")
	}
	head := readHeader(raw)
	p := s.relay.faults.plan(question{
		stage: atData, via: "smtp", accounts: []string{s.login, s.from},
		recipients: s.recipients, key: attemptKey(head),
	})
	return s.take(raw, head, p)
}

// take keeps a message, unless a fault says otherwise, and answers.
func (s *session) take(raw []byte, head header, p plan) error {
	if slow, ok := p.modifier(faultSlow); ok {
		wait(s.relay.ctx, context.Background(), slow.millis(slowMillis))
	}
	if err := s.misbehave(p, faultTimeoutBefore, faultCutBefore); err != nil {
		return err
	}
	if p.outcome.refuses() || p.is(faultSMTP) {
		return s.refusal(p.outcome)
	}
	in := parcel{
		via: "smtp", account: s.login, mailFrom: s.from, recipients: s.recipients,
		raw: raw, header: head,
	}
	if _, ok := p.modifier(faultNewMessageID); ok {
		in.inbox = head.with(renamed(head.first("Message-Id"))...)
	}
	m, err := s.relay.post.take(in)
	if err != nil {
		return reply(451, smtp.EnhancedCode{4, 3, 0}, "Cannot keep the message; try again later")
	}
	if err := s.misbehave(p, faultTimeoutAfter, faultCutAfter); err != nil {
		return err
	}
	if p.is(faultErrorAfter) {
		return s.refusal(fault{faultServerError, p.outcome.arg})
	}
	return reply(250, smtp.EnhancedCode{2, 0, 0}, "OK queued as "+m.id)
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.from, s.recipients = "", nil }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

func (r *relay) plan(at stage, accounts, recipients []string) plan {
	return r.faults.plan(question{stage: at, via: "smtp", accounts: accounts, recipients: recipients})
}

// bareLineEnd finds a CR without LF or an LF without CR. A receiver that lets
// them pass can be made to see two messages where its neighbour sees one.
func bareLineEnd(raw []byte) bool {
	for {
		i := bytes.IndexAny(raw, "\r\n")
		if i < 0 {
			return false
		}
		if !bytes.HasPrefix(raw[i:], []byte("\r\n")) {
			return true
		}
		raw = raw[i+2:]
	}
}
