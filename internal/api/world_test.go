package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/provider"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/provider/microsoft"
	"gatepost/internal/provider/smtp"
	"gatepost/internal/queue"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

// world is the door in front of a real engine on a real store, reached over a
// real socket. Its two accounts are app@example.com (smtp, of a relay that is not
// there) and box@example.net (gmail).
type world struct {
	t       testing.TB
	url     string
	key     string // may do everything
	store   *store.Store
	engine  *queue.Engine
	control *control.Control
	handler http.Handler
	team    email.ID
	log     *logged
	relay   *relay
	google  *sandbox.World // nil: Google is not there
	smtp    string         // ids of the accounts
	gmail   string
	smtpKey string // id of the credential
}

// start makes a world; the engine takes messages and does not send until run.
func start(t testing.TB, opt store.Options, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, store: storetest.Open(t, opt), log: &logged{}, relay: &relay{}}
	w.begin(change)
	w.connect()
	return w
}

// begin builds everything up to the handler.
func (w *world) begin(change []func(*Config)) {
	w.t.Helper()
	ctx := context.Background()
	master, _, err := vault.LoadMaster(vault.Source{Dir: w.t.TempDir(), Random: rand.Reader})
	w.must(err)
	endpoints, client := w.outside()
	keyless := vault.Keyless{May: oauth.KeylessIdentities{oauth.KeylessMetadata}, HTTP: client}
	var office entra.Endpoints
	if w.google != nil {
		keyless.At = oauth.KeylessAt(w.google.GoogleURL, w.google.MetadataURL)
		office = entra.At(w.google.MicrosoftURL)
	}
	v := vault.New(w.store, master, rand.Reader, time.Now, vault.WithGoogle(endpoints, client), vault.WithGoogleKeyless(keyless), vault.WithMicrosoft(office, client))
	w.must(v.Start(ctx))
	kinds := []provider.Kind{gmail.Kind(), gmail.SMTPKind(), microsoft.Kind(), w.relay.kind()}
	engine := queue.Config{
		Store: w.store, Vault: v, Kinds: kinds, Node: id(w.t, email.PrefixNode), Looks: []time.Duration{time.Millisecond},
	}
	if w.google != nil {
		engine.RootCAs = client.Transport.(*http.Transport).TLSClientConfig.RootCAs
		engine.BaseURLs = map[string]string{"gmail": w.google.GoogleURL, "gmail_smtp": w.google.GoogleURL}
		engine.SMTPAddresses = map[string]string{"gmail_smtp": w.google.GmailSMTPAddr}
	}
	w.engine = queue.New(engine)
	server := httptest.NewUnstartedServer(nil)
	w.url = "http://" + server.Listener.Addr().String()
	keys := access.NewKeys(w.store, time.Now)
	w.control = control.New(control.Config{
		Store: w.store, Vault: v, Engine: w.engine, Kinds: kinds, Endpoints: endpoints, Entra: office, Keyless: keyless, HTTP: client, Keys: keys,
		PublicURL: func() string { return w.url },
	})
	w.team, err = w.control.FirstTeam(ctx)
	w.must(err)
	w.key = w.newKey(access.ScopeAll)
	w.serve(server, keys, change)
}

// serve starts the door.
func (w *world) serve(server *httptest.Server, keys *access.Keys, change []func(*Config)) {
	cfg := Config{
		Engine: w.engine, Control: w.control, Keys: keys, Version: "test",
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&cfg)
	}
	w.handler = New(cfg)
	server.Config.Handler = w.handler
	server.Start()
	w.t.Cleanup(server.Close)
}

// sqlite starts a world for what does not depend on the database.
func sqlite(t testing.TB, change ...func(*Config)) *world {
	return start(t, store.Options{Dir: t.TempDir()}, change...)
}

func (w *world) connect() {
	w.t.Helper()
	w.smtpKey = w.password()
	key := w.made("/v1/credentials", `{"kind": "google_service_account", "name": "Workspace", "key": `+w.serviceAccount()+`}`)
	w.smtp = w.made("/v1/accounts", `{"address": "app@example.com", "transport": "smtp", "credential": "`+w.smtpKey+`",
		"senders": ["@shop.example.com", "team@example.org"], "smtp": {"host": "127.0.0.1", "port": 2525, "user": "app", "max_recipients": 5}}`)
	w.gmail = w.made("/v1/accounts", `{"address": "box@example.net", "transport": "gmail", "credential": "`+key+`"}`)
}

// password is a credential that no account uses yet.
func (w *world) password() string {
	w.t.Helper()
	return w.made("/v1/credentials", `{"kind": "smtp_password", "name": "Relay", "password": "hunter2"}`)
}

// made creates something and returns its id.
func (w *world) made(path, body string) string {
	w.t.Helper()
	r := w.post(path, body)
	r.want(http.StatusCreated)
	return r.object()["id"].(string)
}

// run sends until the test ends.
func (w *world) run() {
	w.must(w.engine.Enter(context.Background()))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.engine.Run(ctx) }()
	w.t.Cleanup(func() {
		stop()
		w.must(<-done)
	})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) newKey(scopes ...string) string {
	w.t.Helper()
	plain, _, err := w.control.FirstKey(context.Background(), w.team, control.NewKey{Name: "test", Scopes: scopes})
	w.must(err)
	return plain.Reveal()
}

func id(t testing.TB, prefix string) email.ID {
	made, err := email.NewID(prefix, time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// keyFile is what Google gives for a service account, with a key of its own.
func keyFile(t testing.TB) string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "shop", "private_key_id": "k1", "client_id": "123",
		"client_email": "mailer@shop.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// relay stands for the next hop of the smtp account: it says what it was told.
type relay struct {
	mu  sync.Mutex
	err error
}

func (r *relay) says(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// kind is the real kind smtp but for its network.
func (r *relay) kind() provider.Kind {
	k := smtp.Kind()
	k.Open = func(provider.Account, provider.Deps) (provider.Provider, error) { return r, nil }
	return k
}

// Send implements provider.Provider.
func (r *relay) Send(_ context.Context, env email.Envelope, _ email.Content) (provider.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return provider.Receipt{}, r.err
	}
	return provider.AcceptedBy(env, "", "250 2.0.0 OK"), nil
}

// Check implements provider.Provider.
func (r *relay) Check(context.Context) error { return nil }

// logged is what was logged.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// reply is an answer that was read whole.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

// do sends a request with the world's key; further headers are name and value in
// turn and may replace it.
func (w *world) do(method, path string, body io.Reader, headers ...string) reply {
	w.t.Helper()
	req, err := http.NewRequest(method, w.url+path, body)
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+w.key)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Del(headers[i])
		if headers[i+1] != "" {
			req.Header[headers[i]] = []string{headers[i+1]}
		}
	}
	res, err := http.DefaultClient.Do(req)
	w.must(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	w.must(err)
	return reply{w.t, res.StatusCode, res.Header, b}
}

func (w *world) post(path, body string, headers ...string) reply {
	w.t.Helper()
	return w.do("POST", path, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...)
}

func (w *world) get(path string, headers ...string) reply {
	w.t.Helper()
	return w.do("GET", path, nil, headers...)
}

func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

func (r reply) object() map[string]any {
	r.t.Helper()
	var v map[string]any
	if err := json.Unmarshal(r.body, &v); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
	return v
}

// problem reads an answer that has to be a problem of that status and kind, and
// returns its errors, field to message.
func (r reply) problem(status int, name string) map[string]string {
	r.t.Helper()
	r.want(status)
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		r.t.Errorf("Content-Type %q", got)
	}
	var p problem
	if err := json.Unmarshal(r.body, &p); err != nil {
		r.t.Fatal(err)
	}
	if p.Status != status || p.Type != "urn:gatepost:problem:"+name || p.Title == "" || p.Request == "" || p.Request != r.header.Get("X-Request-Id") {
		r.t.Errorf("not the problem %s with the request's id: %s", name, r.body)
	}
	fields := map[string]string{}
	for _, e := range p.Errors {
		fields[e.Field] += e.Message
	}
	return fields
}

// count is how many messages the world has.
func (w *world) count() int {
	w.t.Helper()
	return len(w.get("/v1/messages?limit=100").want(http.StatusOK).object()["data"].([]any))
}

// until repeats a look until it is satisfied.
func (w *world) until(what string, satisfied func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !satisfied(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatal("not in time: " + what)
		}
	}
}
