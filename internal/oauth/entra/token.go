package entra

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
)

// Token asks for a token with which the app acts by itself, for .default of one
// resource (client credentials,
// learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow). It
// makes one request and follows no redirect; every error is a *provider.Error. Which
// permissions the token has, the resource alone will say. A nil client means the
// system's network.
func (a *App) Token(ctx context.Context, client *http.Client, at Endpoints, scopes []string, now time.Time) (oauth.Token, error) {
	if wrong := a.appOnly(); wrong != nil {
		return oauth.Token{}, a.notByItself(wrong)
	}
	if err := appScopes(scopes); err != nil {
		return oauth.Token{}, wrongScopes(scopes, err)
	}
	q := question{app: a, at: at, scopes: scopes, form: url.Values{
		"grant_type": {"client_credentials"}, "scope": {strings.Join(scopes, " ")},
	}}
	got, err := q.ask(ctx, client, now)
	if err != nil {
		return oauth.Token{}, err
	}
	return got.token(now), nil
}

// notByItself and wrongScopes are requests that are not sent, because Entra would
// refuse them. The causes are the catalogue's for its refusals.
func (a *App) notByItself(wrong oauth.KeyFileError) error {
	cause, what := "tenant_needed", "tenant"
	if wrong[0].Field != what {
		cause, what = "client_secret_missing", "client secret"
	}
	return oauth.Held(cause, "The app "+a.id+" cannot act by itself: its "+what+" "+wrong[0].Message+".",
		"Correct the credential, or connect mailboxes by their users' consent.", wrong)
}

func wrongScopes(scopes []string, err error) error {
	cause := "scope_unknown"
	if len(resources(scopes)) > 1 {
		cause = "scopes_mixed"
	}
	return oauth.Held(cause, "No token can be asked for: "+err.Error()+".", "Correct the scopes.", err)
}

// ResourceOf is OneResource with a *provider.Error, as requests for tokens give it.
func ResourceOf(scopes []string) (string, error) {
	resource, err := OneResource(scopes)
	if err != nil {
		return "", wrongScopes(scopes, err)
	}
	return resource, nil
}

// User is a mailbox whose user has consented.
type User struct {
	App     *App
	Refresh email.Secret
	Tenant  string // the user's own, Grant.Tenant; empty: the app's
	Email   string // the mailbox, for the words of errors
	Public  bool   // Grant.Public: the app's secret or certificate is not shown
}

// Token asks for an access token for scopes of one resource
// (learn.microsoft.com/entra/identity-platform/refresh-tokens). It makes one request
// and follows no redirect; every error is a *provider.Error.
//
// rotated is a refresh token that replaces the one in use, as Entra gives one nearly
// each time; it serves all resources. It must be kept before the access token is used.
// granted is nil where the answer names no scopes: then they are those asked for.
func (u User) Token(ctx context.Context, client *http.Client, at Endpoints, scopes []string, now time.Time) (t oauth.Token, rotated email.Secret, granted []string, err error) {
	resource, err := ResourceOf(scopes)
	if err != nil {
		return oauth.Token{}, email.Secret{}, nil, err
	}
	q := question{app: u.App, at: at, tenant: u.Tenant, scopes: scopes, subject: u.Email, public: u.Public, form: url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {u.Refresh.Reveal()}, "scope": {strings.Join(withOpenID(scopes), " ")},
	}}
	got, err := q.ask(ctx, client, now)
	if err != nil {
		return oauth.Token{}, email.Secret{}, nil, err
	}
	if got.RefreshToken != u.Refresh.Reveal() {
		rotated = email.NewSecret(got.RefreshToken)
	}
	if got.Scope != "" {
		granted = answered(got.Scope, resource)
	}
	return got.token(now), rotated, granted, nil
}

// withOpenID adds the scopes for who consents and for a refresh token.
func withOpenID(scopes []string) []string {
	all := slices.Clone(scopes)
	for _, s := range openID() {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
