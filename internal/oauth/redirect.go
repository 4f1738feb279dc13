package oauth

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gatepost/internal/oauth/endpoint"
)

// CheckRedirectURI tells whether Google will send a browser back to uri for this
// client. For a web client it must be registered to the letter
// (RFC 9700 section 2.1); a desktop client may use any port and path of the
// user's own machine (RFC 8252 section 7.3). The error says what to change.
//
// What is registered is known from the client's file; where it was not told,
// only the form is checked.
func CheckRedirectURI(client *Client, uri string) error {
	u, err := endpoint.ParseRedirect(uri)
	if err != nil {
		return err
	}
	if client.kind == ClientInstalled {
		if u.Scheme != "http" || !endpoint.Loopback(u.Hostname()) {
			return fmt.Errorf("redirect %s: a desktop client is sent back to this machine alone, http://127.0.0.1:PORT/; make a client of the type Web application at %s", clip(uri), consolePage)
		}
		return nil
	}
	if u.Scheme != "https" && !endpoint.Loopback(u.Hostname()) {
		return fmt.Errorf("redirect %s: Google takes https alone for other hosts than localhost; give gatepost a public address with TLS", clip(uri))
	}
	if len(client.redirects) == 0 || slices.Contains(client.redirects, uri) {
		return nil
	}
	return notRegistered(client.redirects, uri)
}

// notRegistered says how the nearest registered address differs.
func notRegistered(registered []string, uri string) error {
	for _, r := range registered {
		if how := differsBy(r, uri); how != "" {
			return fmt.Errorf("redirect %s is not registered: %s differs %s, and Google compares letter by letter; "+
				"add exactly %s under Authorized redirect URIs at %s, then download the client's file again", uri, r, how, uri, consolePage)
		}
	}
	return fmt.Errorf("redirect %s is not among the client's registered ones (%s): add it under Authorized redirect URIs at %s, "+
		"then download the client's file again", uri, endpoint.Clip(strings.Join(registered, ", "), 300), consolePage)
}

// differsBy names the usual small differences between two addresses.
func differsBy(registered, uri string) string {
	if strings.TrimSuffix(registered, "/") == strings.TrimSuffix(uri, "/") {
		return "by the slash at its end"
	}
	if strings.EqualFold(registered, uri) {
		return "by capital letters"
	}
	a, errA := url.Parse(registered)
	b, errB := url.Parse(uri)
	if errA != nil || errB != nil || a.Hostname() != b.Hostname() || a.Path != b.Path {
		return ""
	}
	switch {
	case a.Scheme != b.Scheme:
		return "by http and https"
	case a.Port() != b.Port():
		return "by the port"
	}
	return ""
}
