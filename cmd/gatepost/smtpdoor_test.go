package main

import (
	"crypto/tls"
	"testing"
)

// A device that does not say which name it means gets the first one's certificate.
func TestCertificateWithoutAName(t *testing.T) {
	asked := ""
	get := withName("mail.example.com", func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { asked = h.ServerName; return nil, nil })
	for said, want := range map[string]string{"": "mail.example.com", "other.example.com": "other.example.com"} {
		if _, err := get(&tls.ClientHelloInfo{ServerName: said}); err != nil || asked != want {
			t.Errorf("%q: asked for %q, %v", said, asked, err)
		}
	}
}
