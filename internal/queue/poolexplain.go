package queue

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// explainPool tells which account takes a message that waits for a pool, and why
// this one.
func (e *Engine) explainPool(ctx context.Context, x *explaining) error {
	if x.m.Entry == nil || store.PoolOf(x.m.Entry.Route) == "" {
		return nil
	}
	p, c, err := e.choice(ctx, x.m.Team, x.m.Entry.Route, x.m.Entry.Unsettled)
	if err != nil {
		return err
	}
	if p == nil {
		x.pool = "it waits for a pool that has been removed"
		return nil
	}
	all, err := e.accounts.list(ctx, x.m.Team)
	if err != nil {
		return err
	}
	find := func(id email.ID) *account { return withID(all, id) }
	x.pool = fmt.Sprintf("the pool %s, strategy %s", p.Name, p.Strategy)
	switch {
	case len(c.members) > 0:
		x.account = find(c.members[0])
		x.pool += ": " + takers(c, find)
	case len(c.passed) > 0:
		x.account = find(c.passed[0].account)
		x.pool += ": no member can send now: " + passedOver(c, find)
	default:
		x.account = nil
		x.pool += ": no member may send as " + x.m.Sender
	}
	return nil
}

// inPlaceOf tells why an account takes a claimed message of a pool in another's place;
// empty: it does not. Afterwards nobody knows what the others were then.
func (e *Engine) inPlaceOf(ctx context.Context, en *store.Entry) string {
	if en.Pooled == "" {
		return ""
	}
	p, c, err := e.choice(ctx, en.Team, en.Pooled, en.Unsettled)
	if err != nil || p == nil || len(c.passed) == 0 || !c.has(en.Route) {
		return ""
	}
	all, err := e.accounts.list(ctx, en.Team)
	if err != nil {
		return ""
	}
	c.members = []email.ID{en.Route}
	return fmt.Sprintf("the pool %s, strategy %s: %s", p.Name, p.Strategy, takers(c, func(id email.ID) *account { return withID(all, id) }))
}

// takers tells who takes it, and in whose place.
func takers(c choice, find func(email.ID) *account) string {
	var who []string
	for _, id := range c.members {
		who = append(who, find(id).row.Address)
	}
	text := strings.Join(who, " or ")
	if len(c.passed) > 0 {
		text += " in place of " + passedOver(c, find)
	}
	return text
}

// passedOver lists those that cannot send now, with the reason.
func passedOver(c choice, find func(email.ID) *account) string {
	var out []string
	for _, p := range c.passed {
		text := find(p.account).row.Address + " (" + p.why
		if !p.until.IsZero() {
			text += " until " + p.until.UTC().Format(time.RFC3339)
		}
		out = append(out, text+")")
	}
	return strings.Join(out, ", ")
}
