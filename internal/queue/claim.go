package queue

import (
	"context"
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

// claim takes due messages of an account, at most as many as there is room for.
func (e *Engine) claim(ctx context.Context, team, route email.ID, r room) ([]claimed, error) {
	e.hand.claiming.RLock()
	defer e.hand.claiming.RUnlock()
	at := e.cfg.Elapsed()
	entries, err := e.cfg.Store.Claim(ctx, store.ClaimRequest{
		Team: team, Route: route, Node: e.cfg.Node, Epoch: e.epoch, Now: e.cfg.Now(), Limit: r.limit, Reserve: r.reserve, Passed: r.passed,
	})
	out := make([]claimed, len(entries))
	for i, en := range entries {
		e.hand.take(en)
		out[i] = claimed{en, at}
	}
	return out, err
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
