package control

import (
	"context"
	"slices"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// Health is how an account did in a time: when it could not send, and why.
type Health struct {
	Account     Account
	From, Until time.Time
	// Well is for how much of the time it could send, from 0 to 1.
	Well    float64
	Trouble []Trouble // newest first
	Warned  []Warned  // what was told ahead of the account and its credential, newest first
}

// Trouble is a stretch of time in which an account could not send.
type Trouble struct {
	State       string // held, parked, resting or paused
	Lane        string // of a pause; empty: every lane
	From, Until time.Time
	// Goes says that it is not over: Until is then when it ends by itself, or zero.
	Goes             bool
	Cause, Text, Fix string
	Times            int // how often in a row it came again as soon as it was over
}

// The states of Trouble.
const (
	TroubleHeld    = "held"    // until a person mends it
	TroubleParked  = "parked"  // until a provider's time
	TroubleResting = "resting" // the server was in trouble
	TroublePaused  = "paused"  // by a person, until a person resumes it
)

// healthEvents is how many of the newest events of an account are read.
const healthEvents = 2000

// Health tells how an account did since a time; the account's life at the longest.
func (c *Control) Health(ctx context.Context, g access.Grant, id email.ID, since time.Time) (Health, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return Health{}, err
	}
	a, err := c.account(ctx, g, id)
	if err != nil {
		return Health{}, err
	}
	events, err := c.cfg.Store.NewestEvents(ctx, g.Team, id, healthEvents)
	if err != nil {
		return Health{}, err
	}
	now := c.cfg.Now()
	h := Health{Account: a, From: later(since, a.CreatedAt), Until: now}
	if len(events) == healthEvents { // what was before is not known
		h.From = later(h.From, events[0].At)
	}
	paused, err := c.pausedTimes(ctx, g, id, events, now)
	if err != nil {
		return Health{}, err
	}
	all := append(troubles(events, now), paused...)
	slices.SortStableFunc(all, func(a, b Trouble) int { return a.From.Compare(b.From) })
	h.Well = wellShare(all, h.From, now)
	for _, t := range slices.Backward(all) {
		if t.Goes || t.Until.After(h.From) {
			h.Trouble = append(h.Trouble, t)
		}
	}
	ofSecret, err := c.cfg.Store.NewestEvents(ctx, g.Team, a.Credential, healthEvents)
	h.Warned = warned(append(events, ofSecret...), h.From)
	return h, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// troubles reads the stretches out of an account's events, oldest first.
func troubles(events []store.Event, now time.Time) []Trouble {
	var all []Trouble
	for _, e := range events {
		switch e.Kind {
		case email.EventAccountHeld:
			all = begin(all, TroubleHeld, e)
		case email.EventAccountParked:
			all = begin(all, TroubleParked, e)
		case email.EventAccountResting:
			all = begin(all, TroubleResting, e)
		case email.EventAccountReleased, email.EventAccountConnected, email.EventAccountWell:
			all = end(all, e.At)
		}
	}
	for i := range all {
		all[i].Goes = all[i].Until.IsZero() || all[i].Until.After(now)
	}
	return all
}

// again is how soon after its end a trouble counts as the same one, that has come
// again: a try has to fail first.
const again = time.Minute

// begin opens a stretch, or lengthens the last one where its trouble has come again.
func begin(all []Trouble, state string, e store.Event) []Trouble {
	var until time.Time
	if e.Data.NextAt > 0 {
		until = time.UnixMilli(e.Data.NextAt).UTC()
	}
	if n := len(all); n > 0 {
		last := &all[n-1]
		open := last.Until.IsZero() || !e.At.After(last.Until.Add(again))
		if open && last.State == state && last.Cause == e.Data.Cause {
			last.Until, last.Times = until, last.Times+1
			last.Text, last.Fix = e.Data.Text, e.Data.Fix
			return all
		}
		all = end(all, e.At)
	}
	return append(all, Trouble{State: state, From: e.At, Until: until, Cause: e.Data.Cause, Text: e.Data.Text, Fix: e.Data.Fix, Times: 1})
}

// end closes the last stretch, where it is not over.
func end(all []Trouble, at time.Time) []Trouble {
	if n := len(all); n > 0 && (all[n-1].Until.IsZero() || all[n-1].Until.After(at)) {
		all[n-1].Until = at
	}
	return all
}

// wellShare is the part of a time in which nothing kept the account from sending. A
// pause of some lanes leaves the others.
func wellShare(all []Trouble, from, until time.Time) float64 {
	whole := until.Sub(from)
	if whole <= 0 {
		return 1
	}
	bad := time.Duration(0)
	turns := turnsOf(all, from, until)
	for i := range len(turns) - 1 {
		if cannotSend(all, turns[i]) {
			bad += turns[i+1].Sub(turns[i])
		}
	}
	return 1 - float64(bad)/float64(whole)
}

// turnsOf are the times within a time at which something begins or ends.
func turnsOf(all []Trouble, from, until time.Time) []time.Time {
	turns := []time.Time{from, until}
	for _, t := range all {
		for _, at := range []time.Time{t.From, t.Until} {
			if at.After(from) && at.Before(until) {
				turns = append(turns, at)
			}
		}
	}
	slices.SortFunc(turns, time.Time.Compare)
	return turns
}

// cannotSend tells whether nothing could leave at a time.
func cannotSend(all []Trouble, at time.Time) bool {
	lanes := map[string]bool{}
	for _, t := range all {
		if t.From.After(at) || !t.Until.IsZero() && !t.Until.After(at) {
			continue
		}
		if t.Lane == "" {
			return true
		}
		lanes[t.Lane] = true
	}
	return len(lanes) == len(lanesOfMail())
}
