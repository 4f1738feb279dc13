package provider

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// TLSConfig is how a provider's server is checked: TLS 1.2 or later, the
// certificate for serverName, signed by an authority of the system or of one of
// the further pools (nil ones do not count).
func TLSConfig(serverName string, further ...*x509.CertPool) *tls.Config {
	cfg := &tls.Config{
		ServerName: serverName,
		MinVersion: tls.VersionTLS12,
		// Whole messages are written at once: full records spare system calls.
		DynamicRecordSizingDisabled: true,
	}
	pools := []*x509.CertPool{nil} // nil: the system's
	for _, p := range further {
		if p != nil {
			pools = append(pools, p)
		}
	}
	if len(pools) > 1 {
		// Pools cannot be merged, so the library's own check, which knows one pool,
		// is replaced by the same check for each pool.
		cfg.InsecureSkipVerify = true
		cfg.VerifyConnection = func(cs tls.ConnectionState) error { return verify(cs, serverName, pools) }
	}
	return cfg
}

// verify succeeds when one pool vouches for the chain. The error is the most
// telling one: "expired" from the pool that knows the authority, rather than
// "unknown authority" from the others.
func verify(cs tls.ConnectionState, serverName string, pools []*x509.CertPool) error {
	if len(cs.PeerCertificates) == 0 {
		return errors.New("tls: the server sent no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range cs.PeerCertificates[1:] {
		between.AddCert(c)
	}
	var telling error
	for _, roots := range pools {
		_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: serverName, Roots: roots, Intermediates: between})
		if err == nil {
			return nil
		}
		if telling == nil || as[x509.UnknownAuthorityError](telling) {
			telling = err
		}
	}
	return &tls.CertificateVerificationError{UnverifiedCertificates: cs.PeerCertificates, Err: telling}
}
