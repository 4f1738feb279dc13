package queue

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// reasons tells what mail waits for, by what is known at one moment.
type reasons struct {
	e        *Engine
	accounts []*account
	pools    []*store.Pool
	pauses   []Pause
	now      time.Time
	known    map[blockKey]*store.Blocked // limits that were asked for
	entry    *Entry                      // the only message that is asked about; nil: groups are
}

type blockKey struct {
	account email.ID
	lane    email.Lane
}

// reasons reads what is known now of a team's accounts, pools and pauses.
func (e *Engine) reasons(ctx context.Context, team email.ID) (*reasons, error) {
	r := &reasons{e: e, now: e.cfg.Now(), known: map[blockKey]*store.Blocked{}}
	var err error
	if r.pauses, err = e.cfg.Store.Pauses(ctx, team); err != nil {
		return nil, err
	}
	if r.accounts, err = e.accounts.list(ctx, team); err != nil {
		return nil, err
	}
	r.pools, err = e.accounts.pools(ctx, team)
	return r, err
}

// waiting tells what the messages of a group wait for.
func (r *reasons) waiting(ctx context.Context, x store.Group) (Waiting, error) {
	w := Waiting{
		Account: store.Asked(x.Route), Lane: x.Lane, State: x.State, Cause: x.Cause,
		Messages: x.Messages, Recipients: x.Recipients, OldestAt: x.Oldest, expires: x.Expires,
	}
	a, p := withID(r.accounts, w.Account), poolNamed(r.pools, w.Account)
	switch {
	case a != nil:
		w.Address = a.row.Address
	case p != nil:
		w.Address = p.Name
	}
	switch x.State {
	case email.Queued:
		return w, r.queued(ctx, &w, x, a, p)
	case email.Scheduled:
		return w, r.scheduled(ctx, &w, x, a, p)
	case email.Sending:
		w.because(WhySending, time.Time{}, "for the answer to the attempt under way")
	case email.Unknown:
		w.because(WhyLook, x.DueAt, "for a look in the account's Sent mail: whether it left is not known")
	case email.Held:
		w.because(WhyHeld, time.Time{}, "for a person: release or cancel it")
	}
	return w, nil
}

// because is a reason at the end of a sentence, if there is one.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

func (w *Waiting) because(why string, until time.Time, text string) {
	w.Why, w.Until, w.Text = why, until, text
}

// scheduled says that mail waits for its time, and what will keep it then: what a
// person has to end, or what is known to last longer.
func (r *reasons) scheduled(ctx context.Context, w *Waiting, x store.Group, a *account, p *store.Pool) error {
	x.Later = true
	if err := r.queued(ctx, w, x, a, p); err != nil {
		return err
	}
	switch {
	case w.Why == WhyPaused, w.Why == WhyAccountHeld, w.Why == WhyNoMember:
		w.Until, w.Text = x.DueAt, "for its time, and then "+w.Text
	case w.Until.After(x.DueAt):
		w.Text = "for its time, and then " + w.Text
	default:
		w.because(WhySchedule, x.DueAt, "for its time")
		w.fix = ""
	}
	return nil
}

// queued says what queued mail waits for: of several things the one that a person
// has to end, then the one that lasts the longest.
func (r *reasons) queued(ctx context.Context, w *Waiting, x store.Group, a *account, p *store.Pool) error {
	pause := pausedBy(r.pauses, w.Account, x.Lane)
	switch {
	case pause != nil:
		w.because(WhyPaused, time.Time{}, "until it is resumed"+reasonOf(pause))
		w.fix = endOf(pause)
	case p != nil:
		return r.pooled(ctx, w, x, p)
	case a == nil && store.PoolOf(x.Route) != "":
		w.because(WhyNoAccount, time.Time{}, "for a pool that has been removed")
	case a == nil:
		w.because(WhyNoAccount, time.Time{}, "for an account that has been removed")
	case a.row.Held:
		w.because(WhyAccountHeld, time.Time{}, "until the account is released"+because(a.row.Reason))
		w.fix = a.row.Reason
	default:
		return r.ofItself(ctx, w, x, a)
	}
	return nil
}

// ofItself says what mail waits for that nobody has to end: what lasts the longest.
func (r *reasons) ofItself(ctx context.Context, w *Waiting, x store.Group, a *account) error {
	switch {
	case outlasts(a.row.RestingUntil, x, r.now) && a.row.RestingUntil.After(a.row.ParkedUntil):
		w.because(WhyResting, a.row.RestingUntil, "until the account has rested"+because(a.row.Reason))
	case outlasts(a.row.ParkedUntil, x, r.now):
		w.because(WhyParked, a.row.ParkedUntil, "while the account is parked"+because(a.row.Reason))
	case x.Later:
		w.because(WhyBackoff, x.DueAt, "to be tried again")
	default:
		w.because(WhyTurn, time.Time{}, "for a free place of the account")
	}
	return r.limited(ctx, w, a)
}

// outlasts tells whether an account waits until a time that comes after the group's
// own.
func outlasts(until time.Time, x store.Group, now time.Time) bool {
	return until.After(now) && !(x.Later && x.DueAt.After(until))
}

// pooled says what queued mail of a pool waits for: one member that can send is
// enough.
func (r *reasons) pooled(ctx context.Context, w *Waiting, x store.Group, p *store.Pool) error {
	route, _ := readRoute(x.Route)
	c := chooseAmong(p, route, 0, r.accounts, r.now)
	find := func(id email.ID) *account { return withID(r.accounts, id) }
	if s := c.stuck(p, route, find); s != nil && !(x.Later && !s.until.IsZero() && x.DueAt.After(s.until)) {
		w.because(s.why, s.until, s.text)
		w.fix = s.fix
		return nil
	}
	var able []*account
	for _, id := range c.members {
		pause := pausedBy(r.pauses, id, x.Lane)
		if pause == nil {
			able = append(able, find(id))
			continue
		}
		w.because(WhyPaused, time.Time{}, "until "+find(id).row.Address+" is resumed"+reasonOf(pause))
		w.fix = endOf(pause)
	}
	switch {
	case len(able) == 0 && !x.Later:
		return nil
	case x.Later:
		w.because(WhyBackoff, x.DueAt, "to be tried again")
	default:
		w.because(WhyTurn, time.Time{}, "for a free place of an account of the pool")
	}
	return r.limited(ctx, w, able...)
}

// limitsAsked is for how many accounts and lanes the limits are asked, those of the
// most messages first.
const limitsAsked = 100

// limited says of mail which limit it waits for, where one keeps it from all accounts
// that could send it, for longer than what it waits for otherwise: as an explanation of
// one message does.
func (r *reasons) limited(ctx context.Context, w *Waiting, able ...*account) error {
	var first *store.Blocked
	for _, a := range able {
		b, err := r.blocks(ctx, a, w.Lane)
		if err != nil || b == nil {
			return err
		}
		if first == nil || first.Until.IsZero() || !b.Until.IsZero() && b.Until.Before(first.Until) {
			first = b
		}
	}
	if first != nil && (w.Until.IsZero() || first.Until.After(w.Until)) {
		w.because(WhyLimit, first.Until, strings.TrimPrefix(blockedWords(first), "it waits "))
	}
	return nil
}

func (r *reasons) blocks(ctx context.Context, a *account, lane email.Lane) (*store.Blocked, error) {
	key := blockKey{a.row.ID, lane}
	b, asked := r.known[key]
	if asked || len(r.known) >= limitsAsked {
		return b, nil
	}
	entry := &Entry{State: email.Queued, Lane: lane, Unsettled: 1}
	if r.entry != nil {
		of := *r.entry
		of.State = email.Queued // scheduled mail will be
		entry = &of
	}
	b, err := r.e.blocks(ctx, a, entry)
	r.known[key] = b
	return b, err
}

// stuck is why no account of a pool takes a message now.
type stuck struct {
	why, text, fix string
	until          time.Time // of several the first; zero: none is known
}

// stuck tells why nobody takes mail of a route; nil where somebody does.
func (c choice) stuck(p *store.Pool, r poolRoute, find func(email.ID) *account) *stuck {
	if len(c.members) > 0 {
		return nil
	}
	if len(c.passed) == 0 {
		who := strings.TrimRight(r.from+" "+r.sender, " ")
		return &stuck{
			why: WhyNoMember, text: "for an account of the pool " + p.Name + " that may send as " + who + ": none may",
			fix: "let one send as it (gatepost accounts change … --senders), put one into the pool that may (gatepost pools change), or move or cancel the mail (gatepost queue move, cancel)",
		}
	}
	place := func(x passed) int { // in the pool's list: shards ask in orders of their own
		return slices.IndexFunc(p.Members, func(m store.PoolMember) bool { return m.Account == x.account })
	}
	c.passed = slices.SortedFunc(slices.Values(c.passed), func(a, b passed) int { return cmp.Compare(place(a), place(b)) })
	first := slices.MinFunc(c.passed, func(a, b passed) int {
		if a.until.IsZero() != b.until.IsZero() {
			if a.until.IsZero() {
				return 1
			}
			return -1
		}
		return a.until.Compare(b.until)
	})
	return &stuck{
		why: first.kind(), until: first.until, text: "for an account of the pool " + p.Name + " that can send: " + passedOver(c, find),
		fix: "release or resume one of them, or put another into the pool (gatepost pools change)",
	}
}

// kind is in the words of Waiting why a member is passed over.
func (p passed) kind() string {
	switch p.why {
	case downHeld:
		return WhyAccountHeld
	case downPaused:
		return WhyPaused
	case downLimit:
		return WhyLimit
	case downParked:
		return WhyParked
	}
	return WhyResting
}
