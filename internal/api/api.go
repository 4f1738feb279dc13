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
	// Bodies is how many bytes of bodies may be in hand at once; one key may have the
	// half of them. 0: 256 MiB.
	Bodies int64
	// Memory is how much the process may have; 0: no limit. Bodies keep to a part of it,
	// but for one of MaxBody.
	Memory int64
	// Pace is how long each 128 KiB of a body may take to arrive. 0: 10 s.
	Pace time.Duration
	// Fault, when set, is called at named points: "api.body.half" while the body of
	// a message is half read, "api.answer.before" and "api.answer.after" around
	// writing a 202. Tests crash there.
	Fault func(point string)
}

// perBody is how many bytes of memory a byte of a body may cost while it is read,
// decoded and built into a message.
const perBody = 4

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
	c.Bodies = max(c.Bodies, 2*c.MaxBody) // or the largest body of a key would be more than its half
	if c.Memory > 0 {
		c.Bodies = min(c.Bodies, max(c.Memory/perBody, c.MaxBody))
	}
	if c.Pace == 0 {
		c.Pace = 10 * time.Second
	}
	return c
}

// server is the door.
type server struct {
	Config
	bodies   *budget
	buffers  buffers
	metrics  *metrics
	ready    *readiness
	requests *requestIDs
	openapi  []byte

	messages    decoder[client.NewMessage]
	batches     decoder[client.NewBatch]
	uploads     decoder[client.NewUpload]
	credentials decoder[client.NewCredential]
	accounts    decoder[client.NewAccount]
	changes     decoder[client.ChangeAccount]
	pools       decoder[client.NewPool]
	poolChanges decoder[client.ChangePool]
	pauses      decoder[client.NewPause]
	orders      decoder[client.QueueOrder]
	checks      decoder[client.Check]
	tests       decoder[client.Test]
	exams       decoder[client.Examine]
	consents    decoder[client.NewConsent]
	redirects   decoder[client.FinishConsent]
	links       decoder[client.NewLink]
	keys        decoder[client.NewKey]
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
		batches:     newDecoder[client.NewBatch](),
		uploads:     newDecoder[client.NewUpload](),
		credentials: newDecoder[client.NewCredential](),
		accounts:    newDecoder[client.NewAccount](),
		changes:     newDecoder[client.ChangeAccount](),
		pools:       newDecoder[client.NewPool](),
		poolChanges: newDecoder[client.ChangePool](),
		pauses:      newDecoder[client.NewPause](),
		orders:      newDecoder[client.QueueOrder](),
		checks:      newDecoder[client.Check](),
		tests:       newDecoder[client.Test](),
		exams:       newDecoder[client.Examine](),
		consents:    newDecoder[client.NewConsent](),
		redirects:   newDecoder[client.FinishConsent](),
		links:       newDecoder[client.NewLink](),
		keys:        newDecoder[client.NewKey](),
	}
	s.bodies = newBudget(s.Bodies, s.MaxBody)
	s.metrics = newMetrics(s.Engine, s.Control.NextEnds)
	s.ready = newReadiness(s.Engine.Ready)
	return s
}
