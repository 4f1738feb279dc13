package queue

import (
	"context"
	"sync"
	"time"
)

// clock tells how long the wall clock has been running evenly. Times in rows are
// wall time, so that they mean something after a restart; but a wall clock that
// was set forward would make a wait look over that has hardly begun. What must
// not be decided too early, that an unknown message was not sent, that a scheduled
// one may leave, that one has expired or its content is to go, therefore also asks
// this.
type clock struct {
	now     func() time.Time
	elapsed func() time.Duration   // since an origin, never set by anybody
	wasSet  func(by time.Duration) // told when somebody has set the wall clock; may be nil

	mu      sync.Mutex
	wall    time.Time     // at the last check
	at      time.Duration // elapsed at the last check
	trusted time.Duration // elapsed since when the two have agreed
	setBy   time.Duration // by how much the wall clock was set since the start, all in all
	backs   int           // how often it was set back
	set     bool          // it was set, forward or back
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
	c.check()
	return c.at - c.trusted
}

// evenly is even, and whether that is all the time since this process started.
func (c *clock) evenly() (even time.Duration, ever bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.check()
	return c.at - c.trusted, !c.set
}

// believed is the wall clock as it would be if nobody had set it forward since
// this process started. Whoever sets a wrong clock right starts gatepost again, or
// what is scheduled leaves later by that much.
func (c *clock) believed() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.check()
	return c.wall.Add(-max(0, c.setBy))
}

// setBacks is how often the wall clock was set back since this process started.
func (c *clock) setBacks() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.check()
	return c.backs
}

// check compares the clocks.
func (c *clock) check() {
	wall, at := c.now().Round(0), c.elapsed()
	drift := wall.Sub(c.wall) - (at - c.at)
	c.wall, c.at = wall, at
	if drift.Abs() <= evenness {
		return
	}
	c.trusted, c.setBy, c.set = at, c.setBy+drift, true
	if drift < 0 {
		c.backs++
	}
	if c.wasSet != nil {
		c.wasSet(drift)
	}
}

// syncClock makes this process go by the database's clock, as all nodes do.
func (e *Engine) syncClock(ctx context.Context) error {
	if !e.cfg.shared {
		return nil
	}
	before := e.cfg.Store.Offset()
	err := e.cfg.Store.SyncClock(ctx)
	if by := e.cfg.Store.Offset(); (by - before).Abs() > evenness {
		e.cfg.Log.Warn("this machine's clock and the database's differ: the database's counts; set both by NTP", "this_one_is_behind_by", by)
	}
	return err
}

// pulse knows when this process was last heard of by the others.
type pulse struct {
	now     func() time.Time
	elapsed func() time.Duration
	lease   time.Duration

	mu    sync.Mutex
	last  pulseTime
	again time.Duration // elapsed when it was heard of again after a gap
	gapAt time.Duration // the same, for gaps after the first beat
}

// pulseTime is an instant by both clocks.
type pulseTime struct {
	wall    time.Time
	elapsed time.Duration
}

func (p *pulse) time() pulseTime { return pulseTime{p.now(), p.elapsed()} }

// beat notes a heartbeat that was sent at a time and has arrived. After a gap
// others may have taken over what was claimed before it.
func (p *pulse) beat(sent pulseTime) {
	gap := p.gap()
	p.mu.Lock()
	defer p.mu.Unlock()
	if gap >= p.lease {
		p.again = p.elapsed()
		if !p.last.wall.IsZero() {
			p.gapAt = p.again
		}
	}
	p.last = sent
}

// gap is how long ago the last heartbeat was. The larger age counts: one clock may
// have been set, the other stands still while the machine sleeps.
func (p *pulse) gap() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.now().Sub(p.last.wall), p.elapsed()-p.last.elapsed)
}

// restarted is when the last gap ended.
func (p *pulse) restarted() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.again
}

// missed is when this process was heard of again that had not been for a lease; 0:
// it always was.
func (p *pulse) missed() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gapAt
}
