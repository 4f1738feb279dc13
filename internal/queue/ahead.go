package queue

import (
	"context"
	"time"
)

// bringBackEvery is how often what a clock put off that was ahead is looked for where
// this process's own clock runs evenly: another node's may not.
const bringBackEvery = 10 * time.Minute

// brought says when it was looked last for what waits by a clock that was ahead.
type brought struct {
	ever  bool
	backs int           // how often the clock had been set back by then
	at    time.Duration // in elapsed time
}

// bringBack lets mail go on that waits because the wall clock was ahead when that was
// written: as soon as the clock is set back, when a process starts, because it may
// have been set before, and from time to time. One goroutine calls it at a time.
func (e *Engine) bringBack(ctx context.Context) error {
	last, now := e.brought, brought{true, e.clock.setBacks(), e.cfg.Elapsed()}
	other := now.at-last.at >= bringBackEvery && e.owns("duty bring back")
	if last.ever && now.backs == last.backs && !other {
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
		e.brought = now
	}
	return err
}
