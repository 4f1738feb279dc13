package entra

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/provider"
)

// AppFields are an app registration as an operator copies it.
type AppFields struct {
	Tenant   string // Directory (tenant) ID, a domain, or common, organizations, consumers
	ClientID string // Application (client) ID
	Cloud    string // empty: global
	// Secret is the client secret's Value. Certificate and Key, in PEM, stand in its
	// place; the key may be in the certificate's file. With neither the app is a public
	// client: for consents and device codes alone.
	Secret, Certificate, Key email.Secret
}

// App is an app registration of Entra ID. It never shows its secret or its key.
type App struct {
	tenant, id  string
	cloud       Cloud
	secret      email.Secret
	certificate *certificate // nil: none
	stored      email.ID     // see StoredAs
}

// The ways in which an app shows that it is the one.
const (
	AuthSecret      = "secret"
	AuthCertificate = "certificate"
	AuthNone        = "none" // a public client
)

// ID is the client id, which is no secret.
func (a *App) ID() string { return a.id }

// StoredAs names the credential that holds the app, for advice.
func (a *App) StoredAs(id email.ID) *App {
	named := *a
	named.stored = id
	return &named
}

// Tenant is the tenant where tokens are asked for, in lower case.
func (a *App) Tenant() string { return a.tenant }

// Cloud is the cloud where the app is registered.
func (a *App) Cloud() Cloud { return a.cloud }

// Auth is AuthSecret, AuthCertificate or AuthNone.
func (a *App) Auth() string {
	switch {
	case a.certificate != nil:
		return AuthCertificate
	case !a.secret.Empty():
		return AuthSecret
	}
	return AuthNone
}

// Expires is when the certificate ends; zero without one. When a secret ends, Entra
// tells nobody but its owner.
func (a *App) Expires() time.Time {
	if a.certificate == nil {
		return time.Time{}
	}
	return a.certificate.leaf.NotAfter
}

// Thumbprint names the certificate as Entra's pages do; empty without one.
func (a *App) Thumbprint() string {
	if a.certificate == nil {
		return ""
	}
	return a.certificate.thumbprint()
}

// Format implements fmt.Formatter, so that no verb shows secret or key, also not of a
// copy: fmt does not ask fields that are not exported.
func (a App) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "Entra app "+a.id) }

// NewApp checks an app before it is kept. Errors are an oauth.KeyFileError that names
// every wrong field: tenant, client_id, cloud, client_secret, certificate, key.
func NewApp(f AppFields, now time.Time) (*App, error) {
	a, wrong := f.read()
	if a.certificate != nil {
		wrong = append(wrong, a.certificate.outdated(now)...)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return a, nil
}

// keptApp is an app as the vault keeps it.
type keptApp struct {
	Tenant      string `json:"tenant"`
	ClientID    string `json:"client_id"`
	Cloud       Cloud  `json:"cloud"`
	Secret      string `json:"client_secret,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`
}

// Marshal writes the app with its secret or key: the form in which the vault keeps it
// and ParseApp reads it.
func (a *App) Marshal() (email.Secret, error) {
	kept := keptApp{Tenant: a.tenant, ClientID: a.id, Cloud: a.cloud, Secret: a.secret.Reveal()}
	if a.certificate != nil {
		var err error
		if kept.Certificate, kept.Key, err = a.certificate.pem(); err != nil {
			return email.Secret{}, fmt.Errorf("write Entra app %s: %w", a.id, err)
		}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return email.Secret{}, fmt.Errorf("write Entra app %s: %w", a.id, err)
	}
	return email.NewSecret(string(text)), nil
}

// maxKept is far above any app with a chain of certificates.
const maxKept = 64 << 10

// ParseApp reads what Marshal wrote. A certificate that has ended since is no error
// here, but one when a token is asked for.
func ParseApp(text []byte) (*App, error) {
	var kept keptApp
	if len(text) > maxKept || json.Unmarshal(text, &kept) != nil {
		return nil, oauth.KeyFileError{{Field: "key_file", Message: "is no Entra app as gatepost keeps it: give its fields again"}}
	}
	a, wrong := AppFields{
		Tenant: kept.Tenant, ClientID: kept.ClientID, Cloud: string(kept.Cloud),
		Secret: email.NewSecret(kept.Secret), Certificate: email.NewSecret(kept.Certificate), Key: email.NewSecret(kept.Key),
	}.read()
	if len(wrong) > 0 {
		return nil, wrong
	}
	return a, nil
}

// read checks all but the time.
func (f AppFields) read() (*App, oauth.KeyFileError) {
	a := &App{tenant: strings.ToLower(strings.TrimSpace(f.Tenant)), id: strings.ToLower(strings.TrimSpace(f.ClientID)), secret: f.Secret}
	var wrong oauth.KeyFileError
	add := func(field, message string) {
		if message != "" {
			wrong = append(wrong, provider.FieldError{Field: field, Message: message})
		}
	}
	var known bool
	if a.cloud, known = ParseCloud(f.Cloud); !known {
		add("cloud", "is none of global, us_gov_l4, us_gov_l5 and china")
	}
	add("tenant", tenantProblem(a.tenant))
	if a.tenant == Consumers && a.cloud != Global {
		add("tenant", "consumers is for the global cloud alone: no other has personal accounts")
	}
	add("client_id", a.idProblem())
	add("client_secret", secretProblem(f.Secret.Reveal()))
	switch given := !f.Certificate.Empty() || !f.Key.Empty(); {
	case given && !f.Secret.Empty():
		add("client_secret", "stands beside a certificate: give one of the two")
	case given:
		var problems oauth.KeyFileError
		a.certificate, problems = readCertificate(f.Certificate.Reveal(), f.Key.Reveal())
		wrong = append(wrong, problems...)
	}
	return a, wrong
}

// appsPage is where app registrations are.
const appsPage = "https://entra.microsoft.com > App registrations"

func (a *App) idProblem() string {
	switch {
	case a.id == "":
		return "is missing: the Application (client) ID at " + appsPage
	case !isGUID(a.id):
		return "is not a GUID: copy the Application (client) ID at " + appsPage
	case a.id == a.tenant || a.id == consumerTenant:
		return "is the tenant's id: the Application (client) ID stands above it at " + appsPage
	}
	return ""
}

const newSecret = "make a new one at " + appsPage + " > Certificates & secrets and copy the column Value at once: it is shown only then"

// secretProblem says what is wrong with a client secret; nothing for none.
func secretProblem(secret string) string {
	switch trimmed := strings.TrimSpace(secret); {
	case isGUID(trimmed):
		return "is the secret's ID, not its Value: " + newSecret
	case strings.Contains(secret, "***"):
		return "is masked with stars: " + newSecret
	case strings.HasPrefix(trimmed, "-----BEGIN"):
		return "is a PEM file: give it as the certificate or its key"
	case trimmed != secret || strings.ContainsAny(secret, "\r\n\x00"):
		return "begins or ends with a space, or holds a line break: copy it again"
	case len(secret) > 1000:
		return "is longer than 1000 bytes: no client secret is"
	}
	return ""
}

// HasSecret tells whether this is the app's client secret.
func (a *App) HasSecret(s email.Secret) bool {
	return subtle.ConstantTimeCompare([]byte(a.secret.Reveal()), []byte(s.Reveal())) == 1
}

// AppOnly tells why this app cannot act by itself, as an oauth.KeyFileError; nil where
// it can.
func (a *App) AppOnly() error {
	if wrong := a.appOnly(); wrong != nil {
		return wrong
	}
	return nil
}

func (a *App) appOnly() (wrong oauth.KeyFileError) {
	if !OneTenant(a.tenant) {
		wrong = append(wrong, provider.FieldError{Field: "tenant", Message: "is " + a.tenant + ", where no app can act by itself: " +
			"give the Directory (tenant) ID of the organisation whose mailboxes it sends for, at " + tenantsPage})
	}
	if a.Auth() == AuthNone {
		wrong = append(wrong, provider.FieldError{Field: "client_secret", Message: "is missing, and there is no certificate: an app that acts by itself has one of them"})
	}
	return wrong
}
