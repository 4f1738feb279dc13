package control

import (
	"context"
	"slices"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/queue"
	"gatepost/internal/store"
)

// CausePaused is the cause of an account's trouble that a person has paused.
const CausePaused = "paused"

// lanesOfMail are all lanes by their words.
func lanesOfMail() []string { return []string{"urgent", "normal", "bulk"} }

// Pauses tells what people have paused, to those who may see accounts, or change
// them.
func (c *Control) Pauses(ctx context.Context, g access.Grant) ([]queue.Pause, error) {
	if !g.May(access.ScopeAccountsWrite) {
		if err := may(g, access.ScopeAccountsRead); err != nil {
			return nil, err
		}
	}
	return c.cfg.Store.Pauses(ctx, g.Team)
}

// pausedTimes are the stretches in which a person had paused an account, all of it
// or a lane.
func (c *Control) pausedTimes(ctx context.Context, g access.Grant, id email.ID, own []store.Event, now time.Time) ([]Trouble, error) {
	ofAll, err := c.cfg.Store.NewestEvents(ctx, g.Team, g.Team, healthEvents)
	if err != nil {
		return nil, err
	}
	going, err := c.cfg.Store.Pauses(ctx, g.Team)
	if err != nil {
		return nil, err
	}
	return append(pauses(own, pausesOf(going, id), now), pauses(ofAll, pausesOf(going, ""), now)...), nil
}

// pausesOf are those that name just an account, or none.
func pausesOf(all []queue.Pause, account email.ID) []queue.Pause {
	return slices.DeleteFunc(slices.Clone(all), func(p queue.Pause) bool { return p.Account != account })
}

// pauses reads the stretches out of events, oldest first. What goes on is known by
// its row, which also has a pause whose beginning is not among the events.
func pauses(events []store.Event, going []queue.Pause, now time.Time) []Trouble {
	var all []Trouble
	for _, e := range events {
		switch e.Kind {
		case email.EventAccountPaused:
			all = append(all, Trouble{State: TroublePaused, Lane: e.Data.Lane, From: e.At, Cause: CausePaused, Text: e.Data.Text, Times: 1, Goes: true})
		case email.EventAccountResumed:
			endPause(all, e.Data.Lane, e.At)
		}
	}
	for _, p := range going {
		lane := ""
		if p.Lane != queue.EveryLane {
			lane = lanesOfMail()[p.Lane]
		}
		i := slices.IndexFunc(all, func(t Trouble) bool { return t.Goes && t.Lane == lane })
		if i < 0 {
			i = len(all)
			all = append(all, Trouble{State: TroublePaused, Lane: lane, From: p.At, Cause: CausePaused, Times: 1, Goes: true})
		}
		all[i].Text, all[i].Fix = p.Reason, queue.EndOf(p)
	}
	return slices.DeleteFunc(all, func(t Trouble) bool { return t.From.After(now) })
}

// endPause closes the stretches of a lane that go on.
func endPause(all []Trouble, lane string, at time.Time) {
	for i := range all {
		if t := &all[i]; t.Goes && t.Lane == lane {
			t.Goes, t.Until = false, at
		}
	}
}
