package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// tokenTransport is for token endpoints: verified TLS, and nothing that a proxy
// of the environment could read along.
func tokenTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2}
}
