package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

// connectTime is how long a command waits for a connection.
const connectTime = 10 * time.Second

// reached is the transport of commands. Its errors say what to do about them.
type reached struct {
	http.RoundTripper
	settings *settings
}

func (s *settings) transport(roots *x509.CertPool) http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	t.DialContext = (&net.Dialer{Timeout: connectTime}).DialContext
	return reached{t, s}
}

// RoundTrip implements http.RoundTripper.
func (t reached) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, t.settings.remedied(err)
	}
	return res, nil
}

// unreached says that no gatepost could be reached, which is a command's trouble: the
// server's own is with databases and providers.
type unreached struct{ error }

// Unwrap returns the underlying error.
func (u unreached) Unwrap() error { return u.error }

// remedied adds to an error of a connection what to do about it.
func (s *settings) remedied(err error) error {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var plain tls.RecordHeaderError
	var network *net.OpError
	switch {
	case errors.As(err, &network) && network.Op == "dial":
		return unreached{err}
	case errors.As(err, &authority):
		return fmt.Errorf("%w\nWhere an authority of your own made its certificate, name the authority's: --ca-file FILE or GATEPOST_CA_FILE", err)
	case errors.As(err, &name):
		return fmt.Errorf("%w\nName gatepost by a name that its certificate is for, in %s", err, s.name("url"))
	case errors.As(err, &plain) && string(plain.RecordHeader[:]) == "HTTP/":
		return fmt.Errorf("%w\nThere is no TLS there: write http:// in %s", http.ErrSchemeMismatch, s.name("url"))
	}
	return err
}

// timeoutFlag is how long a command waits for an answer.
func timeoutFlag(cmd *cobra.Command) {
	cmd.Flags().Duration("timeout", 0, "give up after this `time` without an answer (default 1m, and 3m where a provider is asked)")
}

// patience is what --timeout says.
func patience(cmd *cobra.Command) ([]client.Option, error) {
	limit, err := cmd.Flags().GetDuration("timeout")
	switch {
	case err != nil || limit == 0 && !cmd.Flags().Changed("timeout"):
		return nil, nil // it has no such flag
	case limit <= 0:
		return nil, usagef("--timeout %s: write a time, such as 30s", limit)
	}
	return []client.Option{client.WithTimeout(limit)}, nil
}
