package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"syscall"
)

const smtpAdvice = "Check port and TLS mode"

const (
	blockedPort = smtpAdvice + ". Many hosting providers block the SMTP ports 25, 465 and 587: ask them to open the port, or send through an account that uses HTTPS (Gmail API, Microsoft Graph)."
	trustIt     = "Give the authority's certificate: as ca of the account (gatepost connect relay --relay-ca FILE), or as ca_file of the server for all."
	wrongMode   = smtpAdvice + ": port 465 speaks TLS at once (implicit), ports 587 and 25 start plain (starttls)."
)

// networkRow is a line of the catalogue for errors that are not answers.
type networkRow struct {
	no      string
	matches func(error) bool
	// words are how it stands in logs, of Go and of others, in lower case, separated by |.
	words     string
	class     Class
	cause     string
	text, fix string
}

// networkRows are tried in order: certificates before anything that wraps them.
var networkRows = []networkRow{
	{
		matches: as[x509.HostnameError], class: Hold, cause: "tls_wrong_host",
		words: "certificate is valid for|doesn't contain any ip sans|certificate is not valid for|hostname mismatch|altname_invalid|does not match certificate|did not match expected cn|no subject alternative|did not match any of the names|remotecertificatenamemismatch",
		text:  "The server's certificate is for another host name.",
		fix:   "Use the host name that the certificate names, or correct the certificate.",
	},
	{
		matches: expired, class: Hold, cause: "tls_certificate_expired",
		words: "certificate has expired|cert_has_expired|certificate is not yet valid|cert_not_yet_valid",
		text:  "The server's certificate is expired or not valid yet.",
		fix:   "Renew the certificate on the server; check this machine's clock.",
	},
	{
		no: "74m", matches: as[x509.UnknownAuthorityError], class: Hold, cause: "tls_unknown_authority",
		words: "signed by unknown authority|local issuer certificate|self-signed certificate|self signed certificate|self_signed_cert|unable_to_verify_leaf|verify the first certificate|path building failed|unable_to_get_issuer|remotecertificatechainerrors",
		text:  "The server's certificate comes from an authority that this machine does not know.",
		fix:   trustIt + " If the server should have a public certificate, something between may be intercepting TLS.",
	},
	{
		matches: as[*tls.CertificateVerificationError], class: Hold, cause: "tls_certificate_refused",
		words: "failed to verify certificate|certificate verify failed|certificate_verify_failed|not trusted|remote certificate is invalid|remote certificate was rejected|certificate could not be validated",
		text:  "The server's certificate cannot be verified.",
		fix:   "Correct the certificate on the server. " + trustIt,
	},
	{
		matches: as[x509.CertificateInvalidError], class: Hold, cause: "tls_certificate_refused",
		words: "x509: ",
		text:  "The server's certificate cannot be verified.",
		fix:   "Correct the certificate on the server. " + trustIt,
	},
	{
		no: "74m", matches: as[tls.RecordHeaderError], class: Hold, cause: "tls_wrong_mode",
		words: "does not look like a tls handshake|wrong version number|wrong_version_number|packet length too long|ssl routines:ssl3_get_record|unrecognized ssl message",
		text:  "The server does not speak TLS where it was expected to.",
		fix:   wrongMode,
	},
	{
		matches: refusedTLS, class: Hold, cause: "tls_refused",
		words: "remote error: tls:|handshake failure|handshake_failure|unsupported protocol|unsupported_protocol|no protocols available|tlsv1 alert|no appropriate protocol",
		text:  "The server refused the TLS handshake.",
		fix:   "The server must speak TLS 1.2 or later with a common cipher; check its TLS settings.",
	},
	{
		matches: as[*net.DNSError], class: Retry, cause: "host_not_found",
		words: "no such host|getaddrinfo|enotfound|eai_again|name or service not known|could not resolve host|failure in name resolution|nodename nor servname|unknownhostexception|host not found|cannot locate host",
		text:  "The provider's host name could not be resolved.",
		fix:   "Check the host name and this machine's DNS.",
	},
	{
		no: "74l", matches: is(syscall.ECONNREFUSED), class: Retry, cause: "connection_refused",
		words: "connection refused|econnrefused|actively refused",
		text:  "The provider refused the connection.",
		fix:   blockedPort,
	},
	{
		matches: is(context.Canceled), class: Retry, cause: "interrupted",
		words: "context canceled",
		text:  "The send was called off before the message was handed over.",
	},
	{
		no: "74l", matches: timedOut, class: Retry, cause: "timeout",
		words: "i/o timeout|timed out|etimedout|esockettimedout|deadline exceeded|handshake timeout|connection timeout|timeout expired|connect: timeout|curl: (28)|did not properly respond",
		text:  "The provider did not answer in time.",
		fix:   wrongMode + " Many hosting providers block these ports: ask them to open one, or send through an account that uses HTTPS (Gmail API, Microsoft Graph).",
	},
	{
		matches: is(syscall.EHOSTUNREACH), class: Retry, cause: "unreachable",
		words: "no route to host|ehostunreach",
		text:  "There is no way to the provider's host.",
		fix:   "Check this machine's network.",
	},
	{
		matches: is(syscall.ENETUNREACH), class: Retry, cause: "unreachable",
		words: "network is unreachable|enetunreach",
		text:  "There is no way to the provider's network.",
		fix:   "Check this machine's network.",
	},
	{
		matches: is(io.EOF), class: Retry, cause: "connection_closed",
		words: ": eof|unexpected eof|unexpectedly closed|connection reset|econnreset|broken pipe|lost connection with|server disconnected|connection lost",
		text:  "The provider closed the connection before the message was handed over.",
	},
}
