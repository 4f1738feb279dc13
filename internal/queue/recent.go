package queue

import (
	"slices"
	"sync"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// recentBytes bounds the contents that recent keeps.
const recentBytes = 4 << 20

// recent keeps what was just stored, sealed as it is, for the send that mostly
// follows at once: that saves reading it back. It is only a shortcut: what is not
// here is read from the store.
type recent struct {
	mu    sync.Mutex
	kept  map[email.ID]*store.Stored
	order []email.ID // oldest first; some may be taken already
	bytes int
}

func newRecent() *recent { return &recent{kept: map[email.ID]*store.Stored{}} }

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
	r.kept[m.ID] = s
	r.order = append(r.order, m.ID)
	for r.bytes += weight(s); r.bytes > recentBytes && len(r.order) > 0; r.order = r.order[1:] {
		r.remove(r.order[0])
	}
	if len(r.order) > 2*len(r.kept)+64 { // mostly ids that were taken behind one that waits
		r.order = slices.DeleteFunc(r.order, func(id email.ID) bool { return r.kept[id] == nil })
	}
}

// take gives a message away for its first attempt, when all of its recipients are
// still open; nil when it is not here.
func (r *recent) take(en *store.Entry) *store.Stored {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.kept[en.Message]
	r.remove(en.Message)
	if en.Attempt != 1 {
		return nil
	}
	return s
}

// drop forgets a message that nobody will send.
func (r *recent) drop(id email.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(id)
}

func (r *recent) remove(id email.ID) {
	if s := r.kept[id]; s != nil {
		r.bytes -= weight(s)
		delete(r.kept, id)
	}
	if len(r.kept) == 0 {
		r.order = nil
	}
}

// weight is about what a message takes here.
func weight(s *store.Stored) int { return len(s.Content) + 512 + 64*len(s.Open) }
