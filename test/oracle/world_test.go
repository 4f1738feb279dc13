package oracle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/gmail/v1"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"gatepost/internal/sandbox"
)

// world is a simulated Google and a client that trusts it.
type world struct {
	*sandbox.World
	t      *testing.T
	client *http.Client
	ctx    context.Context
}

func newWorld(t *testing.T) *world {
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
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(client.CloseIdleConnections)
	return &world{World: w, t: t, client: client, ctx: context.WithValue(t.Context(), oauth2.HTTPClient, client)}
}

// mailbox is the Gmail API as a user, with what a service account may do for him.
func (w *world) mailbox(user string, scopes ...string) *gmail.Service {
	w.t.Helper()
	cfg, err := google.JWTConfigFromJSON(w.ServiceAccountKey(scopes...), scopes...)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.Subject = user
	return w.service(cfg.TokenSource(w.ctx))
}

func (w *world) service(source oauth2.TokenSource) *gmail.Service {
	w.t.Helper()
	s, err := gmail.NewService(w.ctx, option.WithEndpoint(w.GoogleURL), option.WithHTTPClient(oauth2.NewClient(w.ctx, source)))
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// raw is a message as messages.send takes it.
func raw(message string) *gmail.Message {
	return &gmail.Message{Raw: base64.URLEncoding.EncodeToString([]byte(message))}
}

// refused is the library's view of an error: status and first reason.
func refused(t *testing.T, err error, code int, reason string) *googleapi.Error {
	t.Helper()
	var e *googleapi.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no googleapi.Error", err)
	}
	got := ""
	if len(e.Errors) > 0 {
		got = e.Errors[0].Reason
	}
	if e.Code != code || got != reason {
		t.Errorf("%d %q (%s), want %d %q", e.Code, got, e.Message, code, reason)
	}
	return e
}
