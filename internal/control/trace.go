package control

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
)

// Dialogue names a connection at the SMTP door.
type Dialogue struct {
	ID      string
	Client  netip.Addr
	Team    email.ID // empty before the login
	Key     email.ID
	KeyName string
}

// TraceLine is one line of a dialogue, without secrets and content.
type TraceLine struct {
	At   time.Time
	On   Dialogue
	Who  string // "client" or "gatepost"
	Text string
}

// Traces let somebody watch dialogues as they go on. Where nobody watches, a line
// costs one load.
type Traces struct {
	now     func() time.Time
	ids     atomic.Uint64
	watched atomic.Int32

	mu       sync.Mutex
	watchers map[*watcher]bool
}

type watcher struct {
	team  email.ID
	whom  Whom
	lines chan TraceLine
}

// Whom says whose dialogues are watched: all fields that are given have to fit.
type Whom struct {
	Clients netip.Prefix // zero: any
	Key     string       // its id or name, from the login on; empty: any
}

// NewTraces makes a place where nobody watches yet.
func NewTraces(now func() time.Time) *Traces {
	return &Traces{now: now, watchers: map[*watcher]bool{}}
}

// NewID numbers a dialogue.
func (t *Traces) NewID() string {
	if t == nil {
		return ""
	}
	return fmt.Sprintf("c%d", t.ids.Add(1))
}

// Say shows a line to those who watch. Somebody who does not read fast enough misses
// lines rather than hold the client up.
func (t *Traces) Say(on Dialogue, who, text string) {
	if t == nil || t.watched.Load() == 0 {
		return
	}
	line := TraceLine{At: t.now(), On: on, Who: who, Text: text}
	t.mu.Lock()
	defer t.mu.Unlock()
	for w := range t.watchers {
		if !w.wants(on) {
			continue
		}
		select {
		case w.lines <- line:
		default:
		}
	}
}

// wants tells whether a dialogue is watched. What is said before a login belongs to
// nobody yet, and is shown to those who watch a network.
func (w *watcher) wants(on Dialogue) bool {
	if on.Team != "" && on.Team != w.team {
		return false
	}
	if w.whom.Clients.IsValid() && !w.whom.Clients.Contains(on.Client) {
		return false
	}
	return w.whom.Key == "" || w.whom.Key == on.Key || strings.EqualFold(w.whom.Key, on.KeyName) && on.KeyName != ""
}

const (
	maxWatchers = 10
	maxWaiting  = 1000 // lines that one may be behind
)

// TraceTime bounds how long a trace may run.
const TraceTime = time.Hour

// Trace gives the lines of dialogues at the SMTP door of this node, as they come,
// until ctx ends.
func (c *Control) Trace(ctx context.Context, g access.Grant, whom Whom) (<-chan TraceLine, error) {
	if err := may(g, access.ScopeMessagesRead); err != nil {
		return nil, err
	}
	t := c.cfg.Traces
	if t == nil {
		return nil, fmt.Errorf("the SMTP door: %w", ErrNotFound)
	}
	w := &watcher{team: g.Team, whom: whom, lines: make(chan TraceLine, maxWaiting)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.watchers) >= maxWatchers {
		return nil, fmt.Errorf("%w: %d traces are running already; wait until one ends", ErrInUse, maxWatchers)
	}
	t.watchers[w] = true
	t.watched.Add(1)
	context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.watchers, w)
		t.watched.Add(-1)
		close(w.lines)
	})
	return w.lines, nil
}
