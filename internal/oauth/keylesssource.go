package oauth

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"

	"gatepost/internal/oauth/endpoint"
	"gatepost/internal/provider"
)

// subjectSource is where the outside token is found.
type subjectSource struct {
	File    string            `json:"file"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Format  struct {
		Type  string `json:"type"`
		Field string `json:"subject_token_field_name"`
	} `json:"format"`

	// What gatepost does not do.
	Executable  json.RawMessage `json:"executable"`
	Certificate json.RawMessage `json:"certificate"`
	Environment string          `json:"environment_id"`
}

// The forms in which a token is found.
const (
	formatText = "text"
	formatJSON = "json"
)

// check says what of the source cannot be used.
func (s *subjectSource) check() (wrong KeyFileError) {
	add := func(field, message string) {
		wrong = append(wrong, provider.FieldError{Field: strings.TrimSuffix("credential_source."+field, "."), Message: message})
	}
	switch {
	case given(s.Executable):
		add("executable", "gatepost runs no programs, as whoever may store a credential could then run any on this machine: let the program write the token to a file, and name that as credential_source.file")
	case s.Environment != "":
		add("environment_id", "gatepost does not sign requests of AWS: give the pool a provider for OIDC, and name the file of the web identity token (AWS_WEB_IDENTITY_TOKEN_FILE) as credential_source.file")
	case given(s.Certificate):
		add("certificate", "gatepost does not sign in with client certificates: use a provider for OIDC with credential_source.file or .url")
	case s.File == "" && s.URL == "":
		add("", "has neither file nor url: it must say where the outside token is found")
	case s.File != "" && s.URL != "":
		add("", "has both file and url: keep one of them")
	case s.File != "" && (filepath.Clean(s.File) != s.File || !filepath.IsAbs(s.File) || strings.ContainsRune(s.File, 0)):
		add("file", "must be an absolute path without .. and doubled slashes: a relative one would depend on where gatepost was started")
	case s.URL != "" && !askable(s.URL):
		add("url", "must be https, or http on this very machine or its link (127.0.0.1, 169.254.169.254, metadata.google.internal), without a user name and #")
	}
	for name, value := range s.Headers {
		if !headerName(name) || strings.ContainsAny(value, "\x00\r\n") {
			add("headers", "holds a name or value that no request can carry: "+clip(name))
		}
	}
	switch s.Format.Type {
	case "", formatText:
	case formatJSON:
		if s.Format.Field == "" {
			add("format.subject_token_field_name", "is missing: the field of the JSON that has the token")
		}
	default:
		add("format.type", `must be "text" or "json"`)
	}
	return wrong
}

// askable tells whether a token may be asked for at an address. Without TLS that is so
// only where no network lies between.
func askable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.Contains(address, "#") {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && onThisLink(u.Hostname())
}

// onThisLink tells whether a host is this machine or on its own link, where metadata
// servers are (RFC 3927, RFC 4291 section 2.5.6).
func onThisLink(host string) bool {
	if endpoint.Loopback(host) || host == "metadata.google.internal" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLinkLocalUnicast()
}

// headerName tells whether a name is a token (RFC 9110 section 5.1) that does not
// decide where a request goes or how its body is framed.
func headerName(name string) bool {
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	switch strings.ToLower(name) {
	case "", "host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer":
		return false
	}
	return true
}
