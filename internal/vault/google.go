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
	"gatepost/internal/store"
)

// UserPublic is what a credential of the kind KindGoogleUser or KindMicrosoftUser says
// in public. Lists are words with spaces between them.
type UserPublic struct {
	Email     string   `json:"email"`
	Subject   string   `json:"subject"`                      // the provider's lasting id of the user
	Tenant    string   `json:"tenant,omitempty"`             // Microsoft: the user's directory
	Scopes    string   `json:"scopes"`                       // granted
	Purposes  string   `json:"purposes"`                     // granted
	Client    email.ID `json:"client"`                       // the credential of the OAuth client or app registration
	ClientID  string   `json:"client_id"`                    // which client that was
	Public    bool     `json:"public_client,omitempty"`      // Microsoft: entra.Grant.Public
	ExpiresAt string   `json:"refresh_expires_at,omitempty"` // RFC 3339; empty: not said to expire
}

// WithGoogle makes Token get tokens from Google: from where endpoints say,
// through an HTTP client that must verify certificates.
func WithGoogle(endpoints oauth.Endpoints, client *http.Client) Option {
	return func(v *Vault) {
		g := &google{v: v, endpoints: endpoints, http: client}
		v.tokens.serve(KindServiceAccount, issuer{plan: asAsked, mint: g.sign})
		v.tokens.serve(KindGoogleUser, issuer{plan: planGoogleUser, mint: g.refresh, uses: usesOfGoogleUser})
		v.tokens.transient = oauth.Passing
	}
}

// google turns credentials into tokens.
type google struct {
	v         *Vault
	endpoints oauth.Endpoints
	http      *http.Client
}

// planGoogleUser makes one token serve all the scopes that a user granted, and
// refuses at once what was not.
func planGoogleUser(row store.Credential, r TokenRequest) (TokenRequest, error) {
	public, err := readUser(row)
	if err != nil {
		return r, err
	}
	for _, scope := range r.Scopes {
		if !oauth.Covers(strings.Fields(public.Scopes), scope) {
			return r, scopeMissing(scope, public)
		}
	}
	r.Subject, r.Scopes = "", nil
	return r, nil
}

// usesOfGoogleUser is the one token of a user.
func usesOfGoogleUser(row store.Credential) ([]TokenRequest, error) {
	return []TokenRequest{{Team: row.Team, Credential: row.ID}}, nil
}

func readUser(row store.Credential) (UserPublic, error) {
	var public UserPublic
	if err := json.Unmarshal(row.Public, &public); err != nil {
		return public, unusable(row.ID, fmt.Errorf("what is public of it cannot be read: %w", err), "Connect the account again.")
	}
	return public, nil
}

// scopeMissing names the purpose whose box was left unticked, and how to ask again.
func scopeMissing(scope string, public UserPublic) error {
	names := []string{}
	for _, p := range append(oauth.Granted(strings.Fields(public.Scopes)), wanted(scope)...) {
		if !slices.Contains(names, string(p)) {
			names = append(names, string(p))
		}
	}
	what := scope
	if p := wanted(scope); p != nil {
		what = fmt.Sprintf("%q (%s)", p[0], scope)
	}
	return oauth.Held("scope_missing", fmt.Sprintf("The user %s has not allowed gatepost to %s.", public.Email, what),
		fmt.Sprintf("Connect again and leave every box ticked: gatepost connect gmail %s --purposes %s", public.Email, strings.Join(names, ",")), nil)
}

// wanted is the purpose that a scope is for, if it is one of ours.
func wanted(scope string) []oauth.Purpose {
	for _, p := range oauth.Purposes() {
		if p.Scope() == scope {
			return []oauth.Purpose{p}
		}
	}
	return nil
}

// sign asks with a service account's key.
func (g *google) sign(ctx context.Context, row store.Credential, secret email.Secret, r TokenRequest) (minted, error) {
	account, err := oauth.ParseServiceAccount([]byte(secret.Reveal()), g.endpoints.TokenURL())
	if err != nil {
		return minted{}, unusable(row.ID, err, "Download the key again and store it in place of this one.")
	}
	t, err := account.Token(ctx, g.http, r.Subject, r.Scopes, g.v.now())
	return minted{access: t.Access, expires: t.Expires}, err
}

// refresh asks with what a user consented to.
func (g *google) refresh(ctx context.Context, row store.Credential, secret email.Secret, _ TokenRequest) (minted, error) {
	public, err := readUser(row)
	if err != nil {
		return minted{}, err
	}
	client, err := g.client(ctx, row.Team, public)
	if err != nil {
		return minted{}, err
	}
	user := oauth.User{Client: client, Refresh: secret, Email: public.Email}
	t, rotated, _, err := user.Token(ctx, g.http, g.endpoints, g.v.now())
	return minted{access: t.Access, expires: t.Expires, rotated: rotated}, err
}

// client opens the OAuth client that the consent was given to.
func (g *google) client(ctx context.Context, team email.ID, public UserPublic) (*oauth.Client, error) {
	_, secret, err := g.v.Secret(ctx, team, public.Client)
	if errors.Is(err, store.ErrNotFound) {
		return nil, clientGone(public, "is no longer there")
	}
	if err != nil {
		return nil, err
	}
	client, err := oauth.ParseClient([]byte(secret.Reveal()), g.endpoints)
	if err != nil {
		return nil, unusable(public.Client, err, "Download the OAuth client's file again and store it in place of this one.")
	}
	if public.ClientID != "" && client.ID() != public.ClientID {
		return nil, clientGone(public, "now holds "+client.ID())
	}
	return client, nil
}

// unusable is a credential that cannot even be read.
func unusable(id email.ID, err error, fix string) error {
	return oauth.Held("credential_unusable", fmt.Sprintf("The credential %s cannot be used: %v.", id, err), fix, err)
}

func clientGone(public UserPublic, how string) error {
	text := fmt.Sprintf("The consent of %s was given to OAuth client %s, and the credential %s %s.", public.Email, public.ClientID, public.Client, how)
	return oauth.Held("client_unknown", text, "Connect the account again: a consent holds for one client alone.", nil)
}
