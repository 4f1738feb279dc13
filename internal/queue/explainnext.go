package queue

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// explainWait finds out what a message waits for, by the rule that the queue is
// listed by.
func (e *Engine) explainWait(ctx context.Context, x *explaining) error {
	en := x.m.Entry
	if en == nil || en.State != email.Queued && en.State != email.Scheduled {
		return nil
	}
	r, err := e.reasons(ctx, x.m.Team)
	if err != nil {
		return err
	}
	r.entry = en
	x.waits, err = r.waiting(ctx, store.Group{
		Route: en.Route, Lane: en.Lane, State: en.State, Cause: en.Cause, Messages: 1, Recipients: int64(en.Unsettled),
		Later: en.State == email.Queued && en.DueAt.After(x.now), DueAt: en.DueAt, Expires: en.ExpiresAt,
	})
	return err
}

// next tells what the message waits for.
func (x *explaining) next() {
	e, o := x.m.Entry, &x.out
	if e == nil {
		return
	}
	switch e.State {
	case email.Sending:
		o.Next = "the attempt under way has no answer yet"
	case email.Unknown:
		o.NextAt, o.Next = e.DueAt, "its copy is looked for in the account's Sent mail"
	case email.Held:
		o.Next, o.Fix = "a person has to decide", x.lastFix(email.EventHeld)
	default:
		o.NextAt, o.Fix = x.waits.Until, x.waits.fix
		o.Next = strings.TrimSuffix("it waits "+x.waits.Text, because(o.Account.Reason)) // that stands with the account
		x.nextTry(e)
	}
	x.expiry(e)
}

// expiry tells of a message that cannot leave in its time that it ends then.
func (x *explaining) expiry(e *Entry) {
	o, ends, why := &x.out, e.ExpiresAt, x.waits.Why
	if ends.IsZero() || e.State == email.Sending || e.State == email.Unknown {
		return
	}
	byPerson := e.State == email.Held || why == WhyPaused || why == WhyAccountHeld || why == WhyNoMember
	switch {
	case byPerson:
		o.Next += "; unless it leaves before, it expires at " + ends.Format(time.RFC3339)
	case !o.NextAt.Before(ends):
		o.Next = "it expires then, before it can leave: " + o.Next + ", until " + o.NextAt.Format(time.RFC3339)
		o.NextAt = ends
		o.Fix = strings.TrimPrefix(o.Fix+"; ", "; ") + "so that it leaves in time: cancel it and submit it anew, by another account or with a later expires_at; POST /v1/queue/move gives all that waits to another account"
	}
}

// nextTry says of some reasons more, or in other words, than a list of the queue.
func (x *explaining) nextTry(e *Entry) {
	o := &x.out
	switch x.waits.Why {
	case WhyBackoff:
		o.Next, o.Fix = "it is tried again", x.lastFix(email.EventDelayed)
	case WhyTurn:
		o.Next = "it leaves as soon as the account has a free place"
		if store.PoolOf(e.Route) != "" {
			o.Next = "it leaves as soon as an account of the pool has a free place"
		}
	}
}

// lastFix is the advice of the newest event of a kind.
func (x *explaining) lastFix(kind email.EventKind) string {
	for _, ev := range slices.Backward(x.events) {
		if ev.Kind == kind {
			return ev.Data.Fix
		}
	}
	return ""
}

// endOf is the request that ends a pause: with just what it was made with.
func endOf(p *Pause) string {
	const resume = "when it may go on, POST /v1/queue/resume"
	about := struct {
		Account email.ID `json:"account,omitempty"`
		Lane    string   `json:"lane,omitempty"`
	}{cmp.Or(p.Name, p.Account), laneName(p.Lane)}
	body, err := json.Marshal(about)
	if err != nil || about.Account == "" && about.Lane == "" {
		return resume
	}
	return resume + " with " + string(body)
}
