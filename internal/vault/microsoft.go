package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/store"
)

// MicrosoftAppPublic is what a credential of the kind KindMicrosoftApp says in public.
type MicrosoftAppPublic struct {
	Tenant     string `json:"tenant"`
	ClientID   string `json:"client_id"`
	Cloud      string `json:"cloud"`
	Auth       string `json:"auth"`                 // secret, certificate or none
	Thumbprint string `json:"thumbprint,omitempty"` // of the certificate, as Entra's pages show it
	// ExpiresAt is when certificate or secret end (RFC 3339). Of a secret it is what its
	// owner says; empty: nobody said.
	ExpiresAt string `json:"expires_at,omitempty"`
}

// WithMicrosoft makes Token get tokens from Entra ID: from where endpoints say,
// through an HTTP client that must verify certificates. It stands beside WithGoogle.
func WithMicrosoft(endpoints entra.Endpoints, client *http.Client) Option {
	return func(v *Vault) {
		m := &microsoft{v: v, endpoints: endpoints, http: client}
		v.tokens.serve(KindMicrosoftApp, issuer{plan: planMicrosoftApp, mint: m.byItself})
		v.tokens.serve(KindMicrosoftUser, issuer{plan: planMicrosoftUser, mint: m.refresh, uses: usesOfMicrosoftUser})
		v.tokens.transient = oauth.Passing
	}
}

// microsoft turns credentials into tokens.
type microsoft struct {
	v         *Vault
	endpoints entra.Endpoints
	http      *http.Client
}

// planMicrosoftApp makes one token serve all mailboxes: an app that acts by itself acts
// for nobody in particular.
func planMicrosoftApp(_ store.Credential, r TokenRequest) (TokenRequest, error) {
	r.Subject = ""
	return r, nil
}

// planMicrosoftUser makes one token for each resource serve all that the user granted
// of it, and refuses at once what was not.
func planMicrosoftUser(row store.Credential, r TokenRequest) (TokenRequest, error) {
	public, err := readUser(row)
	if err != nil {
		return r, err
	}
	resource, err := entra.ResourceOf(r.Scopes)
	if err != nil {
		return r, err
	}
	granted := entra.OfResource(strings.Fields(public.Scopes), resource)
	for _, scope := range entra.OfResource(r.Scopes, resource) {
		if !entra.Covers(granted, scope) {
			return r, microsoftScopeMissing(scope, public)
		}
	}
	r.Subject, r.Scopes = "", granted
	return r, nil
}

// usesOfMicrosoftUser are the tokens of a user, one for each resource. All are made
// with the same refresh token.
func usesOfMicrosoftUser(row store.Credential) ([]TokenRequest, error) {
	public, err := readUser(row)
	if err != nil {
		return nil, err
	}
	var uses []TokenRequest
	granted := strings.Fields(public.Scopes)
	for len(granted) > 0 {
		resource := entra.Resource(granted[0])
		rest := slices.DeleteFunc(slices.Clone(granted), func(s string) bool { return entra.Resource(s) == resource })
		if resource != "" {
			uses = append(uses, TokenRequest{Team: row.Team, Credential: row.ID, Scopes: entra.OfResource(granted, resource)})
		}
		granted = rest
	}
	return uses, nil
}

// microsoftScopeMissing names what was not consented to, and how to ask again.
func microsoftScopeMissing(scope string, public UserPublic) error {
	return oauth.Held("scope_missing", fmt.Sprintf("The user %s has not allowed gatepost %s.", public.Email, scope),
		"Connect again, with the purpose that needs it: gatepost connect microsoft "+public.Email+".", nil)
}

// byItself asks as the app.
func (m *microsoft) byItself(ctx context.Context, row store.Credential, secret email.Secret, r TokenRequest) (minted, error) {
	app, err := readApp(row.ID, secret)
	if err != nil {
		return minted{}, err
	}
	t, err := app.Token(ctx, m.http, m.endpoints, r.Scopes, m.v.now())
	return minted{access: t.Access, expires: t.Expires}, err
}

func readApp(id email.ID, secret email.Secret) (*entra.App, error) {
	app, err := entra.ParseApp([]byte(secret.Reveal()))
	if err != nil {
		return nil, unusable(id, err, "Store the app registration again in place of this one.")
	}
	return app.StoredAs(id), nil
}

// refresh asks with what a user consented to.
func (m *microsoft) refresh(ctx context.Context, row store.Credential, secret email.Secret, r TokenRequest) (minted, error) {
	public, err := readUser(row)
	if err != nil {
		return minted{}, err
	}
	app, err := m.app(ctx, row.Team, public)
	if err != nil {
		return minted{}, err
	}
	user := entra.User{App: app, Refresh: secret, Tenant: public.Tenant, Email: public.Email, Public: public.Public}
	t, rotated, _, err := user.Token(ctx, m.http, m.endpoints, r.Scopes, m.v.now())
	return minted{access: t.Access, expires: t.Expires, rotated: rotated}, err
}

// app opens the app registration that the consent was given to.
func (m *microsoft) app(ctx context.Context, team email.ID, public UserPublic) (*entra.App, error) {
	_, secret, err := m.v.Secret(ctx, team, public.Client)
	if errors.Is(err, store.ErrNotFound) {
		return nil, clientGone(public, "is no longer there")
	}
	if err != nil {
		return nil, err
	}
	app, err := readApp(public.Client, secret)
	if err != nil {
		return nil, err
	}
	if public.ClientID != "" && !strings.EqualFold(app.ID(), public.ClientID) {
		return nil, clientGone(public, "now holds "+app.ID())
	}
	return app, nil
}

// PublicOfApp is what may be shown of an app registration. secretExpires is what the
// owner of a client secret says of its end, RFC 3339 or nothing.
func PublicOfApp(app *entra.App, secretExpires string) (json.RawMessage, error) {
	public := MicrosoftAppPublic{
		Tenant: app.Tenant(), ClientID: app.ID(), Cloud: string(app.Cloud()), Auth: app.Auth(), Thumbprint: app.Thumbprint(),
		ExpiresAt: secretExpires,
	}
	if end := app.Expires(); !end.IsZero() {
		public.ExpiresAt = end.UTC().Format("2006-01-02T15:04:05Z")
	}
	return json.Marshal(public)
}
