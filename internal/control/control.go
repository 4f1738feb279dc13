// Package control holds the operations of a person or a key on what gatepost
// works with: credentials, accounts, API keys. Each is one function that checks
// the scope, validates, stores, and tells the engine; every door calls it.
//
// It is not where messages are submitted or read: that is queue's.
package control

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/monitor"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/provider"
	"gatepost/internal/queue"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// Config is what the operations work on.
type Config struct {
	Store    *store.Store
	Vault    *vault.Vault
	Engine   *queue.Engine
	Kinds    []provider.Kind
	TokenURL string // Google's token endpoint where it is not the public one; Endpoints says more

	Endpoints oauth.Endpoints // Google's; zero: the public ones
	Entra     entra.Endpoints // Microsoft's; zero: the public ones
	Keyless   vault.Keyless   // as the vault has it; zero: no identity may be used
	HTTP      *http.Client    // for providers' endpoints. nil: one with a time limit
	// PublicURL gives the address at which browsers reach this gatepost, without a
	// slash at its end. nil: connect links cannot be made.
	PublicURL func() string
	Keys      *access.Keys // told when a key is deleted; may be nil
	Traces    *Traces      // of the SMTP door; nil: there is none

	Machine  Machine        // what the doctor may know of this process
	RootCAs  *x509.CertPool // further authorities that providers' servers are checked by; may be nil
	Patience time.Duration  // of the doctor's probes with a server. 0: a usual one
	Watch    *monitor.Watch // what tells of ends; nil: Expiries knows of none

	Log    *slog.Logger     // nil: none
	Now    func() time.Time // nil: time.Now
	Random io.Reader        // for ids, keys and states; safe for many goroutines. nil: crypto/rand
}

// Control carries out operations. It is safe for use by many goroutines.
type Control struct {
	cfg   Config
	kinds map[string]provider.Kind
}

// New makes a Control. It starts nothing and touches no row.
func New(cfg Config) *Control {
	cfg = cfg.withDefaults()
	c := &Control{cfg: cfg, kinds: map[string]provider.Kind{}}
	for _, k := range cfg.Kinds {
		c.kinds[k.Name] = k
	}
	return c
}

func (cfg Config) withDefaults() Config {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: httpTimeout}
	}
	if cfg.Keyless.HTTP == nil {
		cfg.Keyless.HTTP = cfg.HTTP
	}
	if cfg.TokenURL == "" {
		cfg.TokenURL = cfg.Endpoints.TokenURL()
	}
	return cfg
}

// httpTimeout ends a call to Google that nobody answers.
const httpTimeout = 30 * time.Second

// Errors that doors translate. ErrForbidden and ErrNotFound are the engine's.
var (
	ErrForbidden = queue.ErrForbidden
	ErrNotFound  = store.ErrNotFound
	// ErrInUse says that something cannot be removed yet; the text says why.
	ErrInUse = errors.New("in use")
	// ErrLinkClosed says that a connect link was used or canceled.
	ErrLinkClosed = store.ErrLinkClosed
)

// Invalid says that something given to an operation cannot be taken, with all
// that is wrong about it; then nothing was changed. Fields are named as in the
// API: "key.private_key", "smtp.host".
type Invalid struct{ Problems []email.Problem }

// Error implements error.
func (v *Invalid) Error() string {
	s := "this cannot be taken"
	for _, p := range v.Problems {
		s += "; " + p.String()
	}
	return s
}

// problems collects what is wrong.
type problems []email.Problem

func (ps *problems) add(field, format string, args ...any) {
	*ps = append(*ps, email.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

// addAll adds a provider's findings below a prefix.
func (ps *problems) addAll(prefix string, wrong []provider.FieldError) {
	for _, f := range wrong {
		field := prefix
		if f.Field != "" {
			field += "." + f.Field
		}
		ps.add(field, "%s", f.Message)
	}
}

// err is an *Invalid, or nil when nothing is wrong.
func (ps problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return &Invalid{ps}
}

// maxName is the longest name of a credential or key.
const maxName = 200

// name checks what people call a thing.
func (ps *problems) name(name string) {
	switch err := email.CheckHeaderValue(name); {
	case err != nil:
		ps.add("name", "%v", err)
	case name == "":
		ps.add("name", "is missing")
	case len(name) > maxName:
		ps.add("name", "longer than %d bytes", maxName)
	}
}

func may(g access.Grant, scope string) error {
	if !g.May(scope) {
		return fmt.Errorf("%w: it lacks the scope %s", ErrForbidden, scope)
	}
	return nil
}

// known turns an id that cannot be one into ErrNotFound: it is never asked for.
func known(prefix string, id email.ID) error {
	if _, err := email.ParseID(prefix, id); err != nil {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return nil
}

func (c *Control) newID(prefix string) (email.ID, time.Time, error) {
	now := c.cfg.Now()
	id, err := email.NewID(prefix, now, c.cfg.Random)
	return id, now.UTC().Truncate(time.Millisecond), err
}

// event makes an event of now; the store fills in whom it is about.
func (c *Control) event(kind email.EventKind) (store.Event, error) {
	id, now, err := c.newID(email.PrefixEvent)
	return store.Event{ID: id, Kind: kind, At: now}, err
}
