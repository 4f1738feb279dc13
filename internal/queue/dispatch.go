package queue

import (
	"context"
	"errors"
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// idleAfter is when a dispatcher without mail ends.
const idleAfter = 10 * time.Second

// dispatch wakes the account's dispatcher, and starts it where there is none.
func (s *scheduler) dispatch(ctx context.Context, team, route email.ID) {
	s.toDispatcher(ctx, team, route, func(d *dispatcher) { d.poke() })
}

// lookAt has the account's dispatcher look for unknown outcomes.
func (s *scheduler) lookAt(ctx context.Context, team, route email.ID) {
	s.toDispatcher(ctx, team, route, func(d *dispatcher) { signal(d.looks) })
}

func (s *scheduler) toDispatcher(ctx context.Context, team, route email.ID, tell func(d *dispatcher)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.running[route]; d != nil {
		tell(d)
		return
	}
	d := newDispatcher(s, team, route)
	tell(d)
	s.running[route] = d
	s.work.Go(func() { d.run(ctx) })
}

// dispatcher sends the mail of one account. Its loop starts what it has in hand
// and has more claimed beside it; the desk is all that these share.
type dispatcher struct {
	s           *scheduler
	e           *Engine
	team, route email.ID
	woken       chan struct{} // mail may be due
	looks       chan struct{} // a look for an unknown outcome is due
	turn        chan struct{} // something in hand has changed
	work        sync.WaitGroup
	looking     chan struct{} // holds a place while a look is under way
	again       *time.Timer   // wakes it after the store failed
	freed       *time.Timer   // sets it going when a limit has room again
	opened      *opened       // the account as it was when it was last woken

	desk desk
}

func newDispatcher(s *scheduler, team, route email.ID) *dispatcher {
	return &dispatcher{
		s: s, e: s.e, team: team, route: route, woken: make(chan struct{}, 1), looks: make(chan struct{}, 1),
		turn: make(chan struct{}, 1), looking: make(chan struct{}, 1),
	}
}

// signal leaves one sign in a channel.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (d *dispatcher) poke() { signal(d.woken) }

func (d *dispatcher) run(ctx context.Context) {
	idle := time.NewTimer(idleAfter)
	defer idle.Stop()
	d.again = time.AfterFunc(time.Hour, d.poke)
	d.again.Stop()
	d.freed = time.AfterFunc(time.Hour, func() {
		d.desk.unblock()
		signal(d.turn)
	})
	d.freed.Stop()
	for {
		select {
		case <-ctx.Done():
			d.gone()
			return
		case <-idle.C:
			if d.leave(false) {
				d.work.Wait()
				return
			}
		case <-d.turn:
		case <-d.looks:
			d.beginLook(ctx)
		case <-d.woken:
			if gone := d.wake(ctx); gone {
				return
			}
		}
		d.turnTo(ctx)
		idle.Reset(idleAfter)
	}
}

// wake reads how many sends the account may have at a time. It tells whether the
// dispatcher has ended with its account.
func (d *dispatcher) wake(ctx context.Context) (gone bool) {
	a, err := d.e.accounts.get(ctx, d.team, d.route)
	if errors.Is(err, store.ErrNotFound) {
		d.gone()
		return true
	}
	if err != nil {
		d.failed(ctx, err)
		return false
	}
	d.desk.woken(max(1, a.limits.MaxParallel))
	if d.opened != a.opened {
		d.desk.unblock() // its limits may be others now
		d.opened = a.opened
	}
	return false
}

// beginLook starts a look for unknown outcomes.
func (d *dispatcher) beginLook(ctx context.Context) {
	select {
	case d.looking <- struct{}{}:
		d.work.Go(func() { d.look(ctx) })
	default: // one is under way
	}
}

// failed notes that the store did not do what was asked, and tries again later.
func (d *dispatcher) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	d.e.cfg.Log.Error("the mail of an account could not be worked on and is tried again", "account", d.route, "err", err)
	d.again.Reset(tryAgain)
}

// turnTo begins all that may begin now: sends, and a claim beside them.
func (d *dispatcher) turnTo(ctx context.Context) {
	if !d.e.owns(d.route) {
		d.desk.yield()
	}
	if back := d.desk.recalled(); len(back) > 0 {
		d.work.Go(func() { d.giveBack(back) })
	}
	for {
		c, ok := d.desk.begin()
		if !ok {
			break
		}
		d.work.Go(func() { d.send(c) })
	}
	if r, calls, ok := d.desk.room(); ok {
		d.work.Go(func() { d.claim(ctx, r, calls) })
	}
}

// claim has more claimed. What comes when the account's mail has been called back
// meanwhile goes back too.
func (d *dispatcher) claim(ctx context.Context, r room, calls int) {
	got, err := d.e.claim(ctx, d.team, d.route, r)
	d.e.readAhead(ctx, d.team, got.claims)
	if err != nil {
		d.failed(ctx, err)
	}
	d.desk.add(got, r, calls)
	if got.blocked != nil {
		d.freed.Reset(got.wait)
	}
	signal(d.turn)
}

func (d *dispatcher) giveBack(claims []claimed) {
	if err := d.e.giveBack(context.Background(), claims...); err != nil {
		d.e.cfg.Log.Error("messages that were claimed could not be put back; they are taken back later", "account", d.route, "err", err)
	}
}

// gone ends the dispatcher, because the engine stops or the account is not there,
// once what it began has ended; what has not begun goes back. Mail that has come
// since is not its concern: the poll starts another dispatcher where there is an
// account, and strand ends what has none.
func (d *dispatcher) gone() {
	d.giveBack(d.desk.close())
	d.work.Wait()
	d.giveBack(d.desk.close()) // what a claim has brought meanwhile
	d.leave(true)
}

// leave ends the dispatcher unless mail has just come.
func (d *dispatcher) leave(now bool) bool {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	if !now && (len(d.woken) > 0 || len(d.looks) > 0 || len(d.looking) > 0 || d.desk.busy()) {
		return false
	}
	delete(d.s.running, d.route)
	return true
}

// look looks once. What fails is tried again by the next poll.
func (d *dispatcher) look(ctx context.Context) {
	defer func() { <-d.looking }()
	if _, err := d.e.look(ctx, d.team, d.route); err != nil && ctx.Err() == nil {
		d.e.cfg.Log.Error("a look in Sent could not be made and is tried again", "account", d.route, "err", err)
	}
}

// send makes one attempt. It has a time limit of its own and outlives the stop
// of the engine: to cut it would leave a message that nobody can judge. Its place
// is free as soon as the provider has answered; the outcome is written beside.
func (d *dispatcher) send(c claimed) {
	ctx, cancel := context.WithTimeout(context.Background(), d.e.cfg.SendTimeout)
	began := d.e.cfg.Elapsed()
	o := d.e.attempt(ctx, c)
	took := d.e.cfg.Elapsed() - began
	cancel()
	halts := o.stopsAccount()
	d.s.outcomes <- struct{}{}
	d.desk.end(c.Lane, took, halts)
	signal(d.turn)
	err := d.write(c.Entry, o)
	<-d.s.outcomes
	for err != nil && !errors.Is(err, store.ErrClosed) {
		d.e.cfg.Log.Error("an outcome could not be written and is tried again", "message", c.Message, "err", err)
		<-time.After(tryAgain)
		err = d.write(c.Entry, o)
	}
	d.e.hand.put(c.Entry)
	if d.desk.written() {
		signal(d.turn)
	}
	if halts {
		d.desk.resume()
		signal(d.turn)
	}
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
