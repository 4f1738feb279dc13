package vault_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

const clientID = "117-abc.apps.googleusercontent.com"

// endpoint is a token endpoint that gives T1, T2 … for refresh tokens, or what
// the test wants.
type endpoint struct {
	*httptest.Server
	mu      sync.Mutex
	asked   []string // the refresh tokens, in order
	times   []time.Time
	rotate  string // a new refresh token to give, once
	refuse  string // an OAuth error to give
	arrived chan struct{}
	gate    chan struct{} // when set, answers wait for it
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{arrived: make(chan struct{}, 1000)}
	e.Server = httptest.NewServer(http.HandlerFunc(e.answer))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) answer(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	e.mu.Lock()
	e.asked, e.times = append(e.asked, r.PostForm.Get("refresh_token")), append(e.times, time.Now())
	n, rotate, refuse, gate := len(e.asked), e.rotate, e.refuse, e.gate
	e.rotate = ""
	e.mu.Unlock()
	e.arrived <- struct{}{}
	if gate != nil {
		select {
		case <-gate:
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if refuse != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":%q,"error_description":"Token has been expired or revoked."}`, refuse)
		return
	}
	answer := map[string]any{"access_token": fmt.Sprint("ya29.canary-T", n), "expires_in": 3599, "token_type": "Bearer"}
	if rotate != "" {
		answer["refresh_token"] = rotate
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (e *endpoint) set(change func(e *endpoint)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e)
}

// wantAsked compares the refresh tokens that came.
func (e *endpoint) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if strings.Join(e.asked, " ") != strings.Join(want, " ") {
		t.Errorf("asked with %q, want %q", e.asked, want)
	}
}

// vault makes a vault that gets its tokens from the endpoint.
func (e *endpoint) vault(t testing.TB, st *store.Store) *vault.Vault {
	t.Helper()
	return open(t, st, 1, vault.WithGoogle(oauth.At(e.URL), e.Client()))
}

// addRow keeps a credential of a kind.
func addRow(t testing.TB, st *store.Store, v *vault.Vault, id, kind string, public any, secret string) store.Credential {
	t.Helper()
	sealed, err := v.SealSecret(t.Context(), "team_1", id, email.NewSecret(secret))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(public)
	if err != nil {
		t.Fatal(err)
	}
	c := store.Credential{Team: "team_1", ID: id, Kind: kind, Name: id, Public: text, Sealed: sealed, CreatedAt: time.Now().Truncate(time.Millisecond)}
	c.UpdatedAt = c.CreatedAt
	if err := st.AddCredential(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// addUser keeps an OAuth client and a user who consented to sending alone.
func addUser(t testing.TB, st *store.Store, v *vault.Vault) store.Credential {
	t.Helper()
	client, err := oauth.NewClient(oauth.ClientWeb, clientID, email.NewSecret("GOCSPX-canary"), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := client.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	addRow(t, st, v, "cred_client", vault.KindOAuthClient, map[string]string{"client_id": clientID, "type": "web"}, text.Reveal())
	return addRow(t, st, v, "cred_user", vault.KindGoogleUser, userPublic(), "1//canary-1")
}

func userPublic() vault.UserPublic {
	return vault.UserPublic{
		Email: "grace@gmail.example", Subject: "1098", Scopes: oauth.ScopeSend + " openid", Purposes: "send", Client: "cred_client", ClientID: clientID,
	}
}

func userAsk(scope string) vault.TokenRequest {
	return vault.TokenRequest{Team: "team_1", Credential: "cred_user", Subject: "grace@gmail.example", Scopes: []string{scope}}
}

func wantToken(t *testing.T, v *vault.Vault, r vault.TokenRequest, want string) {
	t.Helper()
	got, err := v.Token(t.Context(), r)
	if err != nil || got.Reveal() != "ya29.canary-"+want {
		t.Errorf("token %q, %v; want %s", got.Reveal(), err, want)
	}
}

func wantCause(t *testing.T, v *vault.Vault, r vault.TokenRequest, cause string) *provider.Error {
	t.Helper()
	_, err := v.Token(t.Context(), r)
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || e.Cause != cause {
		t.Fatalf("error %v, want cause %s", err, cause)
	}
	if strings.Contains(err.Error()+e.Fix+e.Reply, "canary") {
		t.Errorf("the error shows a secret: %v", err)
	}
	return e
}

// TestOneTokenServesAllScopesOfAUser: and a box that was left unticked costs no
// call, and no other purpose.
func TestOneTokenServesAllScopesOfAUser(t *testing.T) {
	st := storetest.Open(t, store.Options{Dir: t.TempDir()})
	e := newEndpoint(t)
	v := e.vault(t, st)
	c := addUser(t, st, v)
	wantToken(t, v, userAsk(oauth.ScopeSend), "T1")
	wantToken(t, v, userAsk("openid"), "T1")
	missing := wantCause(t, v, userAsk(oauth.ScopeMetadata), "scope_missing")
	if missing.Class != provider.Hold || missing.Scope != provider.ScopeAccount || !strings.Contains(missing.Text, `"look"`) ||
		!strings.Contains(missing.Fix, "gatepost connect gmail grace@gmail.example --purposes send,look") {
		t.Errorf("%s %s", missing.Text, missing.Fix)
	}
	e.wantAsked(t, "1//canary-1")

	public := userPublic()
	public.Scopes = oauth.ScopeFull
	c.Public, _ = json.Marshal(public)
	c.UpdatedAt = c.UpdatedAt.Add(time.Second)
	if err := st.ReplaceCredential(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for _, p := range oauth.Purposes() {
		wantToken(t, v, userAsk(p.Scope()), "T2")
	}
	e.wantAsked(t, "1//canary-1", "1//canary-1")
}

func TestNewRefreshTokenIsKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		st := storetest.Open(t, opt)
		e := newEndpoint(t)
		v := e.vault(t, st)
		addUser(t, st, v)
		e.set(func(e *endpoint) { e.rotate = "1//canary-2" })
		wantToken(t, v, userAsk(oauth.ScopeSend), "T1")
		if _, secret, err := v.Secret(t.Context(), "team_1", "cred_user"); err != nil || secret.Reveal() != "1//canary-2" {
			t.Errorf("kept: %q, %v", secret.Reveal(), err)
		}
		wantToken(t, v, userAsk(oauth.ScopeSend), "T1") // the token stays good
		renew := userAsk(oauth.ScopeSend)
		renew.Renew = true
		wantToken(t, v, renew, "T2")
		wantToken(t, e.vault(t, st), userAsk(oauth.ScopeSend), "T2")
		e.wantAsked(t, "1//canary-1", "1//canary-2")
	})
}

// TestNewRefreshTokenOutlivesTrouble: the database fails while the new refresh
// token is kept, and the old one is dead already.
func TestNewRefreshTokenOutlivesTrouble(t *testing.T) {
	var fail atomic.Int32
	st := storetest.Open(t, store.Options{Dir: t.TempDir(), Fault: func(point string) error {
		if point == "commit.before" && fail.Add(-1) >= 0 {
			return errors.New("disk full")
		}
		return nil
	}})
	e := newEndpoint(t)
	v := e.vault(t, st)
	addUser(t, st, v)
	e.set(func(e *endpoint) { e.rotate, e.gate = "1//canary-2", make(chan struct{}) })
	go func() {
		<-e.arrived // the lease is committed
		fail.Store(3)
		close(e.gate)
	}()
	wantToken(t, v, userAsk(oauth.ScopeSend), "T1")
	if _, secret, err := v.Secret(t.Context(), "team_1", "cred_user"); err != nil || secret.Reveal() != "1//canary-2" || fail.Load() > 0 {
		t.Errorf("kept: %q, %v; %d failures left", secret.Reveal(), err, fail.Load())
	}
	e.wantAsked(t, "1//canary-1")
}

func TestCredentialsThatGiveNoToken(t *testing.T) {
	st := storetest.Open(t, store.Options{Dir: t.TempDir()})
	e := newEndpoint(t)
	v := e.vault(t, st)
	addUser(t, st, v)
	other := userPublic()
	other.ClientID = "118-other.apps.googleusercontent.com"
	gone := userPublic()
	gone.Client = "cred_gone"
	for id, c := range map[string]struct {
		kind   string
		public any
		secret string
		cause  string
		says   string
	}{
		"cred_pw":      {vault.KindPassword, map[string]string{}, "canary", "wrong_credential", "smtp_password"},
		"cred_c":       {vault.KindOAuthClient, map[string]string{}, "canary", "wrong_credential", vault.KindGoogleUser},
		"cred_other":   {vault.KindGoogleUser, other, "1//canary", "client_unknown", "118-other"},
		"cred_orphan":  {vault.KindGoogleUser, gone, "1//canary", "client_unknown", "no longer there"},
		"cred_strange": {vault.KindGoogleUser, []int{1}, "1//canary", "credential_unusable", "Connect the account again"},
		"cred_key":     {vault.KindServiceAccount, map[string]string{}, `{"type":"service_account","private_key":"canary"}`, "credential_unusable", "private_key"},
	} {
		addRow(t, st, v, id, c.kind, c.public, c.secret)
		got := wantCause(t, v, vault.TokenRequest{Team: "team_1", Credential: id, Subject: "a@x.example", Scopes: []string{oauth.ScopeSend}}, c.cause)
		if got.Class != provider.Hold || !strings.Contains(got.Text+" "+got.Fix, c.says) {
			t.Errorf("%s: %s %s", id, got.Text, got.Fix)
		}
	}
	e.wantAsked(t)
}
