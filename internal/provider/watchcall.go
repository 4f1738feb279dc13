package provider

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Overheard makes calls by next, and shows those of an account that is watched: method,
// host and path, some headers, the status and how long it took; of a refusal also what it
// says. Never shown are Authorization, bodies of requests, bodies of a yes, and the values
// of a query.
func Overheard(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return overheard{next}
}

type overheard struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (o overheard) RoundTrip(req *http.Request) (*http.Response, error) {
	x := WatchedIn(req.Context())
	if x == nil {
		return o.next.RoundTrip(req)
	}
	secrets := secretsOf(req)
	x.Say(ByGatepost, "%s %s%s", req.Method, placeOf(req.URL), headersOf(req.Header, "Content-Type", "Prefer", "Client-Request-Id", "Content-Range"))
	began := time.Now()
	resp, err := o.next.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), x.connection())))
	took := time.Since(began).Round(time.Millisecond)
	if err != nil {
		x.Say(ByNobody, "no answer after %s: %s", took, mask(err.Error(), secrets))
		return nil, err
	}
	said := ""
	if resp.StatusCode/100 != 2 {
		said = " " + mask(peek(resp), secrets)
	}
	x.Say(ByProvider, "%s after %s%s%s", resp.Status, took, headersOf(resp.Header, "Retry-After", "Request-Id", "Www-Authenticate", "Date"), said)
	return resp, nil
}

// connection notes how a call reaches the provider.
func (x *Watched) connection() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			x.Say(ByNobody, "%s connection to %s", map[bool]string{true: "kept", false: "new"}[got.Reused], got.Conn.RemoteAddr())
		},
		TLSHandshakeDone: func(cs tls.ConnectionState, err error) {
			if err == nil {
				x.Say(ByNobody, "%s", tls.VersionName(cs.Version))
			}
		},
	}
}

// placeOf is an address without the values of its query: they can be keys to an upload.
func placeOf(u *url.URL) string {
	place := u.Scheme + "://" + u.Host + u.EscapedPath()
	if u.RawQuery == "" {
		return place
	}
	var names []string
	for name := range u.Query() {
		names = append(names, name+"=…")
	}
	slices.Sort(names)
	return place + "?" + strings.Join(names, "&")
}

func headersOf(h http.Header, names ...string) string {
	var all strings.Builder
	for _, name := range names {
		if v := h.Get(name); v != "" {
			all.WriteString("; " + name + ": " + v)
		}
	}
	return all.String()
}

// maxPeek is how much of a refusal is read to be shown.
const maxPeek = 4 << 10

// peek reads the beginning of a body and puts it back.
func peek(resp *http.Response) string {
	first, _ := io.ReadAll(io.LimitReader(resp.Body, maxPeek))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(first), resp.Body), resp.Body}
	return string(first)
}

// secretFields are those of forms to token endpoints that must not come back in a trace,
// should an answer repeat them.
var secretFields = []string{
	"client_secret", "refresh_token", "assertion", "client_assertion", "code", "code_verifier", "device_code", "subject_token", "token", "password",
}

// secretsOf are the secrets that a request carries.
func secretsOf(req *http.Request) (all []string) {
	if _, token, ok := strings.Cut(req.Header.Get("Authorization"), " "); ok {
		all = append(all, token)
	}
	if req.GetBody == nil || !strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return all
	}
	body, err := req.GetBody()
	if err != nil {
		return all
	}
	defer func() { _ = body.Close() }()
	text, _ := io.ReadAll(body)
	form, _ := url.ParseQuery(string(text))
	for _, name := range secretFields {
		all = append(all, form[name]...)
	}
	return all
}

// mask takes secrets out of a text.
func mask(text string, secrets []string) string {
	for _, s := range secrets {
		if len(s) > 3 {
			text = strings.NewReplacer(s, "[redacted]", url.QueryEscape(s), "[redacted]").Replace(text)
		}
	}
	return text
}
