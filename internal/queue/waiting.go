package queue

import (
	"context"
	"fmt"
	"slices"
	"strings"
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
	WhyNoAccount   = "no_account"   // the account has been removed
)

// Waiting is messages that wait for the same.
type Waiting struct {
	Account    email.ID
	Address    string // empty: the account is not there
	Lane       email.Lane
	State      email.State
	Cause      string
	Why        string
	Text       string    // the same for a person
	Until      time.Time // zero: until somebody does something, or no time is known
	Messages   int64
	Recipients int64
	OldestAt   time.Time // when the oldest was submitted
}

// Queue is what waits, and what is paused.
type Queue struct {
	Waiting []Waiting
	Pauses  []Pause
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
	pauses, err := e.cfg.Store.Pauses(ctx, team)
	if err != nil {
		return Queue{}, err
	}
	accounts, err := e.accounts.list(ctx, team)
	if err != nil {
		return Queue{}, err
	}
	byID := make(map[email.ID]*account, len(accounts))
	for _, a := range accounts {
		byID[a.row.ID] = a
	}
	q := Queue{Waiting: make([]Waiting, len(groups)), Pauses: pauses}
	for i, x := range groups {
		q.Waiting[i] = waitingOf(x, byID[x.Route], pauses, e.cfg.Now())
	}
	slices.SortStableFunc(q.Waiting, func(a, b Waiting) int { return int(min(1, max(-1, b.Messages-a.Messages))) })
	return q, e.limited(ctx, q.Waiting, byID)
}

// limitsAsked is for how many kinds of waiting mail the limits are asked, those of
// the most messages first.
const limitsAsked = 100

// limited says of due mail which limit it waits for, where there is one.
func (e *Engine) limited(ctx context.Context, list []Waiting, byID map[email.ID]*account) error {
	asked := 0
	for i := range list {
		w := &list[i]
		a := byID[w.Account]
		if w.Why != WhyTurn || a == nil || asked == limitsAsked {
			continue
		}
		asked++
		b, err := e.cfg.Store.Blocks(ctx, a.opened.limits, w.Lane, 1, e.cfg.Now())
		if err != nil {
			return err
		}
		if b != nil {
			w.because(WhyLimit, b.Until, strings.TrimPrefix(blockedWords(b), "it waits "))
		}
	}
	return nil
}

func waitingOf(x store.Group, a *account, pauses []Pause, now time.Time) Waiting {
	w := Waiting{
		Account: x.Route, Lane: x.Lane, State: x.State, Cause: x.Cause,
		Messages: x.Messages, Recipients: x.Recipients, OldestAt: x.Oldest,
	}
	if a != nil {
		w.Address = a.row.Address
	}
	switch x.State {
	case email.Queued:
		w.queued(x, a, pauses, now)
	case email.Scheduled:
		w.because(WhySchedule, x.DueAt, "for its time")
	case email.Sending:
		w.because(WhySending, time.Time{}, "for the answer to the attempt under way")
	case email.Unknown:
		w.because(WhyLook, x.DueAt, "for a look in the account's Sent mail: whether it left is not known")
	case email.Held:
		w.because(WhyHeld, time.Time{}, "for a person: release or cancel it")
	}
	return w
}

func (w *Waiting) because(why string, until time.Time, text string) {
	w.Why, w.Until, w.Text = why, until, text
}

// queued says what queued mail waits for: of several things the one that a person
// has to end, then the one that lasts the longest.
func (w *Waiting) queued(x store.Group, a *account, pauses []Pause, now time.Time) {
	p := pausedBy(pauses, x.Route, x.Lane)
	switch {
	case p != nil:
		w.because(WhyPaused, time.Time{}, "until it is resumed"+reasonOf(p))
	case a == nil:
		w.because(WhyNoAccount, time.Time{}, "for an account that has been removed")
	case a.row.Held:
		w.because(WhyAccountHeld, time.Time{}, "until the account is released: "+a.row.Reason)
	case a.row.ParkedUntil.After(now) && !(x.Later && x.DueAt.After(a.row.ParkedUntil)):
		w.because(WhyParked, a.row.ParkedUntil, "until the account's pause is over: "+a.row.Reason)
	case x.Later:
		w.because(WhyBackoff, x.DueAt, "to be tried again")
	default:
		w.because(WhyTurn, time.Time{}, "for a free place of the account")
	}
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
