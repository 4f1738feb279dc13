package oauth

import (
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gatepost/internal/provider"
)

// KeylessIdentities are the identities outside the vault that credentials may use, as
// whoever runs the server lists them. Without such a list everybody who may store a
// credential could have gatepost act as the machine that it runs on, or show Google any
// token that lies on it. The zero value is none.
type KeylessIdentities []string

// ParseKeylessIdentity reads one of them: "metadata" is the service account of this
// machine of Google Cloud; a path is a file with an outside token, or with / at its end
// all files below a folder; an address is one that gives outside tokens, with all below
// it.
func ParseKeylessIdentity(v string) (string, error) {
	clean := filepath.Clean(v)
	switch {
	case v == KeylessMetadata:
		return v, nil
	case filepath.IsAbs(v) && clean != "/":
		if strings.HasSuffix(v, "/") {
			clean += "/"
		}
		return clean, nil
	case askable(v) && !strings.Contains(v, "?"):
		return v, nil
	}
	if strings.ContainsAny(v, "@?") { // there may be a secret in it
		v, _, _ = strings.Cut(v, ":")
		v += ":…"
	}
	return "", fmt.Errorf("%q: write metadata, the absolute path of a file (with / at its end: of a folder) or an address such as https://ci.example.com/token, without a user name and query", v)
}

// keylessSetting is how people call the list.
const keylessSetting = "the setting google-keyless (GATEPOST_GOOGLE_KEYLESS)"

// Allowed tells whether the list has the credential's identity. The error is a
// KeyFileError that says what is missing there. Caller asks it, too.
func (k *Keyless) Allowed() error {
	field, identity := k.identity()
	if k.may.has(identity) {
		return nil
	}
	const why = "is not one of the identities that this gatepost may use: whoever runs it adds %s to " + keylessSetting + " of every node, and starts it again"
	return KeyFileError{provider.FieldError{Field: field, Message: fmt.Sprintf(why, identity)}}
}

// identity is the one of the list that the credential needs, and the field that names
// it. Queries of addresses can be secret.
func (k *Keyless) identity() (field, identity string) {
	switch {
	case k.external == nil:
		return "source", KeylessMetadata
	case k.external.Source.File != "":
		return "file.credential_source.file", k.external.Source.File
	}
	identity, _, _ = strings.Cut(k.external.Source.URL, "?")
	return "file.credential_source.url", identity
}

func (may KeylessIdentities) has(identity string) bool {
	return slices.ContainsFunc(may, func(one string) bool {
		switch {
		case identity == KeylessMetadata:
			return one == identity
		case filepath.IsAbs(identity):
			folder := strings.HasSuffix(one, "/")
			return filepath.Clean(identity) == identity && (one == identity || folder && strings.HasPrefix(identity, one))
		}
		return addressBelow(one, identity)
	})
}

// addressBelow tells whether an address is the other one or below it.
func addressBelow(one, address string) bool {
	top, err := url.Parse(one)
	if err != nil || top.Host == "" {
		return false
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != top.Scheme || !strings.EqualFold(u.Host, top.Host) || u.RawPath != "" {
		return false
	}
	below := strings.TrimSuffix(top.Path, "/") + "/"
	whole := "/" + strings.TrimPrefix(u.Path, "/")
	return whole+"/" == below || strings.HasPrefix(whole, below) && (path.Clean(whole) == whole || path.Clean(whole)+"/" == whole)
}
