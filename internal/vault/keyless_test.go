package vault_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/provider"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

// cloud is the world with a vault that gets tokens there without keys.
type cloud struct {
	*sandbox.World
	http  *http.Client
	store *store.Store
	vault *vault.Vault
}

func newCloud(t *testing.T) cloud {
	t.Helper()
	w, err := sandbox.Start(sandbox.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	client, err := trusting(w.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	st := storetest.Open(t, store.Options{Dir: t.TempDir()})
	at := oauth.KeylessAt(w.GoogleURL, w.MetadataURL)
	return cloud{w, client, st, open(t, st, 1, vault.WithGoogle(oauth.At(w.GoogleURL), client), vault.WithGoogleKeyless(vault.Keyless{At: at, May: identities(), HTTP: client}))}
}

// add keeps a credential.
func (c cloud) add(t *testing.T, id string, f oauth.KeylessFields) store.Credential {
	t.Helper()
	k, err := oauth.NewKeyless(f, oauth.KeylessAt(c.GoogleURL, c.MetadataURL), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := k.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	public, err := vault.PublicOfKeyless(k)
	if err != nil {
		t.Fatal(err)
	}
	return addRow(t, c.store, c.vault, id, vault.KindGoogleKeyless, public, text.Reveal())
}

// workload makes a pool, and a service account whose file reads the outside token.
func (c cloud) workload(t *testing.T, scopes ...string) sandbox.WorkloadAccount {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	a := c.AddWorkload(sandbox.WorkloadOptions{Scopes: scopes, TokenFile: path})
	var f struct {
		Audience string `json:"audience"`
	}
	if err := json.Unmarshal(a.File, &f); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(c.OutsideToken("https://issuer.example", f.Audience, "gatepost")), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// identities are all that these tests use.
func identities() oauth.KeylessIdentities {
	return oauth.KeylessIdentities{oauth.KeylessMetadata, filepath.Clean(os.TempDir()) + "/"}
}

func keylessAsk(credential email.ID, subject string) vault.TokenRequest {
	return vault.TokenRequest{Team: "team_1", Credential: credential, Subject: subject, Scopes: []string{oauth.ScopeSend}}
}

// send sends one message through the Gmail API with the credential's tokens.
func (c cloud) send(t *testing.T, credential, id email.ID) error {
	t.Helper()
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	const ada = "ada@acme.example"
	p, err := gmail.Kind().Open(provider.Account{ID: "acc_1", Address: ada, Config: json.RawMessage(`{"may_look":false}`)}, provider.Deps{
		BaseURL: c.GoogleURL, RootCAs: pool,
		Token: func(ctx context.Context, scopes []string, renew bool) (email.Secret, error) {
			return c.vault.Token(ctx, vault.TokenRequest{Team: "team_1", Credential: credential, Subject: ada, Scopes: scopes, Renew: renew})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := p.(io.Closer); ok {
		defer func() { _ = p.Close() }()
	}
	content := email.Bytes(fmt.Sprintf("From: %s\r\nTo: bob@world.example\r\nX-Gatepost-Id: %s\r\n\r\nhello\r\n", ada, id))
	_, err = p.Send(t.Context(), email.Envelope{From: ada, Recipients: []string{"bob@world.example"}}, content)
	return err
}

// wantTaken looks for the message in the world's ledger.
func (c cloud) wantTaken(t *testing.T, id email.ID) {
	t.Helper()
	ledger, err := os.ReadFile(c.LedgerFile)
	if err != nil {
		t.Fatal(err)
	}
	var found int
	for line := range strings.Lines(string(ledger)) {
		var e sandbox.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.GatepostID == id && e.Account == "ada@acme.example" {
			found++
		}
	}
	if found != 1 {
		t.Errorf("the world took %s %d times", id, found)
	}
}

// grants counts the calls for a kind of token.
func (c cloud) grants(part string) (n int) {
	for _, call := range c.TokenCalls() {
		if strings.Contains(call.Grant, part) {
			n++
		}
	}
	return n
}

// TestMailWithoutAKey: from an outside token, and from the machine, to a message that
// Gmail took.
func TestMailWithoutAKey(t *testing.T) {
	c := newCloud(t)
	a := c.workload(t, oauth.ScopeSend)
	row := c.add(t, "cred_pool", oauth.KeylessFields{File: a.File, ClientID: a.ClientID})
	var public vault.KeylessPublic
	if err := json.Unmarshal(row.Public, &public); err != nil || public.ClientEmail != a.Address || public.ClientID != a.ClientID || public.Source != oauth.KeylessFederation || public.Audience == "" {
		t.Errorf("public: %s, %v", row.Public, err)
	}
	c.AddMachine(sandbox.MachineOptions{Scopes: []string{oauth.ScopeSend}})
	c.add(t, "cred_machine", oauth.KeylessFields{Source: oauth.KeylessMetadata})
	for credential, id := range map[email.ID]email.ID{"cred_pool": "msg_pool", "cred_machine": "msg_machine"} {
		if err := c.send(t, credential, id); err != nil {
			t.Errorf("%s: %v", credential, err)
		}
		c.wantTaken(t, id)
	}
}

// TestOneIdentitySignsForAllUsers: the outside token is exchanged once, however many
// users ask at the same time, and again once the credential was replaced.
func TestOneIdentitySignsForAllUsers(t *testing.T) {
	c := newCloud(t)
	a := c.workload(t, oauth.ScopeSend)
	row := c.add(t, "cred_pool", oauth.KeylessFields{File: a.File})
	users := []string{"ada@acme.example", "ben@acme.example", "cleo@acme.example", "dan@acme.example"}
	askAllUsers := func() {
		t.Helper()
		var all sync.WaitGroup
		for _, user := range users {
			all.Go(func() {
				if _, err := c.vault.Token(t.Context(), keylessAsk("cred_pool", user)); err != nil {
					t.Errorf("%s: %v", user, err)
				}
			})
		}
		all.Wait()
	}
	askAllUsers()
	askAllUsers()
	if exchanged, signed := c.grants("token-exchange"), c.grants("jwt-bearer"); exchanged != 1 || signed != len(users) {
		t.Errorf("%d exchanges, %d tokens", exchanged, signed)
	}
	row.UpdatedAt = row.UpdatedAt.Add(time.Second)
	if err := c.store.ReplaceCredential(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	askAllUsers()
	if exchanged := c.grants("token-exchange"); exchanged != 2 {
		t.Errorf("%d exchanges after the credential was replaced", exchanged)
	}
}

// TestRefusedIdentityIsReplacedOnce: Google no longer takes the token of the machine,
// which is fetched again, once.
func TestRefusedIdentityIsReplacedOnce(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	alive := "canary-1" // the machine's token that signJwt takes
	given := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, what, _ := strings.Cut(r.URL.Path, "ccounts/") // serviceAccounts, or service-accounts of the machine
		asked = append(asked, what)
		w.Header().Set("Metadata-Flavor", "Google")
		switch {
		case strings.HasSuffix(r.URL.Path, "/email"):
			fmt.Fprint(w, "robot@p.iam.gserviceaccount.com")
		case strings.HasSuffix(r.URL.Path, "/default/token"):
			given++
			fmt.Fprintf(w, `{"access_token":"canary-%d","expires_in":3599,"token_type":"Bearer"}`, given)
		case !strings.HasSuffix(r.URL.Path, ":signJwt"):
			fmt.Fprint(w, `{"access_token":"ya29.canary-T1","expires_in":3599,"token_type":"Bearer"}`)
		case r.Header.Get("Authorization") != "Bearer "+alive:
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}`)
		default:
			fmt.Fprint(w, `{"keyId":"k","signedJwt":"a.b.c"}`)
		}
	}))
	t.Cleanup(srv.Close)
	st := storetest.Open(t, store.Options{Dir: t.TempDir()})
	v := open(t, st, 1, vault.WithGoogleKeyless(vault.Keyless{At: oauth.KeylessAt(srv.URL, srv.URL), May: identities(), HTTP: srv.Client()}))
	addRow(t, st, v, "cred_machine", vault.KindGoogleKeyless, map[string]string{}, `{"source":"metadata"}`)
	wantToken(t, v, keylessAsk("cred_machine", "ada@acme.example"), "T1")
	mu.Lock()
	alive, asked = "canary-2", nil
	mu.Unlock()
	wantToken(t, v, keylessAsk("cred_machine", "ben@acme.example"), "T1")
	sign, machine := "robot@p.iam.gserviceaccount.com:signJwt", "default/email default/token "
	if got := strings.Join(asked, " "); got != sign+" "+machine+sign+" " {
		t.Errorf("asked for %q", got)
	}
	mu.Lock()
	alive, asked = "none", nil
	mu.Unlock()
	wantCause(t, v, keylessAsk("cred_machine", "cleo@acme.example"), provider.CauseCallerRefused)
	if got := strings.Join(asked, " "); got != sign+" "+machine+sign {
		t.Errorf("asked for %q", got)
	}
}

// TestKeylessCredentialsThatGiveNoToken: and what the rest of the vault says of the kind.
func TestKeylessCredentialsThatGiveNoToken(t *testing.T) {
	c := newCloud(t)
	a := c.workload(t)
	c.add(t, "cred_pool", oauth.KeylessFields{File: a.File, ClientID: a.ClientID})
	e := wantCause(t, c.vault, keylessAsk("cred_pool", "ada@acme.example"), "delegation_missing")
	if e.Class != provider.Hold || !strings.Contains(e.Fix, a.ClientID) {
		t.Errorf("%s %s", e.Text, e.Fix)
	}
	addRow(t, c.store, c.vault, "cred_odd", vault.KindGoogleKeyless, map[string]string{}, `{"source":"external_account","file":{"type":"external_account","credential_source":{"executable":{"command":"canary"}}}}`)
	if e := wantCause(t, c.vault, keylessAsk("cred_odd", "ada@acme.example"), "credential_unusable"); !strings.Contains(e.Text, "gatepost runs no programs") {
		t.Errorf("%s", e.Text)
	}
	addRow(t, c.store, c.vault, "cred_pw", vault.KindPassword, map[string]string{}, "canary")
	if e := wantCause(t, c.vault, keylessAsk("cred_pw", "ada@acme.example"), "wrong_credential"); !strings.Contains(e.Fix, vault.KindGoogleKeyless) {
		t.Errorf("%s", e.Fix)
	}
}

// TestForgottenIdentityIsAskedForAgain: who asks to try a credential again gets the
// service account that the machine has now.
func TestForgottenIdentityIsAskedForAgain(t *testing.T) {
	c := newCloud(t)
	c.add(t, "cred_machine", oauth.KeylessFields{Source: oauth.KeylessMetadata})
	account := ""
	ask := func(user string) {
		t.Helper()
		if _, err := c.vault.Token(t.Context(), keylessAsk("cred_machine", user)); err != nil {
			t.Fatal(err)
		}
		for _, call := range c.TokenCalls() {
			if strings.Contains(call.Grant, "jwt-bearer") {
				account = call.Client
			}
		}
	}
	first := c.AddMachine(sandbox.MachineOptions{Scopes: []string{oauth.ScopeSend}})
	ask("ada@acme.example")
	second := c.AddMachine(sandbox.MachineOptions{Scopes: []string{oauth.ScopeSend}})
	ask("ben@acme.example")
	if account != first.Address {
		t.Errorf("%s signed before, want %s", account, first.Address)
	}
	c.vault.ForgetFor("cred_machine", "ada@acme.example")
	ask("ada@acme.example")
	if account != second.Address || c.grants("metadata") != 2 {
		t.Errorf("%s signed after, want %s; the machine was asked %d times", account, second.Address, c.grants("metadata"))
	}
}

// TestIdentityThatTheListHasNoMore: the credential that was stored is not used.
func TestIdentityThatTheListHasNoMore(t *testing.T) {
	c := newCloud(t)
	c.AddMachine(sandbox.MachineOptions{Scopes: []string{oauth.ScopeSend}})
	c.add(t, "cred_machine", oauth.KeylessFields{Source: oauth.KeylessMetadata})
	v := open(t, c.store, 1, vault.WithGoogleKeyless(vault.Keyless{At: oauth.KeylessAt(c.GoogleURL, c.MetadataURL), HTTP: c.http}))
	wantCause(t, v, keylessAsk("cred_machine", "ada@acme.example"), oauth.CauseNotAllowed)
	if n := c.grants("metadata"); n != 0 {
		t.Errorf("the machine was asked %d times", n)
	}
}
