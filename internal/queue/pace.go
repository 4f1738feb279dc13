package queue

import (
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// Mail of the normal and the bulk lane uses short windows evenly: sent as soon as
// it may be, a backlog would fill each window at its beginning, and urgent mail
// would wait for the next. The pace is only a manner of using a limit; what keeps
// the limit is the count in the store.

const (
	longestPace = 10 * time.Minute // longer windows are used as mail comes
	burst       = 20               // the part of a window that may go at once
)

// paces remember, for each limit, until when its mail has been let go at an even
// rate (the theoretical arrival time of the generic cell rate algorithm, ITU-T
// I.371), in elapsed time.
type paces struct {
	elapsed func() time.Duration

	mu    sync.Mutex
	until map[string]time.Duration
}

func newPaces(elapsed func() time.Duration) *paces {
	return &paces{elapsed: elapsed, until: map[string]time.Duration{}}
}

// step is the time that one unit takes.
func step(l *store.Limit) time.Duration {
	return max(1, l.Window/time.Duration(max(1, l.Open(email.Bulk))))
}

// credit fills in how much of each limit may begin now.
func (p *paces) credit(limits []store.Limit) []store.Limit {
	now := p.elapsed()
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]store.Limit, len(limits))
	for i, l := range limits {
		if out[i] = l; !l.Paced {
			continue
		}
		if ahead := now + l.Window/burst - max(p.until[l.Key], now); ahead >= 0 {
			out[i].Credit = int64(ahead/step(&l)) + 1
		}
	}
	return out
}

// spend notes what was claimed.
func (p *paces) spend(limits []store.Limit, claims []*store.Entry) {
	now := p.elapsed()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range limits {
		l := &limits[i]
		if !l.Paced {
			continue
		}
		for _, en := range claims {
			p.until[l.Key] = max(p.until[l.Key], now) + time.Duration(en.Charged()[l.Key])*step(l)
		}
	}
	if len(p.until) > 1024 {
		p.forget(now)
	}
}

// forget drops what says nothing any more.
func (p *paces) forget(now time.Duration) {
	for key, until := range p.until {
		if until <= now {
			delete(p.until, key)
		}
	}
}

// wait is how long until something may begin again.
func (p *paces) wait(l *store.Limit) time.Duration {
	now := p.elapsed()
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, p.until[l.Key]-l.Window/burst-now)
}
