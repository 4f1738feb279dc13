package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/vault"
)

// The kinds of credentials.
const (
	KindServiceAccount = vault.KindServiceAccount
	KindKeyless        = vault.KindGoogleKeyless
	KindOAuthClient    = vault.KindOAuthClient
	KindGoogleUser     = vault.KindGoogleUser // comes from a consent, never by hand
	KindMicrosoftApp   = vault.KindMicrosoftApp
	KindMicrosoftUser  = vault.KindMicrosoftUser // as a Google user
	KindPassword       = vault.KindPassword
)

// CredentialKinds lists the kinds of credentials that are handed over.
func CredentialKinds() []string {
	return []string{KindServiceAccount, KindKeyless, KindOAuthClient, KindMicrosoftApp, KindPassword}
}

// maxPassword is far above any password and below what would strain AUTH PLAIN.
const maxPassword = 1000

// secret is what goes into the vault, and what may be shown of it.
type secret struct {
	value  email.Secret
	public json.RawMessage
}

// secret checks the secret of a credential for its kind. Nothing of the secret
// gets into a problem.
func (ps *problems) secret(n NewCredential, cfg Config) secret {
	ps.misplaced(n)
	switch n.Kind {
	case KindKeyless:
		return ps.keyless(n, cfg.Keyless)
	case KindServiceAccount:
		return ps.serviceAccount(n.Key, cfg.TokenURL)
	case KindOAuthClient:
		return ps.oauthClient(n, cfg.Endpoints)
	case KindMicrosoftApp:
		return ps.microsoftApp(n, cfg.Now())
	case KindPassword:
		return ps.password(n.Password)
	case KindGoogleUser, KindMicrosoftUser:
		ps.add("kind", "a %s comes from a user's consent: gatepost connect, or POST /v1/consents", n.Kind)
	case "":
		ps.add("kind", "is missing: one of %s", strings.Join(CredentialKinds(), ", "))
	default:
		ps.add("kind", "not a kind of credential: one of %s", strings.Join(CredentialKinds(), ", "))
	}
	return secret{}
}

// misplaced refuses what belongs to another kind rather than dropping it.
func (ps *problems) misplaced(n NewCredential) {
	if !slices.Contains(CredentialKinds(), n.Kind) {
		return
	}
	has := map[string]string{
		KindKeyless:        "a source, and a federation file as its key or a service_account",
		KindServiceAccount: "a key", KindOAuthClient: "a key, or a client_id and client_secret", KindPassword: "a password",
		KindMicrosoftApp: "a tenant, a client_id, and a client_secret or a certificate with its key",
	}[n.Kind]
	for _, f := range []struct {
		name  string
		given bool
		kinds []string
	}{
		{"key", len(n.Key) > 0, []string{KindServiceAccount, KindKeyless, KindOAuthClient, KindMicrosoftApp}},
		{"source", n.Source != "", []string{KindKeyless}},
		{"service_account", n.ServiceAccount != "", []string{KindKeyless}},
		{"client_id", n.ClientID != "", []string{KindKeyless, KindOAuthClient, KindMicrosoftApp}},
		{"client_secret", !n.ClientSecret.Empty(), []string{KindOAuthClient, KindMicrosoftApp}},
		{"tenant", n.Tenant != "", []string{KindMicrosoftApp}},
		{"cloud", n.Cloud != "", []string{KindMicrosoftApp}},
		{"certificate", !n.Certificate.Empty(), []string{KindMicrosoftApp}},
		{"secret_expires_at", n.SecretExpires != "", []string{KindMicrosoftApp}},
		{"testing", n.Testing, []string{KindOAuthClient}},
		{"password", !n.Password.Empty(), []string{KindPassword}},
	} {
		if f.given && !slices.Contains(f.kinds, n.Kind) {
			ps.add(f.name, "is not for the kind %s, which has %s", n.Kind, has)
		}
	}
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
	if err == nil {
		err = account.Try()
	}
	if err != nil {
		ps.keyFile("key", err)
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

// oauthClient reads the file of an OAuth client, or its two values.
func (ps *problems) oauthClient(n NewCredential, at oauth.Endpoints) secret {
	client, err := readClient(n, at)
	switch {
	case errors.Is(err, errNoClient):
		ps.add("key", "is missing: the JSON file that Google gave for the client, or client_id and client_secret in its place")
		return secret{}
	case errors.Is(err, errTwoClients):
		ps.add("client_id", "is in the key too: give either the file or the two values")
		return secret{}
	case err != nil && len(n.Key) > 0:
		ps.keyFile("key", err)
		return secret{}
	case err != nil:
		ps.keyFile("", err)
		return secret{}
	}
	value, err := client.Marshal()
	if err == nil { // as it is read again from the vault
		_, err = oauth.ParseClient([]byte(value.Reveal()), at)
	}
	if err != nil {
		ps.keyFile("", err)
	}
	shown := map[string]string{
		"client_id": client.ID(), "type": client.Kind(), "project": client.Project(), "redirects": strings.Join(client.Redirects(), " "),
	}
	if n.Testing {
		shown["testing"] = "true"
	}
	public, err := json.Marshal(shown)
	if err != nil {
		ps.add("key", "cannot be kept")
	}
	return secret{value: value, public: public}
}

var (
	errNoClient   = errors.New("no OAuth client was given")
	errTwoClients = errors.New("two OAuth clients were given")
)

// readClient takes the two values for a client of the type web: that is the one
// which people copy from a page.
func readClient(n NewCredential, at oauth.Endpoints) (*oauth.Client, error) {
	file, ok := unquote(n.Key)
	values := n.ClientID != "" || !n.ClientSecret.Empty()
	switch {
	case ok && values:
		return nil, errTwoClients
	case ok:
		return oauth.ParseClient(trimBOM(file), at)
	case values:
		return oauth.NewClient(oauth.ClientWeb, n.ClientID, n.ClientSecret, nil)
	}
	return nil, errNoClient
}

// keyFile adds what is wrong with a file of Google's, below a field. Without one
// the values stand alone.
func (ps *problems) keyFile(field string, err error) {
	wrong, ok := errors.AsType[oauth.KeyFileError](err)
	if !ok {
		ps.add(field, "is not a key file that can be used")
		return
	}
	for _, f := range wrong {
		switch {
		case f.Field == "key_file":
			ps.add(field, "%s", f.Message)
		case field == "":
			ps.add(f.Field, "%s", f.Message)
		default:
			ps.add(field+"."+f.Field, "%s", f.Message)
		}
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
