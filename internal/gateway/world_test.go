package gateway

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/queue"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

// world is a door with a real engine behind it, whose one provider takes everything and
// remembers it.
type world struct {
	*Server
	t       *testing.T
	store   *store.Store
	control *control.Control
	grant   access.Grant
	key     string // that may do everything
	at      map[Mode]string
	client  *tls.Config

	mu    sync.Mutex
	taken []letter
	here  chan struct{}
}

// letter is a message as a provider got it.
type letter struct {
	by  string
	env email.Envelope
	raw string
}

type taker struct {
	w  *world
	by string
}

func (p taker) Check(context.Context) error { return nil }

func (p taker) Send(_ context.Context, env email.Envelope, msg email.Content) (provider.Receipt, error) {
	r, err := msg.Open()
	if err != nil {
		return provider.Receipt{}, &provider.Error{Class: provider.Retry, Cause: "unreadable"}
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return provider.Receipt{}, &provider.Error{Class: provider.Retry, Cause: "unreadable"}
	}
	p.w.mu.Lock()
	p.w.taken = append(p.w.taken, letter{p.by, env, string(raw)})
	p.w.mu.Unlock()
	p.w.here <- struct{}{}
	return provider.AcceptedBy(env, "", "250 OK"), nil
}

// newWorld serves a door on the loopback until the test ends: all modes, with TLS.
func newWorld(t *testing.T, opt store.Options, change func(*Config)) *world {
	t.Helper()
	m, _, err := vault.LoadMaster(vault.Source{Dir: opt.Dir, Random: rand.Reader})
	must(t, err)
	w := &world{t: t, at: map[Mode]string{}, here: make(chan struct{}, 10_000), store: storetest.Open(t, opt)}
	kind := provider.Kind{
		Name: "world", Limits: func(json.RawMessage) provider.Limits { return provider.Limits{MaxParallel: 4} },
		Open: func(a provider.Account, _ provider.Deps) (provider.Provider, error) { return taker{w, a.Address}, nil },
	}
	engine := queue.New(queue.Config{
		Store: w.store, Vault: vault.New(w.store, m, rand.Reader, time.Now), Kinds: []provider.Kind{kind}, Node: "node_a",
	})
	keys := access.NewKeys(w.store, time.Now)
	traces := control.NewTraces(time.Now)
	w.control = control.New(control.Config{Store: w.store, Engine: engine, Keys: keys, Traces: traces, Kinds: []provider.Kind{kind}})
	team, err := w.control.FirstTeam(t.Context())
	must(t, err)
	w.grant = access.Grant{Team: team, Scopes: []string{access.ScopeAll}}
	w.key = w.newKey(control.NewKey{Name: "shop", Scopes: []string{access.ScopeAll}})
	for _, a := range []string{"ada@acme.example", "office@acme.example"} {
		must(t, w.store.AddAccount(t.Context(), &store.Account{
			Team: team, ID: email.ID("acc_" + a[:3]), Address: a, Transport: "world", Config: []byte("{}"), CreatedAt: time.Now(),
		}))
	}
	w.serve(Config{
		Engine: engine, Keys: keys, Traces: traces, Hostname: "mail.acme.example", Team: team, Recognise: true,
		Trusted: []Trusted{{netip.MustParsePrefix("127.0.0.9/32"), "office@acme.example"}},
	}, change)
	w.run(engine)
	return w
}

// run runs the engine until the test ends.
func (w *world) run(engine *queue.Engine) {
	must(w.t, engine.Enter(w.t.Context()))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	w.t.Cleanup(func() { stop(); <-ended })
}

// serve listens in all modes, with a certificate that the world's clients trust.
func (w *world) serve(cfg Config, change func(*Config)) {
	https := httptest.NewUnstartedServer(nil)
	https.StartTLS()
	w.t.Cleanup(https.Close)
	cfg.TLS = &tls.Config{Certificates: https.TLS.Certificates}
	w.client = https.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	w.client.ServerName = "example.com"
	if change != nil {
		change(&cfg)
	}
	w.Server = New(cfg)
	for _, mode := range []Mode{StartTLS, Implicit, Open} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(w.t, err)
		w.at[mode] = l.Addr().String()
		go func() { _ = w.Serve(l, mode) }()
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = w.Shutdown(ctx)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) newKey(n control.NewKey) string {
	w.t.Helper()
	secret, _, err := w.control.CreateKey(w.t.Context(), w.grant, n)
	must(w.t, err)
	return secret.Reveal()
}

// letters waits until so many messages have reached the provider.
func (w *world) letters(n int) []letter {
	w.t.Helper()
	for end := time.After(20 * time.Second); ; {
		w.mu.Lock()
		taken := w.taken
		w.mu.Unlock()
		if len(taken) >= n {
			return taken
		}
		select {
		case <-w.here:
		case <-end:
			w.t.Fatalf("%d messages of %d have come", len(taken), n)
		}
	}
}

// talk is a client's side of a connection.
type talk struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// dial connects from an address of the loopback, and reads the greeting.
func (w *world) dial(mode Mode, from string) *talk {
	w.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	conn, err := d.DialContext(w.t.Context(), "tcp", w.at[mode])
	must(w.t, err)
	if mode == Implicit {
		conn = tls.Client(conn, w.client)
	}
	t := &talk{w.t, conn, bufio.NewReader(conn)}
	w.t.Cleanup(func() { conn.Close() })
	return t
}

// hello is dial up to the answer to EHLO.
func (w *world) hello(mode Mode) *talk {
	w.t.Helper()
	t := w.dial(mode, "127.0.0.1")
	t.want("220")
	t.cmd("EHLO client.example", "250")
	return t
}

// login is hello, in the clear where the world allows it, and the key of the world.
func (w *world) login() *talk {
	w.t.Helper()
	t := w.hello(Implicit)
	t.cmd("AUTH PLAIN "+plainOf("shop", w.key), "235")
	return t
}

func plainOf(user, secret string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + secret))
}

func (t *talk) send(text string) {
	t.t.Helper()
	_ = t.conn.SetWriteDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(t.conn, text); err != nil {
		t.t.Logf("written in vain: %v", err)
	}
}

// answer reads one reply, all its lines; "" at the end of the connection.
func (t *talk) answer() (code int, text string) {
	_ = t.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		line, err := t.in.ReadString('\n')
		if err != nil {
			return 0, text
		}
		text += line
		if len(line) > 3 && line[3] == ' ' {
			code, _ = strconv.Atoi(line[:3])
			return code, text
		}
	}
}

// want reads a reply that begins so.
func (t *talk) want(begin string) string {
	t.t.Helper()
	_, text := t.answer()
	if !strings.HasPrefix(text, begin) {
		t.t.Fatalf("said %q, want %s", text, begin)
	}
	return text
}

func (t *talk) cmd(line, begin string) string {
	t.t.Helper()
	t.send(line + "\r\n")
	return t.want(begin)
}

// ends tells whether the server has closed the connection.
func (t *talk) ends() {
	t.t.Helper()
	if code, text := t.answer(); code != 0 || text != "" {
		t.t.Errorf("the connection goes on: %q", text)
	}
}

// startTLS upgrades a connection.
func (t *talk) startTLS(c *tls.Config) {
	t.t.Helper()
	t.cmd("STARTTLS", "220")
	t.conn = tls.Client(t.conn, c)
	t.in = bufio.NewReader(t.conn)
}

// mail hands a message over and tells the answer.
func (t *talk) mail(from string, to []string, raw string) string {
	t.t.Helper()
	t.cmd("MAIL FROM:<"+from+">", "250")
	for _, a := range to {
		t.cmd("RCPT TO:<"+a+">", "250")
	}
	t.cmd("DATA", "354")
	t.send(strings.ReplaceAll(raw, "\r\n.", "\r\n..") + ".\r\n")
	_, text := t.answer()
	return text
}

func simple(from, to string, more ...string) string {
	return fmt.Sprintf("From: %s\r\nTo: %s\r\nSubject: s\r\n%s\r\nhello\r\n", from, to, strings.Join(more, ""))
}
