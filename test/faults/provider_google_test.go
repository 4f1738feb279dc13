package faults

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/mail"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// google is the token endpoint and the Gmail API as far as gatepost uses them. For
// one mailbox it answers as a test says. Unlike the sandbox it can also speak
// nonsense.
type google struct {
	url string
	tls atomic.Pointer[tls.Config]

	mu     sync.Mutex
	tokens map[string]script // by mailbox
	sends  map[string]script
	calls  map[string]int // "token " and "send " with a mailbox
	sent   map[string][]copied
}

// copied is a copy of a message that a mailbox or relay took.
type copied struct {
	provider string // its id there
	id       string // gatepost's
	to       string
	at       time.Time
}

// script answers the n-th call of its kind for a mailbox, and tells whether it did:
// if not, the call is answered as usual.
type script func(c *call) bool

// call is one request.
type call struct {
	http.ResponseWriter
	*http.Request
	n    int
	take func() string // takes the message and returns its id
}

func startGoogle(t *testing.T, a *authority) *google {
	t.Helper()
	g := &google{tokens: map[string]script{}, sends: map[string]script{}, calls: map[string]int{}, sent: map[string][]copied{}}
	g.tls.Store(a.server())
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.url = "https://" + plain.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", g.token)
	mux.HandleFunc("POST /gmail/v1/users/me/messages/send", g.send)
	mux.HandleFunc("GET /gmail/v1/users/me/messages", g.list)
	mux.HandleFunc("GET /gmail/v1/users/me/messages/{id}", g.show)
	srv := &http.Server{Handler: mux, ErrorLog: quiet()}
	ctx, stop := context.WithCancel(context.Background())
	srv.BaseContext = func(net.Listener) context.Context { return ctx }
	go srv.Serve(tls.NewListener(plain, &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return g.tls.Load(), nil },
	}))
	t.Cleanup(func() {
		stop()
		srv.Close()
	})
	return g
}

// key is the file of a service account.
func (g *google) key(t *testing.T) json.RawMessage {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "robot@project.iam.gserviceaccount.com", "client_id": "117", "private_key_id": "kid-1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": g.url + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// count counts a call and says which script answers it.
func (g *google) count(kind, mailbox string) (n int, s script) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls[kind+mailbox]++
	s = g.sends[mailbox]
	if kind == tokenCall {
		s = g.tokens[mailbox]
	}
	return g.calls[kind+mailbox], s
}

const (
	tokenCall = "token "
	sendCall  = "send "
)

// misbehave has calls of a mailbox answered by scripts from now on, and counts anew.
func (g *google) misbehave(mailbox string, token, send script) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens[mailbox], g.sends[mailbox] = token, send
	delete(g.calls, tokenCall+mailbox)
	delete(g.calls, sendCall+mailbox)
}

func (g *google) called(kind, mailbox string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls[kind+mailbox]
}

// token gives a token for whom the assertion names.
func (g *google) token(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.FormValue("assertion"), ".")
	var claims struct{ Sub string }
	if len(parts) == 3 {
		text, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(text, &claims)
	}
	n, s := g.count(tokenCall, claims.Sub)
	if s != nil && s(&call{ResponseWriter: w, Request: r, n: n}) {
		return
	}
	fmt.Fprintf(w, `{"access_token":%q,"expires_in":3599,"token_type":"Bearer"}`, tokenOf(claims.Sub, n))
}

func tokenOf(mailbox string, n int) string { return fmt.Sprintf("token-%d-%s", n, mailbox) }

func mailboxOf(r *http.Request) string {
	parts := strings.SplitN(r.Header.Get("Authorization"), "-", 3)
	return parts[len(parts)-1]
}

func (g *google) send(w http.ResponseWriter, r *http.Request) {
	mailbox := mailboxOf(r)
	var in struct{ Raw string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // or the server does not see the client go
	n, s := g.count(sendCall, mailbox)
	take := func() string { return g.take(mailbox, in.Raw) }
	if s != nil && s(&call{w, r, n, take}) {
		return
	}
	fmt.Fprintf(w, `{"id":%q,"threadId":"t"}`, take())
}

// take puts a copy into Sent.
func (g *google) take(mailbox, raw string) string {
	text, _ := base64.URLEncoding.DecodeString(raw)
	c := readCopy(string(text))
	g.mu.Lock()
	defer g.mu.Unlock()
	c.provider = fmt.Sprintf("%x", 0x19a0000+len(g.sent[mailbox]))
	g.sent[mailbox] = append(g.sent[mailbox], c)
	return c.provider
}

func readCopy(text string) copied {
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		return copied{at: time.Now()}
	}
	return copied{id: m.Header.Get("X-Gatepost-Id"), to: m.Header.Get("To"), at: time.Now()}
}

// copies are those that a mailbox took.
func (g *google) copies(mailbox string) []copied {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]copied{}, g.sent[mailbox]...)
}

func (g *google) list(w http.ResponseWriter, r *http.Request) {
	var page struct {
		Messages []map[string]string `json:"messages,omitempty"`
	}
	all := g.copies(mailboxOf(r))
	for i := range all {
		page.Messages = append(page.Messages, map[string]string{"id": all[len(all)-1-i].provider})
	}
	_ = json.NewEncoder(w).Encode(page)
}

func (g *google) show(w http.ResponseWriter, r *http.Request) {
	for _, c := range g.copies(mailboxOf(r)) {
		if c.provider == r.PathValue("id") {
			fmt.Fprintf(w, `{"id":%q,"internalDate":"%d","payload":{"headers":[{"name":"X-Gatepost-Id","value":%q}]}}`, c.provider, c.at.UnixMilli(), c.id)
			return
		}
	}
	http.NotFound(w, r)
}
