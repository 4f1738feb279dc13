package sandbox

import (
	"errors"
	"fmt"

	"github.com/emersion/go-smtp"
)

func reply(code int, enhanced smtp.EnhancedCode, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
}

func replyBadLogin() *smtp.SMTPError {
	return reply(535, smtp.EnhancedCode{5, 7, 8}, "Username and password not accepted")
}

// refusal is SMTP's word for a fault that refuses.
func (s *session) refusal(f fault) error {
	switch f.name {
	case faultSMTP:
		e, _ := smtpFault(f.arg)
		return e.asReply()
	case faultUnauthorized:
		return reply(530, smtp.EnhancedCode{5, 7, 0}, "Authentication required")
	case faultQuota:
		return reply(550, smtp.EnhancedCode{5, 4, 5}, "Daily user sending limit exceeded")
	case faultRate:
		return reply(450, smtp.EnhancedCode{4, 7, 0},
			fmt.Sprintf("Rate limit exceeded, try again in %d seconds", f.number(rateSeconds)))
	case faultRefused:
		return reply(550, smtp.EnhancedCode{5, 1, 1}, "No such recipient here")
	}
	return temporary(f)
}

// temporary is the relay's own trouble: 451, or the 4yz code that was asked for.
// A 5xx of HTTP has no meaning here.
func temporary(f fault) *smtp.SMTPError {
	code := f.number(0)
	if code < 400 || code > 499 {
		code = 451
	}
	enhanced := smtp.EnhancedCode{4, 3, 0}
	switch code {
	case 450:
		enhanced = smtp.EnhancedCode{4, 2, 1}
	case 452:
		enhanced = smtp.EnhancedCode{4, 3, 1}
	case 454:
		enhanced = smtp.EnhancedCode{4, 7, 0}
	}
	return reply(code, enhanced, "Local error, try again later")
}

var errHung = errors.New("the connection was held and closed on purpose")

// misbehave holds or cuts the connection when the plan's outcome is one of the
// two; the error then only ends the session.
func (s *session) misbehave(p plan, timeout, reset string) error {
	switch p.outcome.name {
	case timeout:
		hangConn(s.conn.Conn())
		return errHung
	case reset:
		cut(s.conn.Conn())
		return errHung
	}
	return nil
}
