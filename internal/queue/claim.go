package queue

import (
	"context"
	"errors"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// claimed is an entry that this process may send, and when it was claimed at the
// latest, in elapsed time.
type claimed struct {
	*store.Entry
	at time.Duration
}

// room is how much a claim may take.
type room struct {
	limit   int // in all
	reserve int // of these, for the urgent lane alone
	passed  int // messages of the normal lane since the last one of bulk
}

// gained is what a claim has brought, and what keeps back more.
type gained struct {
	claims  []claimed
	blocked *store.Blocked // nil: nothing does
	wait    time.Duration  // until it is worth while to ask again
}

// claim takes due messages of an account, at most as many as there is room for and
// as its limits allow.
func (e *Engine) claim(ctx context.Context, team, route email.ID, r room) (gained, error) {
	a, err := e.accounts.get(ctx, team, route)
	if errors.Is(err, store.ErrNotFound) {
		return gained{}, nil
	}
	if err != nil {
		return gained{}, err
	}
	e.hand.claiming.RLock()
	defer e.hand.claiming.RUnlock()
	r = e.trial(a, r)
	if r.limit == 0 {
		return gained{}, nil
	}
	pooled, err := e.poolRoutes(ctx, team, route)
	if err != nil {
		return gained{}, err
	}
	at, limits, clock := e.cfg.Elapsed(), e.paces.credit(a.opened.limits), e.clock.believed()
	got, err := e.cfg.Store.ClaimWithin(ctx, store.ClaimRequest{
		Team: team, Route: route, Node: e.cfg.Node, Epoch: e.epoch, Now: e.cfg.Now(), Limit: r.limit, Reserve: r.reserve, Passed: r.passed,
		Limits: limits, Routes: pooled, Clock: clock,
	})
	e.paces.spend(limits, got.Entries)
	out := gained{claims: make([]claimed, len(got.Entries)), blocked: got.Blocked}
	for i, en := range got.Entries {
		e.hand.take(en)
		e.breaker.claimed(en)
		out.claims[i] = claimed{en, at}
	}
	if got.Blocked != nil {
		out.wait = e.blockedFor(got.Blocked, clock)
	}
	return out, err
}

// A wait for a limit is looked at again after the longest, because limits change,
// and after the one of no known time where none is known.
const (
	shortestBlock = time.Millisecond
	unknownBlock  = time.Second
	longestBlock  = time.Minute
)

// blockedFor is how long to wait for a limit.
func (e *Engine) blockedFor(b *store.Blocked, now time.Time) time.Duration {
	switch {
	case b.Paced:
		return max(shortestBlock, e.paces.wait(&b.Limit))
	case b.Until.IsZero():
		return unknownBlock
	}
	return min(max(shortestBlock, b.Until.Sub(now)), longestBlock)
}

// giveBack puts claims whose attempt has not begun back to where they were.
func (e *Engine) giveBack(ctx context.Context, claims ...claimed) error {
	fs := make([]*store.Finish, len(claims))
	for i, c := range claims {
		fs[i] = store.FinishOf(c.Entry, e.cfg.Now())
		fs[i].Next = &store.Next{
			State: email.Queued, DueAt: c.DueAt, Unsettled: c.Unsettled, Retries: c.Retries, RetryTime: c.RetryTime,
			Duplicate: c.Duplicate, Cause: c.Cause,
		}
	}
	err := e.finish(ctx, fs...)
	for _, c := range claims {
		e.hand.put(c.Entry)
	}
	return err
}

// stopsAccount tells that an outcome is going to hold or park the account: what is
// ready must not be tried on it.
func (o outcome) stopsAccount() bool {
	stops := func(err *provider.Error) bool {
		return err != nil && err.Scope == provider.ScopeAccount && (err.Class == provider.Park || err.Class == provider.Hold)
	}
	if o.rest != nil && !o.rest.well {
		return true
	}
	if o.err != nil {
		return stops(o.err)
	}
	for _, r := range o.receipt.Recipients {
		if stops(r.Err) {
			return true
		}
	}
	return false
}
