// Package api is the door for applications: JSON over HTTP below /v1, its
// OpenAPI document, and what operators look at (/healthz, /readyz, /metrics).
//
// It checks form, keys and sizes and translates errors (problem.go); what a
// message may be is the engine's to say, what an account may be is control's. It
// knows no SQL and no provider.
package api

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"gatepost/client"
	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/queue"
)

// Config is what the door is given.
type Config struct {
	Engine  *queue.Engine
	Control *control.Control
	Keys    *access.Keys
	Log     *slog.Logger // nil: none
	Version string
	// MaxBody is the most bytes of a request's body, compressed and not. 0: 52 MiB,
	// which is a message of 35 MiB in base64 and its JSON.
	MaxBody int64
	// Bodies is how many bytes of bodies may be in hand at once. 0: 256 MiB.
	Bodies int64
	// Fault, when set, is called at named points: "api.body.half" while the body of
	// a message is half read, "api.answer.before" and "api.answer.after" around
	// writing a 202. Tests crash there.
	Fault func(point string)
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.MaxBody == 0 {
		c.MaxBody = 52 << 20
	}
	if c.Bodies == 0 {
		c.Bodies = 256 << 20
	}
	c.Bodies = max(c.Bodies, c.MaxBody) // or the largest body could never be read
	return c
}

// server is the door.
type server struct {
	Config
	bodies   *budget
	buffers  buffers
	metrics  *metrics
	requests *requestIDs
	openapi  []byte

	messages    decoder[client.NewMessage]
	credentials decoder[client.NewCredential]
	accounts    decoder[client.NewAccount]
}

// New makes the handler of all routes. It starts nothing.
func New(cfg Config) http.Handler {
	s := newServer(cfg)
	operations := s.operations()
	s.openapi = document(s.Version, operations)
	return s.routes(operations)
}

func newServer(cfg Config) *server {
	s := &server{
		Config:      cfg.withDefaults(),
		requests:    &requestIDs{now: time.Now, random: rand.Reader},
		messages:    newDecoder[client.NewMessage](),
		credentials: newDecoder[client.NewCredential](),
		accounts:    newDecoder[client.NewAccount](),
	}
	s.bodies = &budget{most: s.Bodies}
	s.metrics = newMetrics(s.Engine)
	return s
}

// operations are all that the API can do, and the site map.
func (s *server) operations() []operation {
	return []operation{
		{pattern: "POST /v1/messages", serve: s.createMessage, describe: describeCreateMessage},
		{pattern: "GET /v1/messages", serve: s.listMessages, describe: describeListMessages},
		{pattern: "GET /v1/messages/{id}", serve: s.showMessage, describe: describeShowMessage},
		{pattern: "POST /v1/messages/{id}/release", serve: s.releaseMessage, describe: describeReleaseMessage},

		{pattern: "POST /v1/credentials", serve: s.createCredential, describe: describeCreateCredential},
		{pattern: "GET /v1/credentials", serve: s.listCredentials, describe: describeListCredentials},
		{pattern: "PUT /v1/credentials/{id}", serve: s.replaceCredential, describe: describeReplaceCredential},

		{pattern: "POST /v1/accounts", serve: s.createAccount, describe: describeCreateAccount},
		{pattern: "GET /v1/accounts", serve: s.listAccounts, describe: describeListAccounts},
		{pattern: "GET /v1/accounts/{id}", serve: s.showAccount, describe: describeShowAccount},
		{pattern: "POST /v1/accounts/{id}/release", serve: s.releaseAccount, describe: describeReleaseAccount},

		{pattern: "GET /openapi.json", open: true, serve: s.showDocument, describe: describeDocument},
		{pattern: "GET /healthz", open: true, serve: s.showHealth, describe: describeHealth},
		{pattern: "GET /readyz", open: true, serve: s.showReady, describe: describeReady},
		{pattern: "GET /metrics", open: true, serve: s.showMetrics, describe: describeMetrics},
	}
}
