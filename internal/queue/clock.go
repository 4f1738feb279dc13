package queue

import (
	"sync"
	"time"
)

// clock tells how long the wall clock has been running evenly. Times in rows are
// wall time, so that they mean something after a restart; but a wall clock that
// was set forward would make a wait look over that has hardly begun. What must
// not be decided too early, that an unknown message was not sent, therefore also
// asks this.
type clock struct {
	now     func() time.Time
	elapsed func() time.Duration // since an origin, never set by anybody

	mu      sync.Mutex
	wall    time.Time     // at the last check
	at      time.Duration // elapsed at the last check
	trusted time.Duration // elapsed since when the two have agreed
}

// evenness is how far the clocks may drift apart between two checks without one
// having been set.
const evenness = 2 * time.Second

func newClock(now func() time.Time, elapsed func() time.Duration) *clock {
	at := elapsed()
	return &clock{now: now, elapsed: elapsed, wall: now(), at: at, trusted: at}
}

// even returns for how long the wall clock can be believed.
func (c *clock) even() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, at := c.now().Round(0), c.elapsed()
	if drift := wall.Sub(c.wall) - (at - c.at); drift.Abs() > evenness {
		c.trusted = at
	}
	c.wall, c.at = wall, at
	return at - c.trusted
}
