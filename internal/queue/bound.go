package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// A key may be bound to senders, to an account or a pool, and to so many recipients
// in a minute and in a day. A door cannot forget to ask: all of it is asked here.

// ErrKeyLimit says that an API key has used up what it may send for a while.
var ErrKeyLimit = errors.New("this API key may not send more at the moment")

// OverKey says that a submission is more than its key has left: nothing was kept,
// and nothing charged.
type OverKey struct {
	Text  string
	Until time.Time // when it fits, unless more is used
}

// Error implements error.
func (e *OverKey) Error() string { return e.Text }

// Unwrap makes it an ErrKeyLimit.
func (e *OverKey) Unwrap() error { return ErrKeyLimit }

// MaySendAs tells whether the key behind a grant may have an address in From or in
// Sender; what the account allows is another question.
func MaySendAs(g access.Grant, from email.Address) bool {
	key, domain := from.Key(), "@"+from.Domain
	return len(g.Senders) == 0 || slices.ContainsFunc(g.Senders, func(s string) bool {
		may := senderKey(s)
		return may == key || may == domain
	})
}

// maySteer refuses what a key may not do to a message: one that is bound to senders or
// to an account has a part in such mail alone.
func (e *Engine) maySteer(ctx context.Context, g access.Grant, id email.ID) error {
	if err := maySend(g); err != nil || !boundToSome(g) {
		return err
	}
	m, err := e.cfg.Store.Message(ctx, g.Team, id)
	if err != nil {
		return err
	}
	from, err := email.ParseAddress(m.Sender)
	if err != nil || !MaySendAs(g, from) || g.Account != "" && g.Account != askedOf(m) && g.Account != m.Account {
		return fmt.Errorf("%w: it is bound to other senders, or to another account, than this message has", ErrForbidden)
	}
	return nil
}

// boundToSome tells whether a key is for some of a team's mail.
func boundToSome(g access.Grant) bool { return g.Account != "" || len(g.Senders) > 0 }

// AccountNamed finds what a caller means by a name: the id or the address of an
// account, or the id or the name of a pool. ErrNotFound says that there is none,
// ErrForbidden that the caller's key is bound to another one.
func (e *Engine) AccountNamed(ctx context.Context, g access.Grant, name string) (email.ID, error) {
	t, err := e.accounts.team(ctx, g.Team)
	if err != nil {
		return "", err
	}
	id := t.idNamed(name)
	if id == "" {
		if t, err = e.accounts.again(ctx, g.Team, name, t); err != nil {
			return "", err
		}
		id = t.idNamed(name)
	}
	switch {
	case id == "":
		return "", fmt.Errorf("account or pool %w", ErrNotFound)
	case g.Account != "" && id != g.Account:
		return "", fmt.Errorf("%w: it may send by %s alone", ErrForbidden, t.nameOf(g.Account))
	}
	return id, nil
}

func (t *teamAccounts) idNamed(name string) email.ID {
	if a := t.named(name); a != nil {
		return a.row.ID
	}
	if p := poolNamed(t.pools, name); p != nil {
		return p.ID
	}
	return ""
}

// nameOf is what people call an account or a pool.
func (t *teamAccounts) nameOf(id email.ID) string {
	if a := withID(t.list, id); a != nil {
		return a.row.Address
	}
	if p := poolNamed(t.pools, id); p != nil {
		return "the pool " + p.Name
	}
	return id
}

// nameAccount finds out which account or pool is asked for: that of the submission,
// or that of the key. It refuses one that is not the key's, whether it is there or
// not: somebody else's accounts are none of its business.
func (d *draft) nameAccount(ctx context.Context) (refused bool, err error) {
	d.named = cmp.Or(d.sub.Account, d.g.Account)
	if d.g.Account == "" || d.sub.Account == "" {
		return false, nil
	}
	_, err = d.e.AccountNamed(ctx, d.g, d.sub.Account)
	if !errors.Is(err, ErrForbidden) && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	t, err := d.e.accounts.team(ctx, d.g.Team)
	d.wrong("account", "this API key may not send by that; allowed: %s", t.nameOf(d.g.Account))
	return true, err
}

// checkKeySenders holds the author against what the key may be. A problem that is
// there already about the same field is of no use to one who may not anyway.
func (d *draft) checkKeySenders() {
	if !d.from.IsZero() && !MaySendAs(d.g, d.from) {
		d.problems = slices.DeleteFunc(d.problems, func(p email.Problem) bool { return p.Field == "from" })
		d.wrong("from", "this API key may not send as %s; allowed: %s", d.from.Addr(), strings.Join(d.g.Senders, ", "))
	}
	if !d.raw.Sender.IsZero() && !MaySendAs(d.g, d.raw.Sender) {
		d.wrong("raw", "the field Sender: this API key may not send as %s; allowed: %s", d.raw.Sender.Addr(), strings.Join(d.g.Senders, ", "))
	}
}

// checkKeyLimits refuses what the key may never send, however long one waits.
func (d *draft) checkKeyLimits() {
	if text := tooMany(d.g, len(d.recipients)); text != "" {
		d.wrong("to", "%s: send it to fewer of them at a time", text)
	}
}

func tooMany(g access.Grant, recipients int) string {
	switch {
	case g.Rate > 0 && recipients > g.Rate:
		return fmt.Sprintf("%d recipients, and this API key may send to %d in a minute", recipients, g.Rate)
	case g.Daily > 0 && recipients > g.Daily:
		return fmt.Sprintf("%d recipients, and this API key may send to %d in 24 hours", recipients, g.Daily)
	}
	return ""
}

// charge is what a key was charged for messages that are about to be kept. A nil
// one is that of a key without limits.
type charge struct {
	e    *Engine
	made store.KeyCharge
}

// charge counts the recipients of messages before they are kept: a process that
// ends between the two has charged too much, never too little.
func (e *Engine) charge(ctx context.Context, g access.Grant, ms ...*store.NewMessage) (*charge, error) {
	n := 0
	for _, m := range ms {
		n += len(m.Recipients)
	}
	if g.Rate == 0 && g.Daily == 0 || n == 0 {
		return nil, nil
	}
	if text := tooMany(g, n); text != "" { // of several messages: one alone was looked at
		return nil, &Invalid{[]email.Problem{{Field: "messages", Message: text + ": hand over fewer of them at a time"}}}
	}
	c := store.KeyCharge{Team: g.Team, Key: g.Key, Recipients: n, Rate: g.Rate, Daily: g.Daily, At: e.cfg.Now()}
	full, err := e.cfg.Store.ChargeKey(ctx, c)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, fmt.Errorf("%w: it was deleted", ErrForbidden)
	case err != nil:
		return nil, err
	case full != nil:
		return nil, overKey(n, full)
	}
	return &charge{e, c}, nil
}

func overKey(recipients int, f *store.KeyFull) *OverKey {
	span := "a minute"
	if f.Window > time.Minute {
		span = words(f.Window)
	}
	until := f.Until.UTC().Truncate(time.Second)
	if until.Before(f.Until) {
		until = until.Add(time.Second)
	}
	return &OverKey{
		Text: fmt.Sprintf("this API key may send to %d recipients in %s: there is room for %d more from %s on",
			f.Max, span, recipients, until.Format(time.RFC3339)),
		Until: until,
	}
}

// settle gives back what was charged for messages that are not kept, or that an
// earlier one stands for. errs are what became of each, or one for all. Where nobody
// knows whether a message was kept the charge stays.
func (c *charge) settle(ctx context.Context, ms []*store.NewMessage, errs ...error) {
	if c == nil {
		return
	}
	back := c.made
	back.Recipients = 0
	for i, m := range ms {
		err := errs[min(i, len(errs)-1)]
		if repeated(m) || neverKept(err) || Unavailable(err) || StorageFull(err) {
			back.Recipients += len(m.Recipients)
		}
	}
	if back.Recipients == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.e.cfg.Lease)
	defer cancel()
	if err := c.e.cfg.Store.RefundKey(ctx, back); err != nil {
		c.e.cfg.Log.Warn("an API key was charged for mail that was not kept", "key", back.Key, "recipients", back.Recipients, "err", err)
	}
}
