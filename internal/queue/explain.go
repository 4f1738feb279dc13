package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
)

// Explanation tells of one message what a person would ask: where it is and why,
// by which account, what each attempt brought, what comes next.
type Explanation struct {
	ID       email.ID
	Status   string // one state, or "mixed"
	Summary  string // the same in a sentence or two
	Account  ExplainedAccount
	Policy   ExplainedPolicy
	Limits   []ExplainedLimit
	Attempts []Attempt
	NextAt   time.Time // when it is tried, or looked for, again; zero: no time is known
	Next     string    // what happens then, or what it waits for
	Fix      string    // what a person can do
}

// ExplainedAccount is the account that sends the message.
type ExplainedAccount struct {
	ID          email.ID // where no account takes it, of the pool, or of what has been removed
	Address     string
	Transport   string
	Status      string // active, parked, resting, paused or held; empty: no account takes it
	Why         string // why this account
	Cause       string
	Reason      string
	ParkedUntil time.Time
}

// ExplainedPolicy is what the message's type decides.
type ExplainedPolicy struct {
	Type      string
	Lane      string
	OnUnknown string
	Kept      string // how long the content is kept
}

// Explain explains a message.
func (e *Engine) Explain(ctx context.Context, g access.Grant, id email.ID) (*Explanation, error) {
	m, events, err := e.Message(ctx, g, id)
	if err != nil {
		return nil, err
	}
	x := &explaining{m: m, events: events, now: e.cfg.Now()}
	if x.accounts, err = e.accounts.list(ctx, g.Team); err != nil {
		return nil, err
	}
	x.out = Explanation{ID: m.ID, Status: x.status(), Policy: policyOf(m), Attempts: x.attempts()}
	if x.account, err = e.accounts.get(ctx, g.Team, m.Account); err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if x.pauses, err = e.cfg.Store.Pauses(ctx, g.Team); err != nil {
		return nil, err
	}
	if err := e.explainPool(ctx, x); err != nil {
		return nil, err
	}
	if err := e.explainWait(ctx, x); err != nil {
		return nil, err
	}
	if err := e.explainLimits(ctx, x); err != nil {
		return nil, err
	}
	x.explainAccount()
	x.next()
	x.out.Summary = x.summary()
	return &x.out, nil
}

// explaining is an explanation in the making.
type explaining struct {
	m      *Message
	events []Event

	accounts []*account // of the team
	account  *account   // nil: it has been removed
	pauses   []Pause
	used     map[string]int64 // of the account's limits, by key
	pool     string           // which pool it waits for and why this member; empty: none
	waits    Waiting          // why it is not on its way, where it is scheduled or queued
	now      time.Time
	out      Explanation
}

func (x *explaining) status() string {
	states := map[email.State]bool{}
	for _, r := range x.m.Recipients {
		states[r.State] = true
	}
	if len(states) == 1 {
		return string(x.m.Recipients[0].State)
	}
	return "mixed"
}

func policyOf(m *Message) ExplainedPolicy {
	p, _ := PolicyOf(m.Type)
	kept := words(p.Keep) + " after every recipient is final"
	if p.Keep == 0 {
		kept = "shredded as soon as every recipient is final"
	}
	if !m.ShreddedAt.IsZero() {
		kept = "shredded at " + m.ShreddedAt.Format(time.RFC3339)
	}
	return ExplainedPolicy{Type: m.Type, Lane: laneName(m.Lane), OnUnknown: string(m.OnUnknown), Kept: kept}
}

func laneName(l email.Lane) string {
	return map[email.Lane]string{email.Urgent: "urgent", email.Normal: "normal", email.Bulk: "bulk"}[l]
}

func (x *explaining) explainAccount() {
	o := &x.out.Account
	o.ID, x.out.Limits = x.m.Account, []ExplainedLimit{}
	if o.Why = x.why(); x.pool != "" {
		o.Why = x.pool
	}
	if x.account == nil && x.pool != "" {
		return
	}
	if x.account == nil {
		o.Reason = "the account has been removed"
		return
	}
	row := x.account.row
	o.ID, o.Address, o.Transport, o.Status = row.ID, row.Address, row.Transport, "active"
	switch {
	case row.Held:
		o.Status, o.Cause, o.Reason = "held", row.Cause, row.Reason
	case paused(x.pauses, row.ID):
		o.Status, o.Cause, o.Reason = "paused", WhyPaused, "a person paused it"+because(x.pausedFor(row.ID))
	case row.ParkedUntil.After(x.now):
		o.Status, o.Cause, o.Reason, o.ParkedUntil = "parked", row.Cause, row.Reason, row.ParkedUntil
	case row.RestingUntil.After(x.now):
		o.Status, o.Cause, o.Reason, o.ParkedUntil = "resting", row.Cause, row.Reason, row.RestingUntil
	}
	x.limits()
}

// pausedFor is the reason of the pause that is about this message's account and lane.
func (x *explaining) pausedFor(account email.ID) string {
	if p := pausedBy(x.pauses, account, x.m.Lane); p != nil {
		return p.Reason
	}
	return ""
}

// why tells why it is this account: as it was submitted, because the pool's others
// could not when it was tried last, or because a person has moved it since.
func (x *explaining) why() string {
	last := 0
	for _, ev := range slices.Backward(x.events) {
		if last = max(last, ev.Data.Attempt); ev.Data.Attempt > 0 && ev.Data.Attempt == last && ev.Data.Why != "" {
			return ev.Data.Why
		}
		if ev.Kind != email.EventMoved {
			continue
		}
		if ev.Data.Text == "" || strings.HasPrefix(ev.Data.Text, movedTo) {
			return "a person moved it here"
		}
		return "a person moved it here: " + ev.Data.Text
	}
	if len(x.events) == 0 {
		return ""
	}
	return x.events[0].Data.Why
}

// summary is where it is and why, in a sentence or two.
func (x *explaining) summary() string {
	n := map[email.State]int{}
	var order []email.State
	for _, r := range x.m.Recipients {
		if n[r.State]++; n[r.State] == 1 {
			order = append(order, r.State)
		}
	}
	var parts []string
	for _, s := range order {
		parts = append(parts, phrase(s)+" "+recipients(n[s], len(x.m.Recipients)))
	}
	text := "The message " + strings.Join(parts, " and ") + "."
	if why := x.newest(); why != "" {
		text += " Last: " + strings.TrimSuffix(why, ".") + "."
	}
	if x.out.Next != "" {
		text += " Next: " + strings.TrimSuffix(x.out.Next, ".") + "."
	}
	return text
}

// phrase is a state as a sentence has it, before the recipients.
func phrase(s email.State) string {
	switch s {
	case email.Scheduled:
		return "is scheduled for"
	case email.Queued:
		return "waits in the queue for"
	case email.Sending:
		return "is being sent to"
	case email.Unknown:
		return "was handed over, with no answer, for"
	case email.Held:
		return "is held for"
	case email.Failed:
		return "failed for"
	case email.Expired:
		return "expired for"
	}
	return "was " + string(s) + " for"
}

func recipients(n, of int) string {
	switch {
	case of == 1:
		return "its recipient"
	case n == of:
		return fmt.Sprintf("all %d recipients", n)
	}
	return fmt.Sprintf("%d of %d recipients", n, of)
}

// newest is what the newest event tells, when it tells anything.
func (x *explaining) newest() string {
	if len(x.events) == 0 {
		return ""
	}
	last := x.events[len(x.events)-1]
	for _, ev := range x.events { // of recipients that fared differently, those that failed are asked about
		if ev.Kind == email.EventFailed && ev.Data.Attempt == last.Data.Attempt {
			last = ev
		}
	}
	d := last.Data
	if d.Text == "" {
		return d.Reply
	}
	return d.Text
}
