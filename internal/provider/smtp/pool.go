package smtp

import (
	"context"
	"sync"
	"time"

	"gatepost/internal/provider"
)

// keepIdle is how long an unused connection is kept. Relays close theirs after
// one to five minutes.
const keepIdle = 30 * time.Second

// pool keeps the connections of one account: at most max in all, the idle ones
// used again last in, first out, so that those not needed grow old and close.
type pool struct {
	dial  func(context.Context) (*session, *provider.Error)
	slots chan struct{}

	mu     sync.Mutex
	idle   []*session // oldest first
	closed bool
	sweep  *time.Timer
}

func newPool(most int, dial func(context.Context) (*session, *provider.Error)) *pool {
	p := &pool{dial: dial, slots: make(chan struct{}, most)}
	p.sweep = time.AfterFunc(time.Hour, p.closeOld)
	p.sweep.Stop()
	return p
}

// get waits for a free place and gives a kept connection or a new one. Whoever
// gets one gives it back by put or drop.
func (p *pool) get(ctx context.Context) (*session, *provider.Error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, &provider.Error{
			Class: provider.Retry, Scope: provider.ScopeAccount, Cause: "no_free_connection", Err: ctx.Err(),
			Text: "All connections of the account were busy until the send had to end.", Fix: "Raise max_connections if the relay allows more.",
		}
	}
	if s := p.take(); s != nil {
		return s, nil
	}
	return p.fresh(ctx)
}

// fresh makes a new connection for a place that is held already.
func (p *pool) fresh(ctx context.Context) (*session, *provider.Error) {
	s, problem := p.dial(ctx)
	if problem != nil {
		<-p.slots
		return nil, problem
	}
	return s, nil
}

// take gives the youngest idle connection, if one is young enough.
func (p *pool) take() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 || time.Since(p.idle[n-1].idleSince) > keepIdle {
		return nil
	}
	s := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	s.reused = true
	return s
}

// put gives back a connection that is ready for the next message.
func (p *pool) put(s *session) {
	p.mu.Lock()
	keep := !p.closed
	if keep {
		s.idleSince = time.Now()
		if p.idle = append(p.idle, s); len(p.idle) == 1 {
			p.sweep.Reset(keepIdle)
		}
	}
	p.mu.Unlock()
	if !keep {
		s.quit()
	}
	<-p.slots
}

// drop gives back the place of a connection that is no good any more.
func (p *pool) drop(s *session) {
	s.close()
	<-p.slots
}

// stale replaces a kept connection that turned out dead: the others are probably
// dead too, so all idle ones go and a new one is made.
func (p *pool) stale(ctx context.Context, s *session) (*session, *provider.Error) {
	s.close()
	for _, other := range p.empty(false) {
		other.close()
	}
	return p.fresh(ctx)
}

// closeOld ends connections that were idle too long.
func (p *pool) closeOld() {
	p.mu.Lock()
	var old []*session
	for len(p.idle) > 0 && time.Since(p.idle[0].idleSince) >= keepIdle {
		old = append(old, p.idle[0])
		p.idle = p.idle[1:]
	}
	if len(p.idle) > 0 && !p.closed {
		p.sweep.Reset(keepIdle - time.Since(p.idle[0].idleSince))
	}
	p.mu.Unlock()
	for _, s := range old {
		s.quit()
	}
}

func (p *pool) close() {
	for _, s := range p.empty(true) {
		s.quit()
	}
}

func (p *pool) empty(forGood bool) []*session {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idle
	p.idle = nil
	p.closed = p.closed || forGood
	p.sweep.Stop()
	return idle
}
