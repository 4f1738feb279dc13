package main

import (
	"io"
	"log"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one SMTP connection, of which go-smtp begins a new one after STARTTLS.
type session struct {
	s    *sink
	auth bool
}

func (s *sink) smtpServer(insecureAuth bool) *smtp.Server {
	srv := smtp.NewServer(smtp.BackendFunc(s.newSession))
	srv.Domain = "localhost"
	srv.AllowInsecureAuth = insecureAuth
	srv.MaxMessageBytes = maxBody
	srv.MaxRecipients = 1000
	srv.ReadTimeout = 10 * time.Minute
	srv.WriteTimeout = time.Minute
	srv.ErrorLog = log.New(io.Discard, "", 0)
	return srv
}

// newSession is called again after STARTTLS; Logout balances it.
func (s *sink) newSession(c *smtp.Conn) (smtp.Session, error) {
	n := s.conns.Add(1)
	if _, ok := c.TLSConnectionState(); ok {
		s.tlsConns.Add(1)
	}
	s.notePeak(n)
	if limit := s.maxConns.Load(); limit > 0 && n > limit {
		s.conns.Add(-1)
		s.refused.Add(1)
		return nil, &smtp.SMTPError{Code: 432, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "Concurrent connections limit exceeded"}
	}
	return &session{s: s}, nil
}

func (s *sink) notePeak(n int64) {
	for {
		p := s.peak.Load()
		if n <= p || s.peak.CompareAndSwap(p, n) {
			return
		}
	}
}

func (x *session) Reset()        {}
func (x *session) Logout() error { x.s.conns.Add(-1); return nil }

func (x *session) Mail(string, *smtp.MailOptions) error {
	if x.s.needAuth && !x.auth {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	if !x.auth {
		x.s.anonMsg.Add(1)
	}
	if !x.s.admit() {
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "Rate limit, try again later"}
	}
	return nil
}

func (x *session) Rcpt(string, *smtp.RcptOptions) error { return nil }

func (x *session) Data(r io.Reader) error {
	if err := x.s.readAndRecord(r, "smtp"); err != nil {
		return err
	}
	x.s.pause()
	return nil
}

// Any bearer token and any password will do.

func (x *session) AuthMechanisms() []string { return []string{"XOAUTH2", "OAUTHBEARER", sasl.Plain} }

func (x *session) Auth(mechanism string) (sasl.Server, error) {
	switch mechanism {
	case "XOAUTH2":
		return &xoauth2Server{x}, nil
	case "OAUTHBEARER":
		return sasl.NewOAuthBearerServer(func(sasl.OAuthBearerOptions) *sasl.OAuthBearerError {
			x.auth = true
			x.s.authBearer.Add(1)
			return nil
		}), nil
	case sasl.Plain:
		return sasl.NewPlainServer(func(string, string, string) error {
			x.auth = true
			x.s.authPlain.Add(1)
			return nil
		}), nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

type xoauth2Server struct{ x *session }

func (a *xoauth2Server) Next(resp []byte) ([]byte, bool, error) {
	if resp == nil {
		return nil, false, nil
	}
	var user, token string
	for f := range strings.SplitSeq(string(resp), "\x01") {
		if v, ok := strings.CutPrefix(f, "user="); ok {
			user = v
		}
		if v, ok := strings.CutPrefix(f, "auth="); ok && len(v) > 7 && strings.EqualFold(v[:7], "bearer ") {
			token = v[7:]
		}
	}
	if user == "" || token == "" {
		return nil, false, smtp.ErrAuthFailed
	}
	a.x.auth = true
	a.x.s.authXOAuth2.Add(1)
	return nil, true, nil
}
