// Package queue is the engine: it takes submissions, keeps them, sends each
// through its account, decides what the answers mean, and reports.
//
// Each step is a plain function (submit, claim, attempt, settle, look, recover);
// the loops in run.go are thin shells around them, so that a simulation can call
// the same steps from one goroutine under a seed. The rule of what an answer
// means stands in settle.go and nowhere else.
//
// It is not a door: it knows neither HTTP nor SMTP sessions.
package queue

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// Config is what an engine is given.
type Config struct {
	Store *store.Store
	Vault *vault.Vault
	Kinds []provider.Kind
	Node  email.ID // this process's name; see store.NodeID

	Log *slog.Logger     // nil: none
	Now func() time.Time // nil: time.Now
	// Elapsed is time since some origin by a clock that nobody sets, sleep of the
	// machine included. nil: the system's clock since boot.
	Elapsed func() time.Duration
	Random  io.Reader // for ids and jitter; safe for many goroutines. nil: crypto/rand

	// For providers: the network, further trusted certificates, and the address of
	// a provider's API where it is not the public one, by kind.
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
	RootCAs  *x509.CertPool
	BaseURLs map[string]string
	// SMTPAddresses are hosts and ports in place of a provider's public SMTP server,
	// by kind.
	SMTPAddresses map[string]string
	Trace         func(stage string) // told each stage of each send; see provider.Deps

	// Looks are the times after an attempt's outcome became unknown at which its
	// copy is looked for in Sent. The last has to be later than a copy may take to
	// appear. Empty: 30 s, 2 min, 10 min.
	Looks []time.Duration
	// SendTimeout ends an attempt. 0: 10 minutes, which is how long a server may
	// take to answer the end of data (RFC 5321 section 4.5.3.2.6).
	SendTimeout time.Duration
	// Horizon is how long a message is retried; parked and held time does not
	// count. 0: 24 hours.
	Horizon time.Duration
	// Lease is how long after its last heartbeat a node still counts as alive.
	// 0: 10 s.
	Lease time.Duration
	// Shared says that other nodes may use the same database. PostgreSQL always
	// counts as shared.
	Shared bool
	// Bodies is how many bytes of messages may be in hand at once. 0: 256 MiB.
	Bodies int64

	shared bool // Now is the time that all nodes go by
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil && c.Store != nil {
		c.Now, c.shared = c.Store.Now, true
	} else if c.Now == nil {
		c.Now = time.Now
	}
	if c.Elapsed == nil {
		c.Elapsed = sinceBoot()
	}
	if c.Random == nil {
		c.Random = systemRandom
	}
	if len(c.Looks) == 0 {
		c.Looks = []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute}
	}
	setDefault(&c.SendTimeout, 10*time.Minute)
	setDefault(&c.Horizon, 24*time.Hour)
	setDefault(&c.Lease, 10*time.Second)
	if c.Bodies == 0 {
		c.Bodies = 256 << 20
	}
	return c
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}

// Engine is the queue of one process. It is safe for use by many goroutines.
type Engine struct {
	cfg      Config
	kinds    map[string]provider.Kind
	accounts *accounts
	bodies   *budget
	recent   *recent
	hand     *hand
	clock    *clock
	breaker  *breaker
	learning learning
	drafts   map[email.ID]*watched
	brought  brought
	pooled   pooled
	watches  *provider.Watches

	epoch  int64 // of this process, from Enter
	pulse  *pulse
	paces  *paces
	roster *roster

	mu    sync.Mutex
	woken map[email.ID]email.ID // route to team: mail came, or an account was released
	wake  chan struct{}
}

// New makes an engine. It starts nothing and touches no row.
func New(cfg Config) *Engine {
	cfg = cfg.withDefaults()
	e := &Engine{
		cfg: cfg, kinds: map[string]provider.Kind{}, bodies: newBudget(cfg.Bodies),
		woken: map[email.ID]email.ID{}, wake: make(chan struct{}, 1),
	}
	for _, k := range cfg.Kinds {
		e.kinds[k.Name] = k
	}
	e.accounts, e.recent = newAccounts(e), newRecent()
	e.drafts = map[email.ID]*watched{}
	e.pooled.kept = map[email.ID]keptDues{}
	e.hand = &hand{held: map[email.ID]int64{}}
	e.breaker, e.watches = newBreaker(), provider.NewWatches(cfg.Now)
	e.clock = newClock(cfg.Now, cfg.Elapsed)
	e.clock.wasSet = e.clockWasSet
	e.roster = newRoster(cfg.Node)
	e.paces = newPaces(cfg.Elapsed)
	e.pulse = &pulse{now: cfg.Now, elapsed: cfg.Elapsed, lease: cfg.Lease}
	return e
}

// Errors of submissions and of a person's operations, for doors to translate.
var (
	// ErrForbidden says that the key does not have the scope for this.
	ErrForbidden = errors.New("this API key may not do that")
	// ErrKeyReused says that an idempotency key came again with another request.
	ErrKeyReused = errors.New("this idempotency key was used for another request")
	// ErrOverloaded says that too many bytes of messages are in hand already.
	ErrOverloaded = errors.New("too many messages are being taken at the moment")
	// ErrNotFound and ErrNotHeld are the store's, for doors.
	ErrNotFound = store.ErrNotFound
	ErrNotHeld  = store.ErrNotHeld
	// ErrTooLate says that a message is on its way, or final, so that it can no
	// longer be canceled or changed. What wraps it says which.
	ErrTooLate = store.ErrTooLate
	// ErrNothingToRetry says that no recipient of the message failed.
	ErrNothingToRetry = store.ErrNothingToRetry
	// ErrShredded says that the content of the message is gone, as its type asks.
	ErrShredded = store.ErrShredded
	// ErrBusy says that the store did not take the message in time.
	ErrBusy = store.ErrBusy
)

// StorageFull tells whether an error says that there is no room to keep anything.
func StorageFull(err error) bool { return store.Full(err) }

// Unavailable tells whether an error says that the database does not answer, and
// nothing was kept.
func Unavailable(err error) bool { return store.Unavailable(err) }

// Invalid is a submission that cannot be taken, with all that is wrong about it.
// Fields are named as in the API: "from", "to[1]", "attachments[0].filename".
type Invalid struct{ Problems []email.Problem }

// Error implements error.
func (v *Invalid) Error() string {
	s := "the message cannot be taken"
	for _, p := range v.Problems {
		s += "; " + p.String()
	}
	return s
}

// clockWasSet says what follows from a wall clock that somebody has set.
func (e *Engine) clockWasSet(by time.Duration) {
	if by > 0 {
		e.cfg.Log.Warn("the clock was set forward: until it is set back, or gatepost started again, scheduled mail leaves and expires by the time before", "by", by)
		return
	}
	e.cfg.Log.Warn("the clock was set back", "by", -by)
}

// notify makes the engine look at a route now.
func (e *Engine) notify(team, route email.ID) {
	e.mu.Lock()
	e.woken[route] = team
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// PoolChanged tells the engine that a team's pools were changed by a person.
func (e *Engine) PoolChanged(team email.ID) { e.accounts.forget(team, "") }

// AccountChanged tells the engine that an account or its credential was changed
// by a person: it is read again and its mail tried now.
func (e *Engine) AccountChanged(team, account email.ID) {
	e.accounts.forget(team, account)
	e.notify(team, account)
}
