package oauth_test

import (
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"testing"
	"time"

	"gatepost/internal/oauth"
	"gatepost/internal/provider"
	"gatepost/internal/sandbox"
)

// startWorld starts a world and gives a client that trusts it.
func startWorld(t *testing.T) (*sandbox.World, *http.Client) {
	t.Helper()
	w, err := sandbox.Start(sandbox.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	pem, err := os.ReadFile(w.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: provider.TLSConfig("127.0.0.1", pool)}}
	t.Cleanup(client.CloseIdleConnections)
	return w, client
}

// TestAgainstTheWorld: an endpoint that truly verifies what it is given.
func TestAgainstTheWorld(t *testing.T) {
	w, client := startWorld(t)
	const send, look = "https://www.googleapis.com/auth/gmail.send", "https://www.googleapis.com/auth/gmail.metadata"
	account, err := oauth.ParseServiceAccount(w.ServiceAccountKey(send), w.GoogleURL+"/token")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		subject string
		scopes  []string
		now     time.Time
		cause   string // empty: a token
	}{
		{"ada@acme.example", []string{send}, time.Now(), ""},
		{"ada@acme.example", []string{send, look}, time.Now(), "delegation_missing"},
		{"ada@acme.example", []string{look}, time.Now(), "delegation_missing"},
		{"nobody@acme.example", []string{send}, time.Now(), "unknown_user"},
		{"ada@acme.example", []string{send}, time.Now().Add(-3 * time.Hour), "clock_off"},
		{"ada@acme.example", []string{send}, time.Now().Add(3 * time.Hour), "clock_off"},
	} {
		token, err := account.Token(t.Context(), client, c.subject, c.scopes, c.now)
		if c.cause == "" {
			if err != nil || token.Access.Empty() || token.Expires.Before(c.now.Add(50*time.Minute)) {
				t.Errorf("%s: until %v, %v", c.subject, token.Expires, err)
			}
			continue
		}
		if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != provider.Hold || e.Cause != c.cause {
			t.Errorf("%s %v: %v, want hold with cause %s", c.subject, c.scopes, err, c.cause)
		}
	}
	if _, err := account.Token(t.Context(), nil, "ada@acme.example", []string{send}, time.Now()); err == nil {
		t.Error("an endpoint of an unknown authority got the signed request")
	}
}
