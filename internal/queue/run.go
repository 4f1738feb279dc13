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
	idleAfter   = 10 * time.Second // a dispatcher without mail ends
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
	loops.Go(func() { e.every(ctx, foldEvery, "fold counts", e.cfg.Store.FoldCounts) })
	loops.Go(func() { e.every(ctx, expireEvery, "expire messages", e.expire) })
	loops.Go(func() { e.every(ctx, strandEvery, "end what has no account", e.strand) })
	loops.Go(func() { e.every(ctx, retainEvery, "shred contents", e.retain) })
	loops.Go(func() { e.every(ctx, sweepEvery, "sweep contents", e.sweep) })
	loops.Go(func() { e.every(ctx, e.cfg.Lease/2, "take on what nobody sends", e.rescue) })
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
				s.dispatch(ctx, team, route)
			}
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

// poll starts what is due and tells when to look again.
func (s *scheduler) poll(ctx context.Context) time.Duration {
	s.e.clock.even() // a clock that is set is best noticed soon
	dues, err := s.e.cfg.Store.Dues(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.e.cfg.Log.Error("the queue could not be read and is tried again", "err", err)
		}
		return tryAgain
	}
	now, believed, wait := s.e.cfg.Now(), s.e.clock.believed(), slowPoll
	for _, d := range dues {
		if !d.Promote.IsZero() {
			wait = min(wait, s.promote(ctx, d, believed))
		}
		for _, at := range []time.Time{d.Send, d.Look} {
			if at.IsZero() {
				continue
			}
			if !at.After(now) {
				s.dispatch(ctx, d.Team, d.Route)
			} else {
				wait = min(wait, at.Sub(now))
			}
		}
	}
	return wait
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

// dispatch wakes the account's dispatcher, and starts it where there is none.
func (s *scheduler) dispatch(ctx context.Context, team, route email.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.running[route]; d != nil {
		d.poke()
		return
	}
	d := &dispatcher{s: s, e: s.e, team: team, route: route, woken: make(chan struct{}, 1), looking: make(chan struct{}, 1)}
	d.poke()
	s.running[route] = d
	s.work.Go(func() { d.run(ctx) })
}

// dispatcher sends the mail of one account.
type dispatcher struct {
	s           *scheduler
	e           *Engine
	team, route email.ID
	woken       chan struct{}
	slots       chan struct{} // one place per send at a time
	sends       sync.WaitGroup
	looks       sync.WaitGroup
	looking     chan struct{} // holds a place while a look is under way
}

func (d *dispatcher) poke() {
	select {
	case d.woken <- struct{}{}:
	default:
	}
}

func (d *dispatcher) run(ctx context.Context) {
	defer d.looks.Wait()
	defer d.sends.Wait()
	idle := time.NewTimer(idleAfter)
	defer idle.Stop()
	for {
		select {
		case <-ctx.Done():
			d.leave(true)
			return
		case <-idle.C:
			if d.leave(false) {
				return
			}
		case <-d.woken:
			err := d.drain(ctx)
			if errors.Is(err, store.ErrNotFound) {
				if d.gone() {
					return
				}
				continue
			}
			if err != nil && ctx.Err() == nil {
				d.e.cfg.Log.Error("the mail of an account could not be worked on and is tried again", "account", d.route, "err", err)
				d.later(ctx)
			}
		}
		idle.Reset(idleAfter)
	}
}

// gone ends the dispatcher of an account that is not there, once what it began
// has ended. Mail that has come since is not its concern: the poll starts another
// dispatcher where there is an account, and strand ends what has none.
func (d *dispatcher) gone() bool {
	d.sends.Wait()
	d.looks.Wait()
	return d.leave(false)
}

// leave ends the dispatcher unless mail has just come.
func (d *dispatcher) leave(now bool) bool {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	busy := len(d.woken) > 0 || len(d.slots) > 0 || len(d.looking) > 0
	if !now && busy {
		return false
	}
	delete(d.s.running, d.route)
	return true
}

func (d *dispatcher) later(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(tryAgain):
		d.poke()
	}
}

// drain starts a look for unknown outcomes beside it, then claims and sends until
// nothing is due.
func (d *dispatcher) drain(ctx context.Context) error {
	if err := d.size(ctx); err != nil {
		return err
	}
	select {
	case d.looking <- struct{}{}:
		d.looks.Go(func() { d.look(ctx) })
	default: // one is under way
	}
	for {
		free, ok := d.acquire(ctx)
		if !ok {
			return nil
		}
		claims, err := d.e.claim(ctx, d.team, d.route, free)
		for range free - len(claims) {
			<-d.slots
		}
		if err != nil {
			return err
		}
		for _, c := range claims {
			d.sends.Go(func() { d.send(c) })
		}
		if len(claims) < free {
			return nil
		}
	}
}

// look looks once. What fails is tried again by the next poll.
func (d *dispatcher) look(ctx context.Context) {
	defer func() { <-d.looking }()
	if _, err := d.e.look(ctx, d.team, d.route); err != nil && ctx.Err() == nil {
		d.e.cfg.Log.Error("a look in Sent could not be made and is tried again", "account", d.route, "err", err)
	}
}

// size makes as many slots as the account may have sends at a time.
func (d *dispatcher) size(ctx context.Context) error {
	a, err := d.e.accounts.get(ctx, d.team, d.route)
	if err != nil {
		return err
	}
	if n := max(1, a.limits.MaxParallel); cap(d.slots) != n {
		d.sends.Wait()
		d.slots = make(chan struct{}, n)
	}
	return nil
}

// acquire waits for a slot and takes all that are free.
func (d *dispatcher) acquire(ctx context.Context) (n int, ok bool) {
	select {
	case d.slots <- struct{}{}:
		n = 1
	case <-ctx.Done():
		return 0, false
	}
	for {
		select {
		case d.slots <- struct{}{}:
			n++
		default:
			return n, ctx.Err() == nil || d.giveBack(n)
		}
	}
}

func (d *dispatcher) giveBack(n int) bool {
	for range n {
		<-d.slots
	}
	return false
}

// send makes one attempt. It has a time limit of its own and outlives the stop
// of the engine: to cut it would leave a message that nobody can judge. The slot
// is free as soon as the provider has answered; the outcome is written beside.
func (d *dispatcher) send(c claimed) {
	ctx, cancel := context.WithTimeout(context.Background(), d.e.cfg.SendTimeout)
	o := d.e.attempt(ctx, c)
	cancel()
	d.s.outcomes <- struct{}{}
	<-d.slots
	err := d.write(c.Entry, o)
	<-d.s.outcomes
	for err != nil && !errors.Is(err, store.ErrClosed) {
		d.e.cfg.Log.Error("an outcome could not be written and is tried again", "message", c.Message, "err", err)
		<-time.After(tryAgain)
		err = d.write(c.Entry, o)
	}
	d.e.hand.put(c.Entry)
}

// write settles an outcome. Whoever fails at it keeps at it: the claim stands
// until then, and a crash in between makes it unknown.
func (d *dispatcher) write(en *store.Entry, o outcome) error {
	f, err := d.e.settle(en, o)
	if err != nil {
		return err
	}
	return d.e.finish(context.Background(), f)
}
