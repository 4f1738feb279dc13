package queue

import (
	"context"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// maxAhead is how far ahead a message may be scheduled.
const maxAhead = 366 * day

// promote puts an account's scheduled messages whose time has come into the queue.
// It goes by the wall clock, and not before that much time has really passed.
func (e *Engine) promote(ctx context.Context, team, route email.ID) (more bool, err error) {
	n, more, err := e.cfg.Store.Promote(ctx, route, e.clock.believed())
	if n > 0 {
		e.notify(team, route)
	}
	return more, err
}

// endedAtOnce is how many messages are ended in one group without an attempt.
const endedAtOnce = 500

// expire ends what waits though its time is over: scheduled, queued (also behind a
// parked or held account) and held mail. What is being sent or looked for ends by
// its own outcome.
func (e *Engine) expire(ctx context.Context) error {
	find := func(ctx context.Context) ([]*store.Entry, error) {
		return e.cfg.Store.Expired(ctx, e.clock.believed(), endedAtOnce)
	}
	return e.end(ctx, find, func(s *settling, open []store.OpenRecipient) {
		text := "its time was over before it left"
		if !s.entry.UnknownAt.IsZero() {
			text = "its time is over, and whether the last attempt was taken is not known"
		}
		s.expired(text, open)
	})
}

// strand ends what waits for an account that has been removed: it came, or was
// claimed, when the account was still known here. What may have left says so.
func (e *Engine) strand(ctx context.Context) error {
	find := func(ctx context.Context) ([]*store.Entry, error) { return e.cfg.Store.Stranded(ctx, endedAtOnce) }
	return e.end(ctx, find, func(s *settling, open []store.OpenRecipient) {
		if s.entry.Duplicate || !s.entry.UnknownAt.IsZero() {
			s.failed(&provider.Error{
				Cause: "outcome_unknown", Text: "the account was removed, and whether the last attempt was taken is not known",
				Fix: "ask a recipient, or look at what the mailbox has sent, before you submit it again",
			}, open...)
			return
		}
		s.failed(&provider.Error{
			Cause: "account_removed", Text: "the account was removed when the message came", Fix: "submit it again through another account",
		}, open...)
	})
}

// end settles without an attempt what is found, until there is no more of it.
func (e *Engine) end(ctx context.Context, find func(context.Context) ([]*store.Entry, error), settle func(*settling, []store.OpenRecipient)) error {
	for {
		entries, err := find(ctx)
		if err != nil {
			return err
		}
		var out []*store.Finish
		for _, en := range entries {
			open, err := e.cfg.Store.OpenRecipients(ctx, en.Team, en.Message)
			if err != nil {
				return err
			}
			s := e.settling(en)
			if settle(s, open); s.err != nil {
				return s.err
			}
			out = append(out, s.finish)
		}
		if err := e.finish(ctx, out...); err != nil || len(entries) < endedAtOnce {
			return err
		}
	}
}

// times are when a message may leave and until when.
type times struct{ send, expires time.Time }

// slack is by how much an end may lie beyond the life of its type, because clocks
// differ; it is cut off.
const slack = time.Minute

// checkTimes completes the times by the type. Rows have milliseconds: a beginning
// is rounded up and an end down, so that nothing leaves early or late.
func (d *draft) checkTimes(p Policy) {
	now := d.e.cfg.Now()
	if s := d.sub.SendAt; !s.IsZero() {
		d.times.send = s.Add(time.Millisecond - 1).Truncate(time.Millisecond).UTC()
		if s.After(now.Add(maxAhead)) {
			d.wrong("send_at", "more than a year ahead")
		}
	}
	from := now
	if d.times.send.After(now) {
		from = d.times.send
	}
	if p.Life > 0 {
		d.times.expires = from.Add(p.Life).Truncate(time.Millisecond).UTC()
	}
	if e := d.sub.ExpiresAt; !e.IsZero() {
		d.checkEnd(p, e.Truncate(time.Millisecond).UTC(), from, now)
	}
}

func (d *draft) checkEnd(p Policy, end, from, now time.Time) {
	switch {
	case !end.After(now):
		d.wrong("expires_at", "is over already")
	case !end.After(from):
		d.wrong("expires_at", "is not after send_at")
	case p.Life > 0 && end.After(from.Add(p.Life+slack)):
		d.wrong("expires_at", "mail of the type %s lives %s: it can be made shorter, not longer", p.Type, words(p.Life))
	case p.Life == 0 || end.Before(d.times.expires):
		d.times.expires = end
	}
}
