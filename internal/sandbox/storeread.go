package sandbox

import (
	"slices"
	"strings"
	"time"
)

// message finds a message by the id that the world gave it.
func (s *store) message(id string) (*message, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, ok := s.byID[id]
	return m, ok
}

// copy finds a message in one mailbox; what is not visible yet is not there.
func (s *store) copy(owner, id string, now time.Time) (*boxed, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.copies[id]
	if !ok || !strings.EqualFold(b.owner, owner) || b.visible.After(now) {
		return nil, false
	}
	return b, true
}

// listQuery asks for a page of a mailbox, newest first.
type listQuery struct {
	owner  string
	want   func(*boxed) bool
	before uint64 // arrival order to continue below; zero starts at the newest
	limit  int
	now    time.Time
}

// list returns a page and whether there is more.
func (s *store) list(q listQuery) (page []*boxed, more bool) {
	s.mu.RLock()
	box := s.boxes[strings.ToLower(q.owner)]
	s.mu.RUnlock() // what was appended so far stays as it is
	for _, b := range slices.Backward(box) {
		if q.before > 0 && b.seq >= q.before || b.visible.After(q.now) || !q.want(b) {
			continue
		}
		if len(page) == q.limit {
			return page, true
		}
		page = append(page, b)
	}
	return page, false
}

// history is the number of the last change, as Gmail's historyId.
func (s *store) history() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.seq
}

// latest returns messages for a recipient, or all when to is empty, newest first.
func (s *store) latest(to string, limit int) []*message {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []*message
	if to == "" {
		for _, m := range slices.Backward(s.all[max(0, len(s.all)-limit):]) {
			out = append(out, m)
		}
		return out
	}
	for _, b := range slices.Backward(s.boxes[strings.ToLower(to)]) {
		if len(out) == limit {
			break
		}
		if b.has([]string{labelInbox}) {
			out = append(out, b.of)
		}
	}
	return out
}

// boxSummary is a mailbox in the list of mailboxes.
type boxSummary struct {
	Address        string
	Received, Sent int
	LastAt         time.Time
}

// summaries lists the mailboxes, the one with the newest mail first, and how
// many there are in all.
func (s *store) summaries(limit int) ([]boxSummary, int) {
	s.mu.RLock()
	var all []boxSummary
	for _, box := range s.boxes {
		all = append(all, summarize(box))
	}
	s.mu.RUnlock()
	slices.SortFunc(all, func(a, b boxSummary) int {
		if c := b.LastAt.Compare(a.LastAt); c != 0 {
			return c
		}
		return strings.Compare(a.Address, b.Address)
	})
	return all[:min(limit, len(all))], len(all)
}

func summarize(box []*boxed) boxSummary {
	last := box[len(box)-1]
	sum := boxSummary{Address: last.owner, LastAt: last.of.At}
	for _, b := range box {
		if b.has([]string{labelSent}) {
			sum.Sent++
		}
		if b.has([]string{labelInbox}) {
			sum.Received++
		}
	}
	return sum
}

// count is how many visible messages a mailbox has.
func (s *store) count(owner string, now time.Time) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := 0
	for _, b := range s.boxes[strings.ToLower(owner)] {
		if !b.visible.After(now) {
			n++
		}
	}
	return n
}
