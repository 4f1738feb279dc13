package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
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
			return &Error{Class: r.class, Scope: ScopeAccount, Cause: r.cause, Text: r.text, Fix: adviceAt(stage, r.fix), Reply: CleanReply(err.Error()), Err: err}
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

const smtpAdvice = "Check port and TLS mode"

const (
	blockedPort = smtpAdvice + ". Many hosting providers block the SMTP ports 25, 465 and 587: ask them to open the port, or send through an account that uses HTTPS (Gmail API)."
	trustIt     = "Give the authority's certificate: as ca of the account (gatepost connect relay --relay-ca FILE), or as ca_file of the server for all."
	wrongMode   = smtpAdvice + ": port 465 speaks TLS at once (implicit), ports 587 and 25 start plain (starttls)."
)

// networkRow is a line of the catalogue for errors that are not answers.
type networkRow struct {
	matches   func(error) bool
	class     Class
	cause     string
	text, fix string
}

// networkRows are tried in order: certificates before anything that wraps them.
var networkRows = []networkRow{
	{as[x509.HostnameError], Hold, "tls_wrong_host", "The server's certificate is for another host name.", "Use the host name that the certificate names, or correct the certificate."},
	{expired, Hold, "tls_certificate_expired", "The server's certificate is expired or not valid yet.", "Renew the certificate on the server; check this machine's clock."},
	{as[x509.UnknownAuthorityError], Hold, "tls_unknown_authority", "The server's certificate comes from an authority that this machine does not know.", trustIt + " If the server should have a public certificate, something between may be intercepting TLS."},
	{as[*tls.CertificateVerificationError], Hold, "tls_certificate_refused", "The server's certificate cannot be verified.", "Correct the certificate on the server. " + trustIt},
	{as[x509.CertificateInvalidError], Hold, "tls_certificate_refused", "The server's certificate cannot be verified.", "Correct the certificate on the server. " + trustIt},
	{as[tls.RecordHeaderError], Hold, "tls_wrong_mode", "The server does not speak TLS where it was expected to.", wrongMode},
	{refusedTLS, Hold, "tls_refused", "The server refused the TLS handshake.", "The server must speak TLS 1.2 or later with a common cipher; check its TLS settings."},
	{as[*net.DNSError], Retry, "host_not_found", "The provider's host name could not be resolved.", "Check the host name and this machine's DNS."},
	{is(syscall.ECONNREFUSED), Retry, "connection_refused", "The provider refused the connection.", blockedPort},
	{is(context.Canceled), Retry, "interrupted", "The send was called off before the message was handed over.", ""},
	{timedOut, Retry, "timeout", "The provider did not answer in time.", wrongMode + " Many hosting providers block these ports: ask them to open one, or send through an account that uses HTTPS (Gmail API)."},
	{is(syscall.EHOSTUNREACH), Retry, "unreachable", "There is no way to the provider's host.", "Check this machine's network."},
	{is(syscall.ENETUNREACH), Retry, "unreachable", "There is no way to the provider's network.", "Check this machine's network."},
	{is(io.EOF), Retry, "connection_closed", "The provider closed the connection before the message was handed over.", ""},
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
