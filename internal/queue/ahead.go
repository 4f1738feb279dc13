package queue

import (
	"context"
	"time"
)

// How often what a clock put off that was ahead is looked for: where this process's own
// clock runs evenly it may have been another's; after it was set back, an attempt that
// had begun before may still write its outcome by the old time.
const (
	bringBackEvery = 10 * time.Minute
	bringBackAgain = 15 * time.Second
)

// brought says when it was looked last for what waits by a clock that was ahead.
type brought struct {
	ever  bool
	backs int           // how often the clock had been set back by then
	since time.Duration // the last of these, in elapsed time
	at    time.Duration
}

// bringBack lets mail go on that waits because the wall clock was ahead when that was
// written: as soon as the clock is set back and for a while after, when a process starts,
// because it may have been set before, and from time to time. One goroutine calls it at
// a time.
func (e *Engine) bringBack(ctx context.Context) error {
	last, backs, now := e.brought, e.clock.setBacks(), e.cfg.Elapsed()
	next := brought{true, backs, last.since, now}
	if !last.ever || backs != last.backs {
		next.since = now
	} else if since := now - last.at; since < bringBackAgain ||
		now-last.since > e.cfg.SendTimeout && (since < bringBackEvery || !e.owns("duty bring back")) {
		return nil
	}
	b, err := e.cfg.Store.BringBack(ctx, e.cfg.Now())
	if b.Messages > 0 || len(b.Accounts) > 0 {
		e.cfg.Log.Warn("what waited by a clock that was ahead waits by the clock as it is now", "messages", b.Messages, "accounts", len(b.Accounts))
	}
	for _, a := range b.Accounts {
		e.accounts.forget(a.Team, a.ID)
	}
	if err == nil {
		e.brought = next
	}
	return err
}
