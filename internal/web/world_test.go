package web

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/provider"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/queue"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

const grace = "grace@" + sandbox.Consumer

// world is the pages on a real socket, before a simulated Google.
type world struct {
	t       *testing.T
	url     string
	google  *sandbox.World
	roots   *x509.CertPool
	store   *store.Store
	now     time.Time // where it is not zero, the time at control
	control *control.Control
	grant   access.Grant
	client  email.ID // credential of the OAuth client
	asked   int      // calls for tokens by which that client was tried
	log     *record  // what was logged
}

// record keeps what is written to it.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func start(t *testing.T) *world {
	t.Helper()
	google, err := sandbox.Start(sandbox.Config{Dir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { must(t, google.Close()) })
	w := &world{t: t, google: google, roots: authority(t, google.CAFile), store: storetest.Open(t, store.Options{Dir: t.TempDir()}), log: &record{}}
	server := httptest.NewUnstartedServer(nil)
	w.url = "http://" + server.Listener.Addr().String()
	w.begin()
	server.Config.Handler = New(Config{Control: w.control, Log: w.logger(), PublicURL: func() string { return w.url }})
	server.Start()
	t.Cleanup(server.Close)
	return w
}

func (w *world) clock() time.Time {
	if w.now.IsZero() {
		return time.Now()
	}
	return w.now
}

func (w *world) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func authority(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(file)
	must(t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the sandbox's authority cannot be read")
	}
	return pool
}

// begin makes the operations, and keeps an OAuth client that may come back here.
func (w *world) begin() {
	w.t.Helper()
	master, _, err := vault.LoadMaster(vault.Source{Dir: w.t.TempDir(), Random: rand.Reader})
	must(w.t, err)
	hc := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.roots}}, Timeout: 20 * time.Second}
	w.t.Cleanup(hc.CloseIdleConnections)
	at := oauth.At(w.google.GoogleURL)
	v := vault.New(w.store, master, rand.Reader, time.Now, vault.WithGoogle(at, hc))
	must(w.t, v.Start(w.t.Context()))
	kinds := []provider.Kind{gmail.Kind()}
	engine := queue.New(queue.Config{
		Store: w.store, Vault: v, Kinds: kinds, RootCAs: w.roots, BaseURLs: map[string]string{"gmail": w.google.GoogleURL},
	})
	w.control = control.New(control.Config{
		Store: w.store, Vault: v, Engine: engine, Kinds: kinds, Endpoints: at, HTTP: hc, Log: w.logger(), PublicURL: func() string { return w.url }, Now: w.clock,
	})
	team, err := w.control.FirstTeam(w.t.Context())
	must(w.t, err)
	w.grant = access.Grant{Team: team, KeyName: "The shop", Scopes: []string{access.ScopeAll}}
	made, err := w.control.CreateCredential(w.t.Context(), w.grant, control.NewCredential{
		Kind: control.KindOAuthClient, Name: "Web", Key: w.google.OAuthClient("web", w.url+"/connect/callback"),
	})
	must(w.t, err)
	w.client, w.asked = made.ID, len(w.google.TokenCalls())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) link(purposes ...string) control.Link {
	w.t.Helper()
	l, err := w.control.CreateLink(w.t.Context(), w.grant, control.NewLink{Credential: w.client, Address: grace, Purposes: purposes})
	must(w.t, err)
	return l
}

// accounts counts what was connected.
func (w *world) accounts() int {
	w.t.Helper()
	all, err := w.control.Accounts(w.t.Context(), w.grant)
	must(w.t, err)
	return len(all)
}

func (w *world) status(id email.ID) control.Link {
	w.t.Helper()
	all, err := w.control.Links(w.t.Context(), w.grant)
	must(w.t, err)
	for _, l := range all {
		if l.ID == id {
			return l
		}
	}
	w.t.Fatalf("no link %s", id)
	return control.Link{}
}

// visitor is a browser as far as HTTP goes: cookies, no redirects by itself.
type visitor struct {
	w  *world
	hc *http.Client
}

func (w *world) visitor() *visitor {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	must(w.t, err)
	hc := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w.t.Cleanup(hc.CloseIdleConnections)
	return &visitor{w, hc}
}

// answer is what came back.
type answer struct {
	*http.Response
	text string
}

func (v *visitor) do(method, address string, header ...string) answer {
	v.w.t.Helper()
	req, err := http.NewRequestWithContext(v.w.t.Context(), method, address, nil)
	must(v.w.t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := v.hc.Do(req)
	must(v.w.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(v.w.t, err)
	return answer{res, string(b)}
}

// press begins a link and gives the address at Google.
func (v *visitor) press(address string) string {
	v.w.t.Helper()
	a := v.do(http.MethodPost, address, "Sec-Fetch-Site", "same-origin")
	to := a.Header.Get("Location")
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, v.w.google.GoogleURL) {
		v.w.t.Fatalf("%d to %q: %s", a.StatusCode, to, a.text)
	}
	return to
}

// decide goes to Google, decides there, and comes back.
func (v *visitor) decide(to string, d sandbox.Decision) answer {
	v.w.t.Helper()
	back, err := v.w.google.Decide(to, d)
	must(v.w.t, err)
	if !strings.HasPrefix(back, v.w.url+"/connect/callback?") {
		v.w.t.Fatalf("sent back to %s", back)
	}
	return v.do(http.MethodGet, back)
}

func (a answer) want(t *testing.T, status int, parts ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("status %d, want %d: %s", a.StatusCode, status, a.text)
	}
	for _, p := range parts {
		if !strings.Contains(a.text, p) {
			t.Errorf("%q is not on the page:\n%s", p, a.text)
		}
	}
}

func query(t *testing.T, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	return u.Query().Get(name)
}
