package provider

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/internal/email"
)

// Who says a WireLine.
const (
	ByGatepost = "gatepost"
	ByProvider = "provider"
	ByNobody   = "note" // what happened to the connection
)

// WireLine is one line of what an account and its provider say to each other, without
// tokens, passwords and content.
type WireLine struct {
	At   time.Time
	Who  string
	Text string
}

// Watches let somebody watch accounts as they speak to their providers. Where nobody
// watches, an attempt costs one load.
type Watches struct {
	now     func() time.Time
	watched atomic.Int32

	mu  sync.Mutex
	all map[chan WireLine]email.ID
}

// NewWatches makes a place where nobody watches yet.
func NewWatches(now func() time.Time) *Watches {
	return &Watches{now: now, all: map[chan WireLine]email.ID{}}
}

const (
	maxWatches = 10
	maxBehind  = 1000 // lines that a watcher may be behind
)

// ErrWatched says that as many watch as may.
var ErrWatched = errors.New("as many accounts are watched as may be at a time")

// Watch gives what an account says and hears, as it is said, until ctx ends. Whoever does
// not read fast enough misses lines.
func (w *Watches) Watch(ctx context.Context, account email.ID) (<-chan WireLine, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) >= maxWatches {
		return nil, ErrWatched
	}
	lines := make(chan WireLine, maxBehind)
	w.all[lines] = account
	w.watched.Add(1)
	context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, lines)
		w.watched.Add(-1)
		close(lines)
	})
	return lines, nil
}

// On returns a context in which what is said for the account is shown to those who watch
// it; the same one where nobody does. w may be nil.
func (w *Watches) On(ctx context.Context, account email.ID) context.Context {
	if w == nil || w.watched.Load() == 0 {
		return ctx
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, of := range w.all {
		if of == account {
			return context.WithValue(ctx, watchKey{}, &Watched{w, account})
		}
	}
	return ctx
}

type watchKey struct{}

// Watched is an account that somebody watches. Nil is one that nobody does.
type Watched struct {
	watches *Watches
	account email.ID
}

// WatchedIn finds the account that is watched in a context; nil: none is.
func WatchedIn(ctx context.Context) *Watched {
	if ctx == nil {
		return nil
	}
	x, _ := ctx.Value(watchKey{}).(*Watched)
	return x
}

// Say shows a line. Tokens in it are masked.
func (x *Watched) Say(who, format string, values ...any) {
	if x == nil {
		return
	}
	line := WireLine{At: x.watches.now(), Who: who, Text: CleanReply(fmt.Sprintf(format, values...))}
	x.watches.mu.Lock()
	defer x.watches.mu.Unlock()
	for lines, of := range x.watches.all {
		if of != x.account {
			continue
		}
		select {
		case lines <- line:
		default:
		}
	}
}
