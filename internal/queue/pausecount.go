package queue

import (
	"context"

	"gatepost/internal/access"
	"gatepost/internal/email"
)

// CountPaused tells what waits now of what p is about: what a pause would keep, and
// what may leave when it ends.
func (e *Engine) CountPaused(ctx context.Context, g access.Grant, p Pause) (*Ordered, error) {
	if err := mayWrite(g); err != nil {
		return nil, err
	}
	if problems := checkReason(p.Reason); problems != nil {
		return nil, &Invalid{problems}
	}
	sel := Selection{Route: p.Account, States: []email.State{email.Scheduled, email.Queued}}
	if p.Lane != EveryLane {
		sel.Lane = &p.Lane
	}
	o := &ordering{Order: Order{Selection: sel}, e: e, g: g}
	return &o.out, o.count(ctx)
}

// Pauses tells what is paused, to those who may change it, and which of it is just
// what p names; nil where that is not paused.
func (e *Engine) Pauses(ctx context.Context, g access.Grant, p Pause) (all []Pause, same *Pause, err error) {
	if err := mayWrite(g); err != nil {
		return nil, nil, err
	}
	all, err = e.cfg.Store.Pauses(ctx, g.Team)
	for i := range all {
		if all[i].Account == p.Account && all[i].Lane == p.Lane {
			same = &all[i]
		}
	}
	return all, same, err
}

// EndOf is the advice that ends a pause, as a request.
func EndOf(p Pause) string { return endOf(&p) }
