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

// latest returns all messages, newest first.
func (s *store) latest(limit int) []*message {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []*message
	for _, m := range slices.Backward(s.all[max(0, len(s.all)-limit):]) {
		out = append(out, m)
	}
	return out
}

// in returns the messages of a mailbox that carry a label, newest first.
func (s *store) in(owner, label string, limit int) []*message {
	page, _ := s.list(listQuery{
		owner: owner, limit: limit, now: endOfTime(),
		want: func(b *boxed) bool { return b.has([]string{label}) },
	})
	var out []*message
	for _, b := range page {
		out = append(out, b.of)
	}
	return out
}

// endOfTime makes also those Sent copies visible that shall appear late.
func endOfTime() time.Time { return time.Unix(1<<40, 0) }

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
