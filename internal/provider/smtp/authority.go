package smtp

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// maxAuthorities bounds the text of ca; a bundle of some thirty authorities fits.
const maxAuthorities = 64 << 10

// readAuthorities reads certificates in PEM form (RFC 7468). The text comes from
// outside: what is no certificate, or a damaged one, is refused rather than passed
// over, and not repeated.
func readAuthorities(text string) ([]*x509.Certificate, error) {
	if len(text) > maxAuthorities {
		return nil, fmt.Errorf("must be at most %d bytes: only the authority that signed the relay's certificate is needed", maxAuthorities)
	}
	var list []*x509.Certificate
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" || len(block.Headers) > 0 {
			return nil, errors.New("must hold certificates alone: something else in PEM form stands in it")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be read: %w", len(list)+1, err)
		}
		list = append(list, c)
	}
	switch begun := bytes.Count([]byte(text), []byte("-----BEGIN")); {
	case begun == 0:
		return nil, errors.New(`must be certificates in PEM form, each from "-----BEGIN CERTIFICATE-----" to "-----END CERTIFICATE-----"`)
	case begun != len(list):
		return nil, errors.New("must hold whole certificates: one of them is damaged")
	}
	return list, nil
}

// writeAuthorities is the text of certificates without what stood between them.
func writeAuthorities(list []*x509.Certificate) string {
	var b bytes.Buffer
	for _, c := range list {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // a buffer takes everything
	}
	return b.String()
}

func trusting(list []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range list {
		pool.AddCert(c)
	}
	return pool
}
