package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// Verb is something that a person does with many messages.
type Verb string

// The verbs, and what each is done to.
const (
	HoldMail    Verb = "hold"    // what is scheduled or queued: until it is released
	ReleaseMail Verb = "release" // what is held: it goes on
	RetryMail   Verb = "retry"   // recipients that failed: tried again, now
	MoveMail    Verb = "move"    // what is scheduled, queued or held: by another account
	CancelMail  Verb = "cancel"  // what is scheduled, queued or held: for good
)

// states are those that a verb is about, of places in the queue.
func (v Verb) states() []email.State {
	switch v {
	case HoldMail:
		return []email.State{email.Scheduled, email.Queued}
	case ReleaseMail:
		return []email.State{email.Held}
	case MoveMail, CancelMail:
		return []email.State{email.Scheduled, email.Queued, email.Held}
	}
	return nil
}

func (v Verb) event() email.EventKind {
	return map[Verb]email.EventKind{
		HoldMail: email.EventHeld, ReleaseMail: email.EventReleased, RetryMail: email.EventRetried,
		MoveMail: email.EventMoved, CancelMail: email.EventCanceled,
	}[v]
}

// Order is a verb with what it is about.
type Order struct {
	Verb
	Selection        // its After is where an earlier order ended
	To        string // an account's id: where messages are moved
	Reason    string // for the events
	DryRun    bool   // count, and do nothing
}

// Ordered is what came of an order.
type Ordered struct {
	Messages, Recipients int64            // done; of a dry run, that would be
	Waiting              []Waiting        // of a dry run: which they are
	Twice                int64            // of a dry run of a release: messages that may arrive twice
	Skipped              map[string]int64 // messages that were left as they are, by why
	Next                 email.ID         // where to go on; empty: all is done
}

const (
	// orderedAtOnce is how many messages share a transaction at most. Other mail waits
	// for so long.
	orderedAtOnce = 100
	// orderTime is how long an order is worked on before it answers where to go on.
	orderTime = 3 * time.Second
)

// Operate does what an order says, message by message, each with an event. Nothing
// that is being sent, or looked for, is touched. Doing it again is harmless: what was
// done is no longer selected.
func (e *Engine) Operate(ctx context.Context, g access.Grant, o Order) (*Ordered, error) {
	if err := mayWrite(g); err != nil {
		return nil, err
	}
	p, err := e.ordering(ctx, g, o)
	if err != nil {
		return nil, err
	}
	if o.DryRun {
		err = p.count(ctx)
	} else {
		err = p.work(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%s messages: %w", o.Verb, err)
	}
	return &p.out, nil
}

// ordering is an order on its way.
type ordering struct {
	Order
	e      *Engine
	g      access.Grant
	target *account // of a move
	routes map[email.ID]bool
	out    Ordered
}

func (e *Engine) ordering(ctx context.Context, g access.Grant, o Order) (*ordering, error) {
	p := &ordering{Order: o, e: e, g: g, routes: map[email.ID]bool{}, out: Ordered{Skipped: map[string]int64{}}}
	problems, err := e.wrongCause(ctx, g.Team, o.Cause)
	if err != nil {
		return nil, err
	}
	problems = append(problems, checkReason(o.Reason)...)
	if o.Verb != RetryMail {
		problems = append(problems, p.narrow()...)
	} else if len(o.States) > 0 {
		problems = append(problems, email.Problem{Field: "state", Message: "cannot be given with retry, which is about what failed"})
	}
	if o.Verb == MoveMail {
		wrong, err := p.aim(ctx)
		if err != nil {
			return nil, err
		}
		problems = append(problems, wrong...)
	} else if o.To != "" {
		problems = append(problems, email.Problem{Field: "to", Message: "is for move alone"})
	}
	if len(problems) > 0 {
		return nil, &Invalid{problems}
	}
	return p, nil
}

// aim finds the account that mail is moved to.
func (p *ordering) aim(ctx context.Context) (wrong []email.Problem, err error) {
	p.Not = p.To
	if p.target, err = p.e.accounts.get(ctx, p.g.Team, p.To); !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	pools, err := p.e.accounts.pools(ctx, p.g.Team)
	why := "no account: GET /v1/accounts lists them"
	if p.To == "" {
		why = "is missing: the account that sends from now on"
	} else if poolNamed(pools, p.To) != nil {
		why = "is a pool: mail is moved to an account. GET /v1/accounts lists them"
	}
	return []email.Problem{{Field: "to", Message: why}}, err
}

// narrow keeps to the states that the verb is about.
func (p *ordering) narrow() []email.Problem {
	all := p.Verb.states()
	for _, s := range p.States {
		if !slices.Contains(all, s) {
			return []email.Problem{{Field: "state", Message: fmt.Sprintf("%s is about what is %s", p.Verb, joined(all))}}
		}
	}
	if len(p.States) == 0 {
		p.States = all
	}
	return nil
}

func joined(states []email.State) string {
	var out string
	for i, s := range states {
		switch {
		case i > 0 && i == len(states)-1:
			out += " or "
		case i > 0:
			out += ", "
		}
		out += string(s)
	}
	return out
}

// count tells what an order is about.
func (p *ordering) count(ctx context.Context) error {
	groups, err := p.groups(ctx)
	if err != nil {
		return err
	}
	q, err := p.e.queueOf(ctx, p.g.Team, groups)
	if err != nil {
		return err
	}
	p.out.Waiting = q.Waiting
	for _, w := range q.Waiting {
		p.out.Messages, p.out.Recipients = p.out.Messages+w.Messages, p.out.Recipients+w.Recipients
	}
	if p.Verb == ReleaseMail {
		p.out.Twice, err = p.e.cfg.Store.Doubtful(ctx, p.g.Team, p.Selection)
	}
	if p.target == nil {
		return err
	}
	senders, err := p.e.cfg.Store.Senders(ctx, p.g.Team, p.Selection)
	for _, sender := range slices.Sorted(maps.Keys(senders)) {
		if why := p.target.refuses(sender); why != "" {
			p.out.Skipped[why] += senders[sender]
			p.out.Messages -= senders[sender]
		}
	}
	return err
}

func (p *ordering) groups(ctx context.Context) ([]store.Group, error) {
	if p.Verb == RetryMail {
		return p.e.cfg.Store.FailedGroups(ctx, p.g.Team, p.Selection, p.e.cfg.Now())
	}
	return p.e.cfg.Store.Groups(ctx, p.g.Team, p.Selection, p.e.cfg.Now())
}

// work goes through the messages by their ids, group by group.
func (p *ordering) work(ctx context.Context) error {
	p.Limit = orderedAtOnce
	start := p.e.cfg.Elapsed()
	for ctx.Err() == nil {
		found, err := p.selected(ctx)
		if err != nil {
			return err
		}
		if err := p.do(ctx, p.allowed(found)); err != nil {
			return err
		}
		if len(found) < p.Limit {
			p.After = ""
			break
		}
		p.After = found[len(found)-1].Message
		if p.e.cfg.Elapsed()-start >= orderTime {
			break
		}
	}
	p.out.Next = p.After
	for route := range p.routes {
		p.e.notify(p.g.Team, route)
	}
	p.e.cfg.Log.Info("queue."+string(p.Verb), "messages", p.out.Messages, "key", p.g.Key)
	return nil
}

func (p *ordering) selected(ctx context.Context) ([]store.Selected, error) {
	if p.Verb == RetryMail {
		return p.e.cfg.Store.SelectFailed(ctx, p.g.Team, p.Selection, p.e.cfg.Now())
	}
	return p.e.cfg.Store.Select(ctx, p.g.Team, p.Selection)
}

// allowed leaves out what the account may not send that mail is moved to.
func (p *ordering) allowed(found []store.Selected) []store.Selected {
	if p.target == nil {
		return found
	}
	var out []store.Selected
	for _, m := range found {
		if why := p.target.cannotTake(m); why != "" {
			p.out.Skipped[why]++
			continue
		}
		out = append(out, m)
	}
	return out
}

// refuses tells why an account may not send for an author, or nothing.
func (a *account) refuses(sender string) string {
	if from, err := email.ParseAddress(sender); err != nil || !a.maySendAs(from) {
		return fmt.Sprintf("%s may not send as %s", a.row.Address, sender)
	}
	return ""
}

// cannotTake tells why an account cannot send a message that was made for another.
func (a *account) cannotTake(m store.Selected) string {
	l := a.limits
	switch {
	case a.refuses(m.Sender) != "":
		return a.refuses(m.Sender)
	case l.MaxRecipients > 0 && m.Recipients > l.MaxRecipients:
		return fmt.Sprintf("%s allows %d recipients per message", a.row.Address, l.MaxRecipients)
	case l.MaxSize > 0 && m.Size > l.MaxSize:
		return fmt.Sprintf("%s allows messages of %d bytes", a.row.Address, l.MaxSize)
	case l.HeaderDecides && m.Unsettled < m.Recipients:
		return fmt.Sprintf("%s would send it again to those who have it", a.row.Address)
	}
	return ""
}

// do does it to one group.
func (p *ordering) do(ctx context.Context, found []store.Selected) error {
	items := make([]store.Item, len(found))
	for i, m := range found {
		ev, err := p.e.event(p.Verb.event(), store.EventData{Text: p.text(), Fix: p.fix(m.Message)})
		if err != nil {
			return err
		}
		items[i] = store.Item{Message: m.Message, Event: ev}
	}
	errs, err := p.apply(ctx, items)
	for i, failed := range errs {
		switch {
		case failed == nil:
			p.done(found[i])
		case errors.Is(failed, store.ErrNotSelected), errors.Is(failed, ErrNothingToRetry), errors.Is(failed, ErrShredded), errors.Is(failed, ErrTooLate):
			p.out.Skipped["changed in the meantime"]++
		default:
			err = errors.Join(err, failed)
		}
	}
	return err
}

func (p *ordering) done(m store.Selected) {
	p.out.Messages++
	p.out.Recipients += int64(m.Unsettled)
	p.e.recent.drop(m.Message) // who reads it again sees what has changed
	p.routes[m.Route] = true
	if p.target != nil {
		p.routes[p.target.row.ID] = true
	}
}

func (p *ordering) apply(ctx context.Context, items []store.Item) ([]error, error) {
	s, team := p.e.cfg.Store, p.g.Team
	switch p.Verb {
	case HoldMail:
		return s.HoldEach(ctx, team, p.Selection, items)
	case ReleaseMail:
		return s.ReleaseEach(ctx, team, p.Selection, items), nil
	case RetryMail:
		return s.RetryEach(ctx, team, p.Cause, p.e.cfg.Now().Add(retainAgain), items)
	case MoveMail:
		return s.MoveEach(ctx, team, p.Selection, store.Target{Account: p.target.row.ID, MailFrom: p.target.row.Address}, items)
	}
	return s.CancelEach(ctx, team, p.Selection, items), nil
}

// movedTo is what a move tells, before the address, where no reason was given.
const movedTo = "moved to "

// text is what an event tells of the order.
func (p *ordering) text() string {
	text := p.Reason
	switch {
	case p.Verb == HoldMail && text == "":
		text = "held by a person"
	case p.Verb == MoveMail && text == "":
		text = movedTo + p.target.row.Address
	}
	return text
}

func (p *ordering) fix(id email.ID) string {
	if p.Verb != HoldMail {
		return ""
	}
	return "when it may go on, POST /v1/messages/" + id + "/release"
}
