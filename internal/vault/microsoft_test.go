package vault_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

const (
	entraTenant = "11111111-2222-4333-8444-555555555555"
	entraApp    = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

	graphSend    = "https://graph.microsoft.com/Mail.Send"
	graphLook    = "https://graph.microsoft.com/Mail.ReadBasic"
	outlookSend  = "https://outlook.office.com/SMTP.Send"
	graphApp     = "https://graph.microsoft.com/.default"
	exchangeApp  = "https://outlook.office365.com/.default"
	microsoftErr = `{"error":"invalid_grant","error_description":"AADSTS50173: The provided grant has expired due to it being revoked."}`
)

// entraEnd is Entra ID's token endpoint over TLS, which gives T1, T2 … and a new refresh
// token with each: R1, R2 ….
type entraEnd struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string // grant type, tenant, refresh token and scope of each call
	refuse bool
}

func newEntra(t *testing.T) *entraEnd {
	t.Helper()
	e := &entraEnd{}
	e.Server = httptest.NewTLSServer(http.HandlerFunc(e.answer))
	t.Cleanup(e.Close)
	return e
}

func (e *entraEnd) answer(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	e.mu.Lock()
	defer e.mu.Unlock()
	f := r.PostForm
	tenant, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	scope, _, _ := strings.Cut(f.Get("scope"), " openid")
	e.asked = append(e.asked, strings.TrimSpace(f.Get("grant_type")+" "+tenant[:4]+" "+f.Get("refresh_token")+" "+scope+" "+f.Get("client_secret")))
	if e.refuse {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, microsoftErr)
		return
	}
	n := len(e.asked)
	answer := map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": fmt.Sprint("ya29.canary-T", n)}
	if f.Get("grant_type") == "refresh_token" {
		answer["refresh_token"], answer["scope"] = fmt.Sprint("1.canary-R", n), f.Get("scope")
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (e *entraEnd) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if got := strings.Join(e.asked, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("asked:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func (e *entraEnd) vault(t *testing.T, st *store.Store, more ...vault.Option) *vault.Vault {
	t.Helper()
	return open(t, st, 1, append(more, vault.WithMicrosoft(entra.At(e.URL), e.Client()))...)
}

// addMicrosoft keeps an app of any tenant, and a user who consented to two resources.
func addMicrosoft(t *testing.T, st *store.Store, v *vault.Vault) (app, user store.Credential) {
	t.Helper()
	app = addApp(t, st, v, "cred_app", "common", "canary-secret")
	return app, addRow(t, st, v, "cred_ms", vault.KindMicrosoftUser, microsoftPublic(), "1.canary-R0")
}

func addApp(t *testing.T, st *store.Store, v *vault.Vault, id, tenant, secret string) store.Credential {
	t.Helper()
	a, err := entra.NewApp(entra.AppFields{Tenant: tenant, ClientID: entraApp, Secret: email.NewSecret(secret)}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	public, err := vault.PublicOfApp(a, "2027-01-01T00:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	return addRow(t, st, v, id, vault.KindMicrosoftApp, public, text.Reveal())
}

func microsoftPublic() vault.UserPublic {
	return vault.UserPublic{
		Email: "ada@contoso.example", Subject: "oid-1", Tenant: entraTenant, Scopes: graphSend + " " + outlookSend + " " + graphLook,
		Purposes: "send look smtp", Client: "cred_app", ClientID: entraApp,
	}
}

func ask(credential email.ID, scopes ...string) vault.TokenRequest {
	return vault.TokenRequest{Team: "team_1", Credential: credential, Subject: "ada@contoso.example", Scopes: scopes}
}

// TestTokensPerResource: each resource has a token of its own, which serves all that was
// granted of it; each call uses the newest refresh token and keeps the one that comes.
func TestTokensPerResource(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		st := storetest.Open(t, opt)
		e := newEntra(t)
		v := e.vault(t, st)
		addMicrosoft(t, st, v)
		wantToken(t, v, ask("cred_ms", graphSend), "T1")
		wantToken(t, v, ask("cred_ms", graphLook), "T1")
		wantToken(t, v, ask("cred_ms", outlookSend), "T2")
		wantToken(t, v, ask("cred_ms", graphLook, graphSend), "T1")
		wantSecret(t, v, "cred_ms", "1.canary-R2")
		renew := ask("cred_ms", graphSend)
		renew.Renew = true
		wantToken(t, v, renew, "T3")
		wantSecret(t, v, "cred_ms", "1.canary-R3")
		later := e.vault(t, st) // after a restart
		wantToken(t, later, ask("cred_ms", outlookSend), "T2")
		wantToken(t, later, ask("cred_ms", graphSend), "T3")
		e.wantAsked(t,
			"refresh_token 1111 1.canary-R0 "+graphSend+" "+graphLook+" canary-secret",
			"refresh_token 1111 1.canary-R1 "+outlookSend+" canary-secret",
			"refresh_token 1111 1.canary-R2 "+graphSend+" "+graphLook+" canary-secret")
	})
}

func wantSecret(t *testing.T, v *vault.Vault, credential email.ID, want string) {
	t.Helper()
	if _, secret, err := v.Secret(t.Context(), "team_1", credential); err != nil || secret.Reveal() != want {
		t.Errorf("kept: %q, %v; want %q", secret.Reveal(), err, want)
	}
}

// TestAppServesAllMailboxes: what an app does by itself it does for nobody in
// particular, so one token serves all; each resource has its own.
func TestAppServesAllMailboxes(t *testing.T) {
	st := storetest.Open(t, store.Options{Dir: t.TempDir()})
	e := newEntra(t)
	v := e.vault(t, st)
	addApp(t, st, v, "cred_app", entraTenant, "canary-secret")
	wantToken(t, v, ask("cred_app", graphApp), "T1")
	other := ask("cred_app", graphApp)
	other.Subject = "grace@contoso.example"
	wantToken(t, v, other, "T1")
	wantToken(t, v, ask("cred_app", exchangeApp), "T2")
	e.wantAsked(t, "client_credentials 1111  "+graphApp+" canary-secret", "client_credentials 1111  "+exchangeApp+" canary-secret")
}

func TestMicrosoftThatGivesNoToken(t *testing.T) {
	st := storetest.Open(t, store.Options{Dir: t.TempDir()})
	e := newEntra(t)
	v := e.vault(t, st, vault.WithGoogle(oauth.Google(), nil))
	addMicrosoft(t, st, v)
	replaced, gone := microsoftPublic(), microsoftPublic()
	replaced.ClientID, gone.Client = "bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee", "cred_gone"
	addRow(t, st, v, "cred_replaced", vault.KindMicrosoftUser, replaced, "1.canary")
	addRow(t, st, v, "cred_orphan", vault.KindMicrosoftUser, gone, "1.canary")
	addRow(t, st, v, "cred_strange", vault.KindMicrosoftUser, []int{1}, "1.canary")
	addRow(t, st, v, "cred_broken", vault.KindMicrosoftApp, map[string]string{}, `{"client_secret":"canary"}`)
	addRow(t, st, v, "cred_pw", vault.KindPassword, map[string]string{}, "canary")
	for name, c := range map[string]struct {
		request vault.TokenRequest
		cause   string
		says    string
	}{
		"not granted":       {ask("cred_ms", "https://graph.microsoft.com/Mail.ReadWrite"), "scope_missing", "gatepost connect microsoft ada@contoso.example"},
		"another resource":  {ask("cred_ms", "https://graph.microsoft.us/Mail.Send"), "scope_missing", "graph.microsoft.us"},
		"two resources":     {ask("cred_ms", graphSend, outlookSend), "scopes_mixed", "one token for each"},
		"no scope":          {ask("cred_ms"), "scope_unknown", "no resource"},
		"app, two":          {ask("cred_app", graphApp, exchangeApp), "tenant_needed", "Directory (tenant) ID"},
		"another app":       {ask("cred_replaced", graphSend), "client_unknown", "bbbbbbbb"},
		"app is gone":       {ask("cred_orphan", graphSend), "client_unknown", "no longer there"},
		"public is strange": {ask("cred_strange", graphSend), "credential_unusable", "Connect the account again"},
		"app is broken":     {ask("cred_broken", graphApp), "credential_unusable", "client_id"},
		"password":          {ask("cred_pw", graphApp), "wrong_credential", "google_service_account, google_user, microsoft_app, microsoft_user"},
	} {
		got := wantCause(t, v, c.request, c.cause)
		if got.Class != provider.Hold || !strings.Contains(got.Text+" "+got.Fix, c.says) {
			t.Errorf("%s: %s %s", name, got.Text, got.Fix)
		}
	}
	e.wantAsked(t)
	e.refuse = true
	wantCause(t, v, ask("cred_ms", graphSend), "token_revoked")
	wantCause(t, v, ask("cred_ms", graphSend), "token_revoked")
	e.wantAsked(t, "refresh_token 1111 1.canary-R0 "+graphSend+" "+graphLook+" canary-secret")
	wantSecret(t, v, "cred_ms", "1.canary-R0")
}

// TestBothProviders: a vault gets tokens of either, each from its own endpoint.
func TestBothProviders(t *testing.T) {
	st := storetest.Open(t, store.Options{Dir: t.TempDir()})
	google, microsoft := newEndpoint(t), newEntra(t)
	v := microsoft.vault(t, st, vault.WithGoogle(oauth.At(google.URL), google.Client()))
	addUser(t, st, v)
	addMicrosoft(t, st, v)
	wantToken(t, v, userAsk(oauth.ScopeSend), "T1")
	wantToken(t, v, ask("cred_ms", outlookSend), "T1")
	google.wantAsked(t, "1//canary-1")
	microsoft.wantAsked(t, "refresh_token 1111 1.canary-R0 "+outlookSend+" canary-secret")
}

// TestPublicGrantStaysPublic: what came by a device code is refreshed without the app's
// secret.
func TestPublicGrantStaysPublic(t *testing.T) {
	st := storetest.Open(t, store.Options{Dir: t.TempDir()})
	e := newEntra(t)
	v := e.vault(t, st)
	addApp(t, st, v, "cred_app", entraTenant, "canary-secret")
	public := microsoftPublic()
	public.Public, public.Scopes, public.Tenant = true, outlookSend, ""
	addRow(t, st, v, "cred_device", vault.KindMicrosoftUser, public, "1.canary-R0")
	wantToken(t, v, ask("cred_device", outlookSend), "T1")
	e.wantAsked(t, "refresh_token 1111 1.canary-R0 "+outlookSend)
}

func TestPublicOfApp(t *testing.T) {
	st := storetest.Open(t, store.Options{Dir: t.TempDir()})
	v := open(t, st, 1)
	row := addApp(t, st, v, "cred_app", "Contoso.Example", "canary-secret")
	var got vault.MicrosoftAppPublic
	if err := json.Unmarshal(row.Public, &got); err != nil {
		t.Fatal(err)
	}
	want := vault.MicrosoftAppPublic{Tenant: "contoso.example", ClientID: entraApp, Cloud: "global", Auth: "secret", ExpiresAt: "2027-01-01T00:00:00Z"}
	if got != want || strings.Contains(string(row.Public), "canary") {
		t.Errorf("%s", row.Public)
	}
}

// TestIdleRefreshTokensAreUsed: once a week, by one call for all resources, and the new
// one is kept.
func TestIdleRefreshTokensAreUsed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		st := storetest.Open(t, opt)
		e, g := newEntra(t), newEndpoint(t)
		v := e.vault(t, st, vault.WithGoogle(oauth.At(g.URL), g.Client()))
		app, user := addMicrosoft(t, st, v)
		wantIdle(t, st, v, user, 0)
		keepAlive(t, v, user, false)
		user = consentedAgo(t, st, user, vault.IdleAfter-time.Minute)
		keepAlive(t, v, user, false)
		user = consentedAgo(t, st, user, vault.IdleAfter+time.Hour)
		wantIdle(t, st, v, user, vault.IdleAfter+time.Hour)
		keepAlive(t, v, user, true)
		wantSecret(t, v, "cred_ms", "1.canary-R1")
		wantIdle(t, st, v, user, 0)
		keepAlive(t, v, user, false) // used just now

		user = consentedAgo(t, st, user, 10*vault.IdleAfter)
		wantToken(t, v, ask("cred_ms", outlookSend), "T2") // the other resource counts too
		keepAlive(t, v, user, false)
		e.wantAsked(t,
			"refresh_token 1111 1.canary-R0 "+graphSend+" "+graphLook+" canary-secret",
			"refresh_token 1111 1.canary-R1 "+outlookSend+" canary-secret")

		google := consentedAgo(t, st, addUser(t, st, v), 2*vault.IdleAfter)
		keepAlive(t, v, google, true)
		keepAlive(t, v, google, false)
		g.wantAsked(t, "1//canary-1")

		keepAlive(t, v, consentedAgo(t, st, app, 10*vault.IdleAfter), false) // nothing that idles
		e.refuse = true
		user = consentedAgo(t, st, user, 20*vault.IdleAfter)
		if used, err := v.KeepAlive(t.Context(), user); used || err == nil {
			t.Errorf("refused: %v %v", used, err)
		}
	})
}

func keepAlive(t *testing.T, v *vault.Vault, row store.Credential, want bool) {
	t.Helper()
	if used, err := v.KeepAlive(t.Context(), row); used != want || err != nil {
		t.Errorf("%s: used %v, %v; want %v", row.ID, used, err, want)
	}
}

func wantIdle(t *testing.T, st *store.Store, v *vault.Vault, row store.Credential, want time.Duration) {
	t.Helper()
	row, err := st.Credential(t.Context(), row.Team, row.ID)
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := v.LastUse(row); !ok || (time.Since(at)-want).Abs() > time.Minute {
		t.Errorf("%s: last used at %v, %v; want %v ago", row.ID, at, ok, want)
	}
}

// consentedAgo dates a credential back.
func consentedAgo(t *testing.T, st *store.Store, row store.Credential, ago time.Duration) store.Credential {
	t.Helper()
	row, err := st.Credential(t.Context(), row.Team, row.ID)
	if err != nil {
		t.Fatal(err)
	}
	row.UpdatedAt = time.Now().Add(-ago).Truncate(time.Millisecond)
	if err := st.ReplaceCredential(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	return row
}
