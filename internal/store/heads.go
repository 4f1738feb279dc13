package store

import (
	"slices"
	"sync"
	"time"

	"gatepost/internal/email"
)

// PostgreSQL keeps deleted rows, and what points at them in an index, until no open
// transaction could see them. Beside one that is open for minutes every claim would
// step over all that was sent meanwhile: what waits lies behind it. So a claim begins
// where the last one found the first row that waits, and some time before; and now
// and then at the very beginning, for what another node has put before that.

// Where a claim begins, and how often at the very beginning. The slack is for commits of
// what is due a little earlier and clocks that differ a little: what was sent in it is
// stepped over. What is put further back waits for the next look at the very beginning,
// which takes a twentieth of the time, and comes every ten seconds at least.
const (
	headSlack = 250 * time.Millisecond
	headWhole = 2 * time.Second
	headShare = 20
	headMost  = 10 * time.Second
)

// heads remembers where what waits in each lane begins, for each account that claims:
// of a pool's route one account may have a lane that is paused for another. It is safe
// for use by many goroutines.
type heads struct {
	now     func() time.Time
	mu      sync.Mutex
	changes int
	routes  map[claimed]*head
}

// claimed is a route and who claims from it: its own account, or a member of its pool.
type claimed struct {
	account email.ID
	route   string
}

type head struct {
	due   [3]int64      // of the first row of each lane
	whole time.Time     // when all of the route was looked at
	took  time.Duration // how long that took
}

// headLook is one look at a route: where it begins, and what it was decided by.
type headLook struct {
	from    [3]int64
	whole   bool
	began   time.Time
	changes int
}

// look tells where to begin. A time that has not come is that of a clock that was set
// back.
func (h *heads) look(route claimed, now time.Time) headLook {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := headLook{began: h.now(), changes: h.changes, whole: true}
	x := h.routes[route]
	if x == nil {
		return l
	}
	if age := l.began.Sub(x.whole); age < 0 || age >= min(max(headWhole, headShare*x.took), headMost) {
		return l
	}
	l.whole = false
	for lane, due := range x.due {
		if due <= millis(now) {
			l.from[lane] = max(0, due-headSlack.Milliseconds())
		}
	}
	return l
}

// saw notes what a look at some lanes has found. Where nothing at all was found the
// account may be held, and much may wait: all stays as it is. Where something was, a
// lane without any is empty (or paused: its resumption forgets this).
func (h *heads) saw(route claimed, l headLook, lanes []email.Lane, now time.Time, found []candidate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.changes != h.changes {
		return
	}
	x := h.routes[route]
	if x == nil {
		x = &head{}
		h.put(route, x)
	}
	if l.whole {
		x.due, x.whole, x.took = [3]int64{}, l.began, h.now().Sub(l.began)
	}
	if len(found) == 0 {
		return
	}
	for _, lane := range lanes {
		x.due[lane] = millis(now)
		if i := slices.IndexFunc(found, func(c candidate) bool { return c.lane == lane }); i >= 0 {
			x.due[lane] = found[i].due
		}
	}
}

// knownHeads is how many routes are remembered; with more all are looked at anew.
const knownHeads = 1 << 16

func (h *heads) put(route claimed, x *head) {
	if h.routes == nil || len(h.routes) >= knownHeads {
		h.routes = map[claimed]*head{}
	}
	h.routes[route] = x
}

// forget begins at the very beginning with each route: rows were put before what was
// seen.
func (h *heads) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changes++
	clear(h.routes)
}

// late tells whether rows that are due since a time have been committed so late that
// claims may have begun behind them already.
func (s *Store) late(due time.Time) bool { return !due.IsZero() && s.Now().Sub(due) > headSlack/2 }

// queuedBehind tells whether an outcome puts its message back to where it was.
func (f *Finish) queuedBehind() bool {
	return f.Next != nil && f.Next.State == email.Queued && !f.Next.DueAt.After(f.At)
}
