package smtp

import (
	"crypto/x509"
	"strings"

	"gatepost/internal/provider"
)

// Places implements provider.Placed.
func (a *account) Places() []provider.Place {
	s := a.settings
	return []provider.Place{{Host: strings.Trim(s.Host, "[]"), Port: s.Port, TLS: s.TLS, SMTP: true, Authorities: []*x509.CertPool{a.deps.RootCAs, a.authority}}}
}

var _ provider.Placed = (*account)(nil)
