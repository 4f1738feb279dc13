package monitor

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

const team = "team_1"

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// world is a database with a team, a token endpoint that both providers share, and a
// clock.
type world struct {
	t     *testing.T
	opt   store.Options
	store *store.Store
	vault *vault.Vault
	end   *tokenEnd
	clock clock
}

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// tokenEnd is a token endpoint that counts who comes with which refresh token.
type tokenEnd struct {
	*httptest.Server
	mu     sync.Mutex
	asked  map[string]int
	status int    // to answer with; 0: a token
	body   string // of such an answer
}

func (e *tokenEnd) answer(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked[r.PostForm.Get("refresh_token")]++
	w.Header().Set("Content-Type", "application/json")
	if e.status != 0 {
		w.WriteHeader(e.status)
		fmt.Fprint(w, e.body)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "at", "expires_in": 3599, "token_type": "Bearer", "scope": r.PostForm.Get("scope")})
}

func (e *tokenEnd) refuse(status int, body string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status, e.body = status, body
}

// calls is how many calls there were, and how many with the same token at the most.
func (e *tokenEnd) calls() (all, most int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range e.asked {
		all, most = all+n, max(most, n)
	}
	return all, most
}

func newWorld(t *testing.T, opt store.Options) *world {
	t.Helper()
	e := &tokenEnd{asked: map[string]int{}}
	e.Server = httptest.NewTLSServer(http.HandlerFunc(e.answer))
	t.Cleanup(e.Close)
	w := &world{t: t, opt: opt, end: e}
	w.clock.set(start)
	if opt.Database == "" { // PostgreSQL has a clock of its own
		opt.Now = w.clock.now
	}
	w.store = storetest.Open(t, opt)
	w.vault = w.newVault(w.store)
	_, err := w.store.FirstTeam(t.Context(), store.Team{ID: team, Name: "t", CreatedAt: start})
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) newVault(st *store.Store) *vault.Vault {
	text := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	master, _, err := vault.LoadMaster(vault.Source{Value: email.NewSecret(text)})
	w.must(err)
	v := vault.New(st, master, rand.Reader, w.clock.now,
		vault.WithGoogle(oauth.At(w.end.URL), w.end.Client()), vault.WithMicrosoft(entra.At(w.end.URL), w.end.Client()))
	w.must(v.Start(w.t.Context()))
	return v
}

// other is another node of the same database; on SQLite another watch of the same
// process.
func (w *world) other() *store.Store {
	if w.opt.Database == "" {
		return w.store
	}
	return storetest.Open(w.t, w.opt)
}

// watch is what a node that has just started has.
func (w *world) watch(st *store.Store, change ...func(*WatchConfig)) *Watch {
	w.t.Helper()
	cfg := WatchConfig{Store: st, Vault: w.newVault(st), Now: w.clock.now}
	for _, c := range change {
		c(&cfg)
	}
	x, err := NewWatch(cfg)
	w.must(err)
	return x
}

// credential keeps one that was stored at a time.
func (w *world) credential(id, kind string, public any, secret string, at time.Time) {
	w.t.Helper()
	text, err := json.Marshal(public)
	w.must(err)
	sealed, err := w.vault.SealSecret(w.t.Context(), team, id, email.NewSecret(secret))
	w.must(err)
	w.must(w.store.AddCredential(w.t.Context(), store.Credential{Team: team, ID: id, Kind: kind, Name: id, Public: text, Sealed: sealed, CreatedAt: at}))
}

// app keeps an app registration whose secret ends at a time.
func (w *world) app(id string, ends string) {
	w.t.Helper()
	w.credential(id, vault.KindMicrosoftApp, vault.MicrosoftAppPublic{Tenant: "contoso.example", ClientID: "1111", Auth: entra.AuthSecret, ExpiresAt: ends}, "s", start)
}

// users keeps an OAuth client and consents of users to it, given at a time.
func (w *world) users(at time.Time, n int) {
	w.t.Helper()
	client, err := oauth.NewClient(oauth.ClientWeb, "117-abc.apps.googleusercontent.com", email.NewSecret("GOCSPX-s"), nil)
	w.must(err)
	text, err := client.Marshal()
	w.must(err)
	w.credential("cred_client", vault.KindOAuthClient, map[string]string{"client_id": client.ID()}, text.Reveal(), at)
	for i := range n {
		id := fmt.Sprintf("cred_user%03d", i)
		w.credential(id, vault.KindGoogleUser, user("cred_client"), "1//"+id, at)
	}
}

// unused dates all consents back.
func (w *world) unused(since time.Time) {
	w.t.Helper()
	all, err := w.store.Credentials(w.t.Context(), team)
	w.must(err)
	for _, c := range all {
		if c.Kind == vault.KindGoogleUser {
			c.UpdatedAt = since
			w.must(w.store.ReplaceCredential(w.t.Context(), c))
		}
	}
}

func user(client string) vault.UserPublic {
	return vault.UserPublic{
		Email: "grace@gmail.example", Subject: "1", Scopes: oauth.ScopeSend, Purposes: "send", Client: client, ClientID: "117-abc.apps.googleusercontent.com",
	}
}

func (w *world) account(id, address, transport, credential, config string) {
	w.t.Helper()
	w.must(w.store.AddAccount(w.t.Context(), &store.Account{
		Team: team, ID: id, Address: address, Transport: transport, Credential: credential, Config: json.RawMessage(config), CreatedAt: start,
	}))
}

func (w *world) expiries() []Expiry {
	w.t.Helper()
	all, err := w.watch(w.store).Expiries(w.t.Context(), team)
	w.must(err)
	return all
}
