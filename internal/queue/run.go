package queue

import (
	"context"
	"errors"
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// Intervals of the loops.
const (
	slowPoll    = time.Second      // the net below wake-ups and timers
	foldEvery   = 5 * time.Second  // counts into totals
	expireEvery = 2 * time.Second  // messages whose time is over
	strandEvery = 10 * time.Second // messages whose account was removed
	retainEvery = 10 * time.Minute // contents that have been kept long enough
	sweepEvery  = time.Hour        // contents without a row
	sweepAge    = 24 * time.Hour   // and how old they have to be
	finishing   = 128              // outcomes that may wait for their commit at once
	tryAgain    = time.Second      // after the store failed
)

// Run works until ctx ends, then lets what is being sent come to its end, writes
// the outcomes down and returns. Enter comes before it.
func (e *Engine) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &scheduler{e: e, running: map[email.ID]*dispatcher{}, outcomes: make(chan struct{}, finishing)}
	// The heart beats until the last send has ended: others must not take it over.
	alive, die := context.WithCancel(context.WithoutCancel(ctx))
	defer die()
	var loops, heart sync.WaitGroup
	heart.Go(func() {
		e.every(alive, e.cfg.Lease/5, "heartbeat", func(ctx context.Context) error { return stopOn(cancel, e.beat(ctx)) })
	})
	loops.Go(func() { e.every(ctx, foldEvery, "fold counts", e.once("fold counts", e.cfg.Store.FoldCounts)) })
	loops.Go(func() { e.every(ctx, expireEvery, "expire messages", e.once("expire messages", e.expire)) })
	loops.Go(func() {
		e.every(ctx, strandEvery, "end what has no account", e.once("end what has no account", e.strand))
	})
	loops.Go(func() { e.every(ctx, retainEvery, "shred contents", e.once("shred contents", e.retain)) })
	loops.Go(func() { e.every(ctx, sweepEvery, "sweep contents", e.once("sweep contents", e.sweep)) })
	loops.Go(func() { e.every(ctx, min(draftsEvery, e.cfg.SendTimeout), "sweep drafts", e.sweepDrafts) })
	loops.Go(func() { e.every(ctx, e.cfg.Lease/2, "take on what nobody sends", e.rescue) })
	loops.Go(func() { e.every(ctx, reportEvery, "tell senders", e.once("tell senders", e.tellSenders)) })
	loops.Go(func() { e.every(ctx, slowPoll, "bring back what a clock put off", e.bringBack) })
	e.startNodes(ctx, &loops)
	s.run(ctx)
	loops.Wait()
	die()
	heart.Wait()
	e.accounts.close()
	ended := context.WithoutCancel(ctx)
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return e.cfg.Store.Leave(ended, e.cfg.Node, e.epoch)
}

// stopOn ends the engine when another process has taken its name.
func stopOn(cancel context.CancelCauseFunc, err error) error {
	if errors.Is(err, store.ErrFenced) {
		cancel(err)
	}
	return err
}

// every repeats a duty until ctx ends. Repeated failures are logged once a
// minute.
func (e *Engine) every(ctx context.Context, interval time.Duration, what string, duty func(context.Context) error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var logged time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := duty(ctx); err != nil && ctx.Err() == nil && time.Since(logged) > time.Minute {
			e.cfg.Log.Error("a periodic duty failed and is tried again", "duty", what, "err", err)
			logged = time.Now()
		}
	}
}

func (e *Engine) sweep(ctx context.Context) error {
	if e.clock.even() < sweepAge {
		return nil // the age of files is by a clock that may have been set
	}
	n, err := e.cfg.Store.SweepBucket(ctx, e.cfg.Now().Add(-sweepAge))
	if n > 0 {
		e.cfg.Log.Info("contents without a message were removed", "files", n)
	}
	return err
}

// scheduler starts a dispatcher for each account that has something due.
// Accounts without mail cost nothing.
type scheduler struct {
	e        *Engine
	mu       sync.Mutex
	running  map[email.ID]*dispatcher
	work     sync.WaitGroup
	outcomes chan struct{} // places for outcomes that wait for their commit
}

func (s *scheduler) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			s.work.Wait()
			return
		case <-s.e.wake:
			for route, team := range s.e.takeWoken() {
				s.lead(ctx, team, route, 0, true)
			}
		case <-s.e.roster.changed:
			s.handOver()
			timer.Reset(s.poll(ctx))
		case <-timer.C:
			timer.Reset(s.poll(ctx))
		}
	}
}

func (e *Engine) takeWoken() map[email.ID]email.ID {
	e.mu.Lock()
	defer e.mu.Unlock()
	woken := e.woken
	e.woken = map[email.ID]email.ID{}
	return woken
}

// longestPoll is the longest time between two looks at what is due.
const longestPoll = 5 * time.Second

// nextPoll is when to look again where nothing is due: what thousands of accounts
// wait for takes a twentieth of the time. What comes in wakes the scheduler, but what
// is put off is found by looking: so it is never long.
func nextPoll(took time.Duration) time.Duration {
	return max(slowPoll, min(20*took, longestPoll))
}

// poll starts what is due and tells when to look again.
func (s *scheduler) poll(ctx context.Context) time.Duration {
	s.e.clock.even() // a clock that is set is best noticed soon
	began := s.e.cfg.Elapsed()
	dues, err := s.e.cfg.Store.Dues(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.e.cfg.Log.Error("the queue could not be read and is tried again", "err", err)
		}
		return tryAgain
	}
	pooled, err := s.e.cfg.Store.PoolDues(ctx, "")
	if err != nil && ctx.Err() == nil {
		s.e.cfg.Log.Error("what waits for pools could not be read and is tried again", "err", err)
	}
	dues = append(dues, pooled...)
	now, believed, wait := s.e.cfg.Now(), s.e.clock.believed(), nextPoll(s.e.cfg.Elapsed()-began)
	for _, d := range dues {
		mine := s.e.owns(d.Route)
		if !mine && store.PoolOf(d.Route) == "" {
			continue
		}
		if mine && !d.Promote.IsZero() {
			wait = min(wait, s.promote(ctx, d, believed))
		}
		if due(d.Send, now, &wait) {
			s.lead(ctx, d.Team, d.Route, d.Recipients, false)
		}
		if mine && due(d.Look, now, &wait) {
			s.lookAt(ctx, d.Team, d.Route)
		}
	}
	return wait
}

// due tells whether a time has come; one that is to come shortens a wait.
func due(at, now time.Time, wait *time.Duration) bool {
	if at.IsZero() {
		return false
	}
	if at.After(now) {
		*wait = min(*wait, at.Sub(now))
		return false
	}
	return true
}

// promote lets scheduled messages go whose time has come, and tells how long the
// next one has to wait.
func (s *scheduler) promote(ctx context.Context, d store.Due, now time.Time) time.Duration {
	if rest := d.Promote.Sub(now); rest > 0 {
		return rest
	}
	more, err := s.e.promote(ctx, d.Team, d.Route)
	if err != nil && ctx.Err() == nil {
		s.e.cfg.Log.Error("scheduled mail could not be put into the queue and is tried again", "account", d.Route, "err", err)
	}
	if more {
		return 0
	}
	return slowPoll
}
