package api

import "sync/atomic"

// budget bounds the bytes of bodies in hand, over all requests.
type budget struct {
	most int64
	used atomic.Int64
}

// share is what one request holds of the budget.
type share struct {
	b    *budget
	held int64
}

// grow takes n bytes more, or nothing.
func (s *share) grow(n int64) error {
	if s.b.used.Add(n) > s.b.most {
		s.b.used.Add(-n)
		return errOverloaded
	}
	s.held += n
	return nil
}

// release gives everything back.
func (s *share) release() {
	s.b.used.Add(-s.held)
	s.held = 0
}
