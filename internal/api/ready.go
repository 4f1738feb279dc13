package api

import (
	"context"
	"time"
)

const (
	readyWithin = 5 * time.Second // that the store may take for the write of /readyz
	readyEvery  = time.Second     // and how often it is asked at most
)

// readiness asks the store whether it takes writes, for all who want to know in
// the same second: whoever may look must not be able to keep it busy.
type readiness struct {
	ask func(context.Context) error
	now func() time.Time

	turn chan struct{} // holds one while the store is asked: others wait for that answer
	at   time.Time     // of the last answer; zero: none yet
	err  error
}

func newReadiness(ask func(context.Context) error) *readiness {
	return &readiness{ask: ask, now: time.Now, turn: make(chan struct{}, 1)}
}

// check gives the answer of the present second. The question does not end with who
// asked it first, as others wait for the answer.
func (r *readiness) check(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !r.at.IsZero() && r.now().Sub(r.at) < readyEvery {
		return r.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWithin)
	defer cancel()
	r.err = r.ask(ctx)
	r.at = r.now()
	return r.err
}
