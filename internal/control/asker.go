package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
)

// asker is who asks users for consent: an OAuth client of Google's, or an app
// registration of Microsoft's.
type asker interface {
	// ID is the client id.
	ID() string
	vendor() vendor
	// redirectProblem tells why a browser cannot be sent back to an address.
	redirectProblem(uri string) error
	// address is where the user's browser is sent, and what is asked for there.
	address(q question) (url string, scopes []string)
	// exchange turns a code into what was granted. Beside an error may stand what has to
	// be given back.
	exchange(ctx context.Context, q question, code string) (granted, error)
	// issuedBy tells whether an answer that names its issuer comes from this provider.
	issuedBy(issuer string) bool
	// settings are those of an account that the asker decides.
	settings() map[string]any
}

// question is one consent, the same for address and exchange.
type question struct {
	redirect               string
	purposes               []oauth.Purpose
	hint                   string
	own                    bool // it ends on the caller's own machine, not at gatepost
	state, verifier, nonce string
}

// granted is what a user agreed to.
type granted struct {
	refresh                email.Secret
	scopes                 []string
	subject, tenant, email string
	public                 bool      // its refresh token is used without the app's secret
	ends                   time.Time // of the refresh token; zero: nobody said
}

// asker opens the credential that asks for consent.
func (c *Control) asker(ctx context.Context, team, id email.ID) (asker, error) {
	if err := known(email.PrefixCredential, id); err != nil {
		return nil, err
	}
	row, err := c.cfg.Store.Credential(ctx, team, id)
	if err != nil {
		return nil, err
	}
	if row.Kind == KindMicrosoftApp {
		app, err := c.app(ctx, team, id)
		if err != nil {
			return nil, err
		}
		return &entraAsker{app, c.cfg.Entra, c.cfg.HTTP, c.cfg.Now}, nil
	}
	client, err := c.client(ctx, team, id)
	if err != nil {
		return nil, err
	}
	return &googleAsker{client, c.cfg.Endpoints, c.cfg.HTTP, c.cfg.Now, publicOf(row.Public, "testing") == "true"}, nil
}

type googleAsker struct {
	*oauth.Client
	at      oauth.Endpoints
	http    *http.Client
	now     func() time.Time
	testing bool // its owner says that its app is in Testing
}

func (a *googleAsker) vendor() vendor                   { return atGoogle{} }
func (a *googleAsker) redirectProblem(uri string) error { return oauth.CheckRedirectURI(a.Client, uri) }
func (a *googleAsker) issuedBy(issuer string) bool      { return a.at.IssuedBy(issuer) }
func (a *googleAsker) settings() map[string]any         { return nil }

func (a *googleAsker) consent(q question) oauth.Consent {
	return oauth.Consent{
		Client: a.Client, Endpoints: a.at, Redirect: q.redirect, Scopes: oauth.ScopesFor(q.purposes),
		Hint: q.hint, State: q.state, Verifier: q.verifier, Nonce: q.nonce,
	}
}

func (a *googleAsker) address(q question) (string, []string) {
	ask := a.consent(q)
	return ask.URL(), ask.Scopes
}

func (a *googleAsker) exchange(ctx context.Context, q question, code string) (granted, error) {
	g, err := a.consent(q).Exchange(ctx, a.http, code, a.now())
	if a.testing && g.RefreshExpires.IsZero() {
		g.RefreshExpires = a.now().Add(oauth.TestingLife)
	}
	return granted{refresh: g.Refresh, scopes: g.Scopes, subject: g.Subject, email: g.Email, ends: g.RefreshExpires}, err
}

type entraAsker struct {
	app  *entra.App
	at   entra.Endpoints
	http *http.Client
	now  func() time.Time
}

func (a *entraAsker) ID() string                       { return a.app.ID() }
func (a *entraAsker) vendor() vendor                   { return atMicrosoft{a.app.Cloud().Resources()} }
func (a *entraAsker) redirectProblem(uri string) error { return entra.CheckRedirectURI(uri) }

// issuedBy: Entra ID names no issuer in its answers (RFC 9207); the ID token does, and
// is looked at.
func (a *entraAsker) issuedBy(string) bool { return true }

func (a *entraAsker) settings() map[string]any {
	return map[string]any{"app_only": false, "cloud": string(a.app.Cloud())}
}

// consent is asked for as a public client where it comes back to the user's own
// machine: such an address is registered for those, and Entra ID refuses a secret with
// it (AADSTS700025).
func (a *entraAsker) consent(q question) (entra.Consent, error) {
	app := a.app
	if q.own {
		var err error
		if app, err = a.asPublic(); err != nil {
			return entra.Consent{}, err
		}
	}
	return entra.Consent{
		App: app, Endpoints: a.at, Redirect: q.redirect, Scopes: a.vendor().scopes(q.purposes),
		Hint: q.hint, State: q.state, Verifier: q.verifier, Nonce: q.nonce,
	}, nil
}

// asPublic is the app without its secret.
func (a *entraAsker) asPublic() (*entra.App, error) {
	app, err := entra.NewApp(entra.AppFields{Tenant: a.app.Tenant(), ClientID: a.app.ID(), Cloud: string(a.app.Cloud())}, a.now())
	if err != nil {
		return nil, fmt.Errorf("app registration %s: %w", a.app.ID(), err)
	}
	return app, nil
}

func (a *entraAsker) address(q question) (string, []string) {
	ask, err := a.consent(q)
	if err != nil {
		return "", nil // its fields were checked when it was stored
	}
	return ask.URL(), ask.Scopes
}

func (a *entraAsker) exchange(ctx context.Context, q question, code string) (granted, error) {
	ask, err := a.consent(q)
	if err != nil {
		return granted{}, err
	}
	g, err := ask.Exchange(ctx, a.http, code, a.now())
	out := grantedBy(g)
	out.public = out.public || q.own
	return out, err
}

func grantedBy(g entra.Grant) granted {
	return granted{refresh: g.Refresh, scopes: g.Scopes, subject: g.Subject, tenant: g.Tenant, email: g.Email, public: g.Public}
}

// errOtherKind says that a credential asks nobody for consent.
var errOtherKind = errors.New("is not an OAuth client")
