package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
)

// NoAnswer is the error of a conversation that broke off without an answer.
// handedOver tells whether the next hop may have all of the message: then
// nobody knows, and the class is Unknown whatever broke.
func NoAnswer(stage Stage, handedOver bool, err error) *Error {
	if handedOver {
		return &Error{
			Class: Unknown, Scope: ScopeMessage, Cause: "no_answer", Err: err,
			Text: "The message was handed over and no answer came back: it may have been taken.",
		}
	}
	for i := range networkRows {
		if r := &networkRows[i]; r.matches(err) {
			e := r.problem(stage, err)
			e.Row = networkPlace(i)
			return e
		}
	}
	e := &Error{
		Class: Retry, Scope: ScopeAccount, Cause: "connection_broken", Reply: CleanReply(err.Error()), Err: err,
		Text: "The connection broke before the message was handed over.",
	}
	if stage == StageConnect || stage.web() {
		e.Cause, e.Text = "unreachable", "The provider could not be reached."
	}
	return e
}

// networkPlace is the place in Catalogue of a line of networkRows.
func networkPlace(i int) int {
	for _, table := range tables() {
		i += len(table)
	}
	return i + 1
}

// problem is the row's error.
func (r *networkRow) problem(stage Stage, err error) *Error {
	return &Error{
		Class: r.class, Scope: ScopeAccount, Cause: r.cause, No: r.no, Text: r.text, Fix: adviceAt(stage, r.fix), Reply: CleanReply(err.Error()), Err: err,
	}
}

// web tells whether the conversation is HTTPS.
func (s Stage) web() bool {
	return s == StageToken || s == StageUpload || s == StageSend || s == StageCall
}

// adviceAt is a row's advice where it fits: the ports and TLS modes of SMTP say
// nothing about HTTPS, and nothing once a connection stands.
func adviceAt(stage Stage, fix string) string {
	switch {
	case !strings.HasPrefix(fix, smtpAdvice) || stage == StageConnect:
		return fix
	case stage.web():
		return "Check this machine's network, DNS and firewall: HTTPS to the provider's address must be possible."
	}
	return ""
}

func as[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func expired(err error) bool {
	var invalid x509.CertificateInvalidError
	return errors.As(err, &invalid) && invalid.Reason == x509.Expired
}

// refusedTLS tells whether the peers found no common TLS. crypto/tls has a type for
// alerts with QUIC alone: elsewhere a "remote error" holds one. Servers of before TLS 1.2
// do not refuse, they choose their version. Left out is what passes: bad_record_mac,
// internal_error, user_canceled (RFC 8446 section 6).
func refusedTLS(err error) bool {
	passing := []tls.AlertError{20, 80, 90}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return !slices.Contains(passing, alert)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return !slices.ContainsFunc(passing, func(a tls.AlertError) bool { return a.Error() == op.Err.Error() })
	}
	return strings.Contains(err.Error(), "tls: server selected unsupported protocol version")
}

func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}
