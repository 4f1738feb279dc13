package queue

import (
	"context"
	"slices"
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

const (
	// shelfBytes bounds the contents on each of the two shelves.
	shelfBytes = 4 << 20
	// shelfTime is how long what lies on a full shelf keeps its place.
	shelfTime = 10 * time.Second
)

// recent keeps what sends are about to need, sealed as it is: what was just stored,
// whose send mostly follows at once, and what was read ahead for claims that wait
// for their turn. It is only a shortcut: what is not here is read from the store.
type recent struct {
	mu            sync.Mutex
	stored, ahead shelf
}

func newRecent() *recent { return &recent{stored: newShelf(), ahead: newShelf()} }

// put keeps a message that has been committed, unless it waits for its time.
func (r *recent) put(m *store.NewMessage) {
	if m.State() == email.Scheduled {
		return
	}
	s := &store.Stored{MailFrom: m.MailFrom, Thread: m.Thread, Size: m.Size, Blob: m.Blob, Content: m.Content, WrappedKey: m.WrappedKey}
	for i, to := range m.Recipients {
		s.Open = append(s.Open, store.OpenRecipient{N: i, Address: to.Address})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stored.put(m.ID, kept{s, 0, m.CreatedAt})
}

// take gives a message away for the send of a claim, nil when it is not here: what
// was read for this claim, or for its first attempt what was stored, all of its
// recipients being still open.
func (r *recent) take(en *store.Entry) *store.Stored {
	r.mu.Lock()
	defer r.mu.Unlock()
	stored, ahead := r.stored.remove(en.Message), r.ahead.remove(en.Message)
	switch {
	case ahead.Stored != nil && ahead.fence == en.Fence:
		return ahead.Stored
	case en.Attempt == 1:
		return stored.Stored
	}
	return nil
}

// drop forgets a message that nobody will send.
func (r *recent) drop(id email.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stored.remove(id)
	r.ahead.remove(id)
}

// lacks are the claims among some whose messages have to be read.
func (r *recent) lacks(claims []claimed) map[email.ID]*store.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[email.ID]*store.Entry{}
	for _, c := range claims {
		if c.Attempt > 1 || r.stored.kept[c.Message].Stored == nil {
			out[c.Message] = c.Entry
		}
	}
	return out
}

// readAhead reads what the sends of claims are going to need, as far as there is
// room: for many, a few statements do it in the place of some for each. What fails
// here is told when the send itself reads it.
func (e *Engine) readAhead(ctx context.Context, team email.ID, claims []claimed) {
	missing := e.recent.lacks(claims)
	if len(missing) < 2 {
		return
	}
	var ids []email.ID
	for _, c := range claims {
		if missing[c.Message] != nil {
			ids = append(ids, c.Message)
		}
	}
	_ = e.cfg.Store.LoadAll(ctx, team, ids, func(id email.ID, m *store.Stored) bool {
		e.recent.mu.Lock()
		defer e.recent.mu.Unlock()
		return e.recent.ahead.put(id, kept{m, missing[id].Fence, missing[id].StartedAt})
	})
}

// kept is a message on a shelf.
type kept struct {
	*store.Stored
	fence int64     // of the claim that it was read for
	at    time.Time // since when it lies there
}

// shelf holds messages up to a number of bytes. A full one takes nothing: what lies
// there will be sent sooner than what comes. Only what waits for long makes room.
type shelf struct {
	kept  map[email.ID]kept
	order []email.ID // oldest first; some may be taken already
	bytes int
}

func newShelf() shelf { return shelf{kept: map[email.ID]kept{}} }

func (s *shelf) put(id email.ID, k kept) bool {
	s.remove(id)
	for s.bytes > 0 && s.bytes+weight(k.Stored) > shelfBytes {
		oldest := s.kept[s.order[0]]
		if oldest.Stored != nil && k.at.Sub(oldest.at) < shelfTime {
			return false
		}
		s.remove(s.order[0])
		if len(s.order) > 0 {
			s.order = s.order[1:]
		}
	}
	s.kept[id] = k
	s.order = append(s.order, id)
	s.bytes += weight(k.Stored)
	if len(s.order) > 2*len(s.kept)+64 { // mostly ids that were taken behind one that waits
		s.order = slices.DeleteFunc(s.order, func(id email.ID) bool { return s.kept[id].Stored == nil })
	}
	return true
}

func (s *shelf) remove(id email.ID) kept {
	k := s.kept[id]
	if k.Stored != nil {
		s.bytes -= weight(k.Stored)
		delete(s.kept, id)
	}
	if len(s.kept) == 0 {
		s.order = nil
	}
	return k
}

// weight is about what a message takes here.
func weight(s *store.Stored) int { return len(s.Content) + 512 + 64*len(s.Open) }
