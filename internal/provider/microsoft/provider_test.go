package microsoft_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/provider"
	"gatepost/internal/provider/microsoft"
	"gatepost/internal/provider/providertest"
	"gatepost/internal/sandbox"
)

const ada = "ada@" + sandbox.MicrosoftDomain

// TestProvider: an app by itself, with messages as they are; and by way of drafts.
func TestProvider(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		noID   bool
	}{
		"sendMail": {`{"app_only":true,"max_parallel":4}`, true},
		"drafts":   {`{"app_only":true,"max_parallel":4,"draft_fence":true,"max_size":3145728}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) providertest.Harness {
				w := providertest.StartWorld(t)
				return providertest.Harness{
					World: w, From: ada, MaxSize: 3 << 20, ID: immutableID, NoID: c.noID,
					Open: func(t *testing.T, o providertest.Options) provider.Provider {
						return open(t, w, account{options: o, config: c.config, token: appTokens(t, w, o, "Mail.Send", "Mail.ReadWrite")})
					},
				}
			})
		})
	}
}

// TestDelegatedProvider: a user's consent.
func TestDelegatedProvider(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Harness {
		w := providertest.StartWorld(t)
		return providertest.Harness{
			World: w, From: ada, MaxSize: 3 << 20, ID: immutableID, NoID: true,
			Open: func(t *testing.T, o providertest.Options) provider.Provider {
				return open(t, w, account{options: o, token: userTokens(t, w, o, ada, "https://graph.microsoft.com/Mail.Send", "https://graph.microsoft.com/Mail.ReadBasic")})
			},
		}
	})
}

// immutableID is the world's immutable id of a message.
func immutableID(id string) string {
	return "AAkALgAA" + base64.URLEncoding.EncodeToString([]byte("I:"+id+":Z2F0ZXBvc3Q="))
}

// account says what to open.
type account struct {
	options providertest.Options
	kind    provider.Kind // zero: Graph
	address string        // empty: ada
	config  string
	token   tokenFunc
}

type tokenFunc = func(ctx context.Context, scopes []string, renew bool) (email.Secret, error)

func open(t *testing.T, w *sandbox.World, a account) provider.Provider {
	t.Helper()
	if a.kind.Open == nil {
		a.kind = microsoft.Kind()
	}
	if a.address == "" {
		a.address = ada
	}
	deps := provider.Deps{
		Dial: a.options.Dial, Trace: a.options.Trace, Token: a.token, BaseURL: w.MicrosoftURL, SMTPAddress: w.ExchangeSMTPAddr,
	}
	if !a.options.Distrust {
		deps.RootCAs = authority(t, w)
	}
	p, err := a.kind.Open(provider.Account{ID: "acc_test", Address: a.address, Config: json.RawMessage(a.config)}, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.(provider.Closer).Close() })
	return p
}

// newApp registers an app with application permissions, by the names of Graph and
// Exchange.
func newApp(t *testing.T, w *sandbox.World, roles ...string) sandbox.App {
	t.Helper()
	app, err := w.AddApp(sandbox.AppOptions{Roles: roles, Audience: sandbox.AudienceAll, RedirectURIs: []string{redirect}})
	if err != nil {
		t.Fatal(err)
	}
	return app
}

const redirect = "https://app.contoso.example/callback"

// appTokens are those that a new app with these roles gets by itself.
func appTokens(t *testing.T, w *sandbox.World, o providertest.Options, roles ...string) tokenFunc {
	t.Helper()
	return tokensOf(t, w, o, newApp(t, w, roles...))
}

func tokensOf(t *testing.T, w *sandbox.World, o providertest.Options, app sandbox.App) tokenFunc {
	t.Helper()
	secret := app.Secret
	if o.BadCredential {
		secret = "abc8Q~" + strings.Repeat("x", 34)
	}
	a, err := entra.NewApp(entra.AppFields{Tenant: app.TenantID, ClientID: app.ClientID, Secret: email.NewSecret(secret)}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	at, client := entra.At(w.MicrosoftURL), httpClient(t, w)
	return kept(func(ctx context.Context, scopes []string) (oauth.Token, error) {
		return a.Token(ctx, client, at, scopes, time.Now())
	})
}

// userTokens are those of a user who consents to these scopes.
func userTokens(t *testing.T, w *sandbox.World, o providertest.Options, user string, granted ...string) tokenFunc {
	t.Helper()
	app := newApp(t, w)
	a, err := entra.NewApp(entra.AppFields{Tenant: "organizations", ClientID: app.ClientID, Secret: email.NewSecret(app.Secret)}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	at, client := entra.At(w.MicrosoftURL), httpClient(t, w)
	c := entra.Consent{App: a, Endpoints: at, Redirect: redirect, Scopes: granted, Hint: user, State: "s", Verifier: strings.Repeat("v", 43), Nonce: "n"}
	to, err := w.Decide(c.URL(), sandbox.Decision{Account: user})
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(to, "code=")
	code, _, _ = strings.Cut(code, "&")
	grant, err := c.Exchange(t.Context(), client, code, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if o.BadCredential {
		w.RevokeMicrosoft(user)
	}
	refresh := grant.Refresh
	return kept(func(ctx context.Context, scopes []string) (oauth.Token, error) {
		u := entra.User{App: a, Refresh: refresh, Tenant: grant.Tenant, Email: grant.Email}
		tok, rotated, _, err := u.Token(ctx, client, at, scopes, time.Now())
		if !rotated.Empty() {
			refresh = rotated
		}
		return tok, err
	})
}

// kept is a small vault: a token for each scope, kept until it is refused.
func kept(mint func(context.Context, []string) (oauth.Token, error)) tokenFunc {
	var mu sync.Mutex
	tokens := map[string]email.Secret{}
	return func(ctx context.Context, scopes []string, renew bool) (email.Secret, error) {
		mu.Lock()
		defer mu.Unlock()
		if tok, ok := tokens[scopes[0]]; ok && !renew {
			return tok, nil
		}
		tok, err := mint(ctx, scopes)
		if err != nil {
			return email.Secret{}, err
		}
		tokens[scopes[0]] = tok.Access
		return tok.Access, nil
	}
}

func httpClient(t *testing.T, w *sandbox.World) *http.Client {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: provider.TLSConfig("127.0.0.1", authority(t, w))}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func authority(t *testing.T, w *sandbox.World) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(w.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in ca.pem")
	}
	return pool
}

// problemOf is the error of a send.
func problemOf(t *testing.T, err error) *provider.Error {
	t.Helper()
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		t.Fatalf("the error is %v, want a *provider.Error", err)
	}
	return e
}
