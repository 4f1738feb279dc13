package provider

import (
	"crypto/x509"
	"net"
	"net/url"
	"strconv"
)

// Placed is implemented by accounts that tell which servers they talk to, so that the
// way there can be looked at apart from what is said.
type Placed interface{ Places() []Place }

// Place is a server.
type Place struct {
	Host string
	Port int
	// TLS is "implicit", from the first byte, "starttls" or "none".
	TLS string
	// SMTP says that it speaks SMTP; otherwise it speaks HTTP.
	SMTP bool
	// Authorities vouch for its certificate beside those of the system; nil ones do not
	// count.
	Authorities []*x509.CertPool
}

// Scoped is implemented by accounts that sign in with tokens: what they ask for.
type Scoped interface{ Uses() []TokenUse }

// TokenUse is a token that an account asks for.
type TokenUse struct {
	For    string   // "send", "look", "draft" or "smtp", in the words of oauth.Purpose
	Scopes []string // as they are asked for
}

// Address is host and port as they are dialled.
func (p Place) Address() string { return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) }

// PlaceOf is the server of a URL. What is no URL with a host is a place without one.
func PlaceOf(address string, authorities *x509.CertPool) Place {
	u, err := url.Parse(address)
	if err != nil {
		return Place{}
	}
	p := Place{Host: u.Hostname(), Port: 443, TLS: "implicit", Authorities: []*x509.CertPool{authorities}}
	if u.Scheme == "http" {
		p.Port, p.TLS = 80, "none"
	}
	if n, err := strconv.Atoi(u.Port()); err == nil {
		p.Port = n
	}
	return p
}
