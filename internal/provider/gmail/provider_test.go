package gmail_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/provider"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/provider/providertest"
	"gatepost/internal/sandbox"
)

func TestProvider(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Harness {
		w := providertest.StartWorld(t)
		return providertest.Harness{
			World:   w,
			From:    "ada@acme.example",
			MaxSize: 36_700_160,
			Open: func(t *testing.T, o providertest.Options) provider.Provider {
				return open(t, w, o, "ada@acme.example", `{}`)
			},
		}
	})
}

// open opens an account of a new service account in the world.
func open(t *testing.T, w *sandbox.World, o providertest.Options, address, config string) provider.Provider {
	t.Helper()
	scopes := []string{gmail.ScopeSend, gmail.ScopeLook}
	if o.BadCredential {
		scopes = nil
	}
	return openWithScopes(t, w, o, address, config, scopes)
}

// openScoped opens an account whose delegation covers just these scopes.
func openScoped(t *testing.T, w *sandbox.World, address, config string, scopes ...string) provider.Provider {
	t.Helper()
	return openWithScopes(t, w, providertest.Options{}, address, config, scopes)
}

func openWithScopes(t *testing.T, w *sandbox.World, o providertest.Options, address, config string, scopes []string) provider.Provider {
	t.Helper()
	deps := provider.Deps{Dial: o.Dial, Trace: o.Trace, BaseURL: w.GoogleURL, Token: tokens(t, w, address, scopes...)}
	if !o.Distrust {
		deps.RootCAs = authority(t, w)
	}
	p, err := gmail.Kind().Open(provider.Account{ID: "acc_test", Address: address, Config: json.RawMessage(config)}, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.(provider.Closer).Close() })
	return p
}

// tokens is a small vault: a token for each scope, kept until it is refused.
func tokens(t *testing.T, w *sandbox.World, subject string, delegated ...string) func(context.Context, []string, bool) (email.Secret, error) {
	t.Helper()
	account, err := oauth.ParseServiceAccount(w.ServiceAccountKey(delegated...), w.GoogleURL+"/token")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: provider.TLSConfig("127.0.0.1", authority(t, w))}}
	t.Cleanup(client.CloseIdleConnections)
	var mu sync.Mutex
	kept := map[string]oauth.Token{}
	return func(ctx context.Context, scopes []string, renew bool) (email.Secret, error) {
		mu.Lock()
		defer mu.Unlock()
		if tok, ok := kept[scopes[0]]; ok && !renew {
			return tok.Access, nil
		}
		tok, err := account.Token(ctx, client, subject, scopes, time.Now())
		if err != nil {
			return email.Secret{}, err
		}
		kept[scopes[0]] = tok
		return tok.Access, nil
	}
}

// readLedger is all that the world took.
func readLedger(t *testing.T, w *sandbox.World) string {
	t.Helper()
	all, err := os.ReadFile(w.LedgerFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
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
