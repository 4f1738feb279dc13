package api

import (
	"sync"

	"gatepost/internal/email"
)

// budget bounds the bytes of bodies in hand: of all requests, and of those of each
// key, so that one key cannot keep all others out.
type budget struct {
	most, each int64

	mu   sync.Mutex
	used int64
	keys map[email.ID]int64 // of keys with bodies in hand
}

// newBudget lets each key have the half, or as much as the largest body needs.
func newBudget(most, largest int64) *budget {
	return &budget{most: most, each: max(most/2, largest), keys: map[email.ID]int64{}}
}

// share is what one request holds of the budget.
type share struct {
	b    *budget
	key  email.ID
	held int64
}

// grow takes n bytes more, or nothing. Who will need more later, up to a size that
// is known, is refused when there is no room for that now, before all of it is sent
// in vain.
func (s *share) grow(n, upTo int64) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	needed := max(n, upTo-s.held)
	if s.b.used+needed > s.b.most || s.b.keys[s.key]+needed > s.b.each {
		return errOverloaded
	}
	s.b.used += n
	s.b.keys[s.key] += n
	s.held += n
	return nil
}

// release gives everything back.
func (s *share) release() {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.used -= s.held
	if s.b.keys[s.key] -= s.held; s.b.keys[s.key] <= 0 {
		delete(s.b.keys, s.key)
	}
	s.held = 0
}
