// Package oauth holds the ways to an access token at Google: a service account
// that acts for a Workspace user (JWT bearer, RFC 7523, with domain-wide
// delegation), with its key or with Google signing for it (workload identity
// federation, RFC 8693, or the metadata server), and a user's consent
// (authorization code with PKCE, RFC 6749, 7636, 9700; refresh; revocation).
// Errors of endpoints carry the classes of provider.Error.
//
// It keeps nothing: caching, early renewal and single flight are vault's; who
// may start a consent, and that its state is used once, is control's.
package oauth

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strings"

	"gatepost/internal/provider"
)

// GoogleTokenURL is the only token endpoint that a key file may name
// (developers.google.com/identity/protocols/oauth2/service-account).
const GoogleTokenURL = "https://oauth2.googleapis.com/token"

// googleUniverse is the cloud of gmail.com and Workspace; a file that names none
// is of it.
const googleUniverse = "googleapis.com"

// ServiceAccount is a parsed Google key file. It never shows its key.
type ServiceAccount struct {
	email    string
	clientID string
	keyID    string
	tokenURL string
	key      *rsa.PrivateKey
}

// Email is the service account's own address (client_email).
func (s *ServiceAccount) Email() string { return s.email }

// ClientID is the number that the Workspace administrator enters for
// delegation; empty when the file lacks it.
func (s *ServiceAccount) ClientID() string { return s.clientID }

// KeyID names the key (private_key_id).
func (s *ServiceAccount) KeyID() string { return s.keyID }

// KeyFileError lists what is wrong with a key file or an OAuth client's file,
// field by field; the field "key_file" is the file as a whole.
type KeyFileError []provider.FieldError

// Error implements error.
func (e KeyFileError) Error() string {
	parts := make([]string, len(e))
	for i, f := range e {
		parts[i] = f.Field + ": " + f.Message
	}
	return "read the file: " + strings.Join(parts, "; ")
}

// keyFile is what gatepost reads of Google's JSON.
type keyFile struct {
	Type         string `json:"type"`
	ClientEmail  string `json:"client_email"`
	ClientID     string `json:"client_id"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	TokenURI     string `json:"token_uri"`
	Universe     string `json:"universe_domain"`

	// An OAuth client's file has one of these.
	Web       json.RawMessage `json:"web"`
	Installed json.RawMessage `json:"installed"`
}

// maxKeyFile is far above any real key file.
const maxKeyFile = 64 << 10

// ParseServiceAccount reads a Google key file. Errors are a KeyFileError that
// names every wrong field. tokenURL replaces Google's token endpoint where it is
// not empty (sandbox); the file itself cannot send the signed request elsewhere,
// and one that names another endpoint than these two is refused.
func ParseServiceAccount(keyJSON []byte, tokenURL string) (*ServiceAccount, error) {
	f, err := decodeKeyFile(keyJSON)
	if err != nil {
		return nil, err
	}
	wrong := f.check(tokenURL)
	key, err := parseKey(f.PrivateKey)
	if err != nil {
		wrong = append(wrong, provider.FieldError{Field: "private_key", Message: err.Error()})
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	if tokenURL == "" {
		tokenURL = GoogleTokenURL
	}
	return &ServiceAccount{email: f.ClientEmail, clientID: f.ClientID, keyID: f.PrivateKeyID, tokenURL: tokenURL, key: key}, nil
}

func decodeKeyFile(keyJSON []byte) (keyFile, error) {
	var f keyFile
	if len(keyJSON) > maxKeyFile {
		return f, fileError("larger than 64 KiB: not a key file")
	}
	keyJSON = withoutBOM(keyJSON)
	if err := json.Unmarshal(keyJSON, &f); err != nil {
		return f, fileError("not the JSON file that Google gave: download the key again as JSON")
	}
	if f.Type != "service_account" {
		return f, KeyFileError{{Field: "type", Message: f.wrongType()}}
	}
	return f, nil
}

// withoutBOM takes away what editors of Windows put before a text.
func withoutBOM(b []byte) []byte {
	return bytes.TrimPrefix(bytes.TrimSpace(b), []byte("\xef\xbb\xbf"))
}

func fileError(message string) KeyFileError {
	return KeyFileError{{Field: "key_file", Message: message}}
}

// wrongType says what the file is instead; other kinds lack most fields, so
// naming those would only confuse.
func (f keyFile) wrongType() string {
	const want = `must be "service_account"`
	if len(f.Web) > 0 || len(f.Installed) > 0 {
		return want + "; this is an OAuth client's file: keep it as a credential of the kind google_oauth_client (gatepost connect gmail), " +
			"or make a key under IAM > Service accounts > Keys"
	}
	switch f.Type {
	case "":
		return want + "; it is missing: is this another file of Google's? Make a key under IAM > Service accounts > Keys"
	case "authorized_user":
		return want + "; this file holds a person's own login (gcloud), not a service account's key"
	case "external_account":
		return want + "; this is a workload identity federation file: keep it as a credential of the kind google_keyless (gatepost connect workspace ADDRESS --keyless FILE)"
	case "impersonated_service_account", "external_account_authorized_user", "gdch_service_account":
		return fmt.Sprintf("%s; gatepost does not take files of type %q yet", want, f.Type)
	}
	return want
}

// check looks at all fields but the key.
func (f keyFile) check(simulated string) KeyFileError {
	var wrong KeyFileError
	missing := func(field, value string) {
		if value == "" {
			wrong = append(wrong, provider.FieldError{Field: field, Message: "is missing; download the key again as JSON"})
		}
	}
	missing("client_email", f.ClientEmail)
	missing("private_key_id", f.PrivateKeyID)
	if f.ClientEmail != "" && !strings.Contains(f.ClientEmail, "@") {
		wrong = append(wrong, provider.FieldError{Field: "client_email", Message: "is not an address"})
	}
	if !knownEnd(f.TokenURI, tokenEnds(simulated)) {
		wrong = append(wrong, provider.FieldError{Field: "token_uri", Message: "must be " + orSimulated(GoogleTokenURL, simulated) + ": a key is never used elsewhere"})
	}
	if f.Universe != "" && f.Universe != googleUniverse {
		wrong = append(wrong, provider.FieldError{Field: "universe_domain", Message: "must be " + googleUniverse + ": gatepost takes no keys of other clouds"})
	}
	return wrong
}
