package queue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// Selection says which messages a person means; see store.Selection.
type Selection = store.Selection

// Pause is what a person has paused; EveryLane stands for all lanes in it.
type Pause = store.Pause

// EveryLane is in a Pause the lane that stands for all.
const EveryLane = store.EveryLane

// Why messages wait, in stable words.
const (
	WhyTurn        = "turn"         // due: as soon as there is a free place
	WhyLimit       = "limit"        // what the provider takes in a time is used up
	WhySending     = "sending"      // the attempt under way has no answer yet
	WhySchedule    = "schedule"     // its time has not come
	WhyBackoff     = "backoff"      // refused for now, tried again
	WhyParked      = "parked"       // the account waits for a time that its provider named
	WhyAccountHeld = "account_held" // the account waits for a person
	WhyPaused      = "paused"       // a person paused it
	WhyLook        = "look"         // an outcome is unknown: its copy is looked for
	WhyHeld        = "held"         // the message waits for a person
	WhyResting     = "resting"      // the account's server is in trouble
	WhyNoMember    = "no_member"    // no account of the pool may send it
	WhyNoAccount   = "no_account"   // the account, or the pool, has been removed
)

// Waiting is messages that wait for the same.
type Waiting struct {
	Account    email.ID // or the pool
	Address    string   // of a pool its name; empty: it is not there
	Lane       email.Lane
	State      email.State
	Cause      string
	Why        string
	Text       string    // the same for a person
	Until      time.Time // zero: until somebody does something, or no time is known
	Messages   int64
	Recipients int64
	OldestAt   time.Time // when the oldest was submitted
	expires    time.Time // when the first of them does; zero: none
	fix        string    // what a person can do, for an explanation
}

// Queue is what waits, and what is paused.
type Queue struct {
	Waiting []Waiting
	Pauses  []Pause
}

// Named is the id of what a person means: an account by its id or address, or a pool
// by its id or name; ErrNotFound where there is neither.
func (e *Engine) Named(ctx context.Context, team email.ID, name string) (email.ID, error) {
	t, err := e.accounts.team(ctx, team)
	if err != nil {
		return "", err
	}
	if p := poolNamed(t.pools, name); p != nil {
		return p.ID, nil
	}
	a := t.named(name)
	if a == nil {
		if t, err = e.accounts.again(ctx, team, name, t); err != nil {
			return "", err
		}
		a = t.named(name)
	}
	if a == nil {
		return "", fmt.Errorf("%s: %w", name, store.ErrNotFound)
	}
	return a.row.ID, nil
}

// Queue tells who waits for what and until when, the most first.
func (e *Engine) Queue(ctx context.Context, g access.Grant, sel Selection) (Queue, error) {
	if err := mayRead(g); err != nil {
		return Queue{}, err
	}
	groups, err := e.cfg.Store.Groups(ctx, g.Team, sel, e.cfg.Now())
	if err != nil {
		return Queue{}, err
	}
	return e.queueOf(ctx, g.Team, groups)
}

func (e *Engine) queueOf(ctx context.Context, team email.ID, groups []store.Group) (Queue, error) {
	r, err := e.reasons(ctx, team)
	if err != nil {
		return Queue{}, err
	}
	slices.SortStableFunc(groups, func(a, b store.Group) int { return cmp.Compare(b.Messages, a.Messages) })
	q := Queue{Pauses: r.pauses}
	for _, x := range groups {
		w, err := r.waiting(ctx, x)
		if err != nil {
			return Queue{}, err
		}
		q.add(w)
	}
	slices.SortStableFunc(q.Waiting, func(a, b Waiting) int { return cmp.Compare(b.Messages, a.Messages) })
	for i := range q.Waiting {
		q.Waiting[i].tellExpiry()
	}
	return q, nil
}

// tellExpiry says of mail that cannot leave before a time that it expires before.
func (w *Waiting) tellExpiry() {
	switch {
	case w.Until.IsZero() || w.expires.IsZero() || w.expires.After(w.Until):
	case w.Messages == 1:
		w.Text += "; it expires before, at " + w.expires.Format(time.RFC3339)
	default:
		w.Text += "; some expire before, the first at " + w.expires.Format(time.RFC3339)
	}
}

// add counts what a pool's parts wait for as one where it is the same.
func (q *Queue) add(w Waiting) {
	i := slices.IndexFunc(q.Waiting, w.same)
	if i < 0 {
		q.Waiting = append(q.Waiting, w)
		return
	}
	have := &q.Waiting[i]
	have.Messages, have.Recipients = have.Messages+w.Messages, have.Recipients+w.Recipients
	if w.OldestAt.Before(have.OldestAt) {
		have.OldestAt = w.OldestAt
	}
	if w.Until.Before(have.Until) {
		have.Until = w.Until
	}
	if have.expires.IsZero() || !w.expires.IsZero() && w.expires.Before(have.expires) {
		have.expires = w.expires
	}
}

func (w *Waiting) same(o Waiting) bool {
	return w.Account == o.Account && w.Lane == o.Lane && w.State == o.State && w.Cause == o.Cause && w.Why == o.Why && w.Text == o.Text &&
		w.Until.IsZero() == o.Until.IsZero()
}

// pausedBy is the pause that keeps a lane of an account from sending, or nil.
func pausedBy(pauses []Pause, account email.ID, lane email.Lane) *Pause {
	for i, p := range pauses {
		if p.About(account, lane) {
			return &pauses[i]
		}
	}
	return nil
}

func reasonOf(p *Pause) string {
	if p.Reason == "" {
		return ""
	}
	return fmt.Sprintf(" (paused: %s)", p.Reason)
}
