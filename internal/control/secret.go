package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
)

// The kinds of credentials.
const (
	KindServiceAccount = "google_service_account"
	KindPassword       = "smtp_password"
)

// CredentialKinds lists the kinds of credentials.
func CredentialKinds() []string { return []string{KindServiceAccount, KindPassword} }

// maxPassword is far above any password and below what would strain AUTH PLAIN.
const maxPassword = 1000

// secret is what goes into the vault, and what may be shown of it.
type secret struct {
	value  email.Secret
	public json.RawMessage
}

// secret checks the secret of a credential for its kind. Nothing of the secret
// gets into a problem.
func (ps *problems) secret(n NewCredential, tokenURL string) secret {
	switch n.Kind {
	case KindServiceAccount:
		if !n.Password.Empty() {
			ps.add("password", "a %s has a key, not a password", n.Kind)
		}
		return ps.serviceAccount(n.Key, tokenURL)
	case KindPassword:
		if len(n.Key) > 0 {
			ps.add("key", "an %s has a password, not a key", n.Kind)
		}
		return ps.password(n.Password)
	case "":
		ps.add("kind", "is missing: one of %s", strings.Join(CredentialKinds(), ", "))
	default:
		ps.add("kind", "not a kind of credential: one of %s", strings.Join(CredentialKinds(), ", "))
	}
	return secret{}
}

func (ps *problems) password(p email.Secret) secret {
	switch v := p.Reveal(); {
	case v == "":
		ps.add("password", "is missing")
	case len(v) > maxPassword:
		ps.add("password", "longer than %d bytes", maxPassword)
	case strings.ContainsAny(v, "\x00\r\n"):
		ps.add("password", "contains a line break or a NUL byte, which no sign-in can carry")
	}
	return secret{value: p, public: json.RawMessage("{}")}
}

// serviceAccount reads Google's key file, which people also paste as a string.
func (ps *problems) serviceAccount(key json.RawMessage, tokenURL string) secret {
	file, ok := unquote(key)
	if !ok {
		ps.add("key", "is missing: the JSON file that Google gave, as an object or as a string")
		return secret{}
	}
	account, err := oauth.ParseServiceAccount(file, tokenURL)
	if err != nil {
		ps.keyFile(err)
		return secret{}
	}
	var more struct {
		Project string `json:"project_id"`
	}
	_ = json.Unmarshal(trimBOM(file), &more) // parsed once already; the project is only shown
	public, err := json.Marshal(map[string]string{
		"client_email": account.Email(), "client_id": account.ClientID(), "key_id": account.KeyID(), "project": more.Project,
	})
	if err != nil {
		ps.add("key", "cannot be kept")
	}
	return secret{value: email.NewSecret(string(file)), public: public}
}

func (ps *problems) keyFile(err error) {
	var wrong oauth.KeyFileError
	if !errors.As(err, &wrong) {
		ps.add("key", "is not a key file that can be used")
		return
	}
	for _, f := range wrong {
		if f.Field == "key_file" {
			ps.add("key", "%s", f.Message)
			continue
		}
		ps.add("key."+f.Field, "%s", f.Message)
	}
}

// unquote gives the text of a key file, which stands as an object or in a string.
func unquote(key json.RawMessage) (file []byte, ok bool) {
	key = bytes.TrimSpace(key)
	if len(key) == 0 || string(key) == "null" {
		return nil, false
	}
	if key[0] != '"' {
		return key, true
	}
	var s string
	if json.Unmarshal(key, &s) != nil || strings.TrimSpace(s) == "" {
		return nil, false
	}
	return []byte(s), true
}

func trimBOM(b []byte) []byte {
	return bytes.TrimPrefix(bytes.TrimSpace(b), []byte("\xef\xbb\xbf"))
}
