package endpoint

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// ParseRedirect reads an address that a browser is to be sent back to (RFC 6749
// section 3.1.2). The error says what to change.
func ParseRedirect(uri string) (*url.URL, error) {
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("redirect %q is not an address such as https://mail.example.com/connect/callback", Clip(uri, 60))
	case u.Fragment != "" || strings.Contains(uri, "#"):
		return nil, errors.New("a redirect address has no # part (RFC 6749 section 3.1.2): take it away")
	case u.User != nil:
		return nil, errors.New("a redirect address holds no user name: take it away")
	case strings.Contains(uri, "*"):
		return nil, errors.New("a redirect address holds no wildcard: the provider compares it letter by letter")
	}
	return u, nil
}

// Loopback tells whether a host is the user's own machine (RFC 8252 section 7.3).
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
