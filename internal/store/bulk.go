package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatepost/internal/email"
)

// What is done to many messages is done to each by an operation of its own, with an
// event of its own; those that wait together share a transaction, as all do.

// ErrNotSelected says that a message is not any more what it was selected for.
var ErrNotSelected = errors.New("it is no longer selected")

// Item is one message of many, and the event that tells what was done to it.
type Item struct {
	Message email.ID
	Event   Event
}

// skips tells which errors say that a message was left as it is: they come before
// anything is written.
func skips(err error) bool {
	return errors.Is(err, ErrNotSelected) || errors.Is(err, ErrNothingToRetry) || errors.Is(err, ErrShredded) || errors.Is(err, ErrTooLate)
}

// each does one thing to each of many messages. A message that is left out does not
// spoil the group for the others.
func (s *Store) each(ctx context.Context, what string, items []Item, do func(ctx context.Context, t *tx, it Item) (Event, error)) []error {
	reqs, errs := make([]*request, len(items)), make([]error, len(items))
	for i, it := range items {
		var ev Event
		reqs[i] = &request{change: &change{
			message: it.Message,
			apply: func(ctx context.Context, t *tx) (err error) {
				ev, err = do(ctx, t, it)
				if errs[i] = nil; skips(err) {
					ev, errs[i], err = Event{}, err, nil
				}
				return err
			},
			landed: func(ctx context.Context, q querier) (bool, error) { return noted(ctx, q, ev) },
		}}
	}
	s.submit(ctx, reqs...)
	for i, r := range reqs {
		if r.err != nil {
			errs[i] = fmt.Errorf("%s message %s: %w", what, items[i].Message, r.err)
		}
	}
	return errs
}

// take reads a message's place in the queue and keeps it from changing; ErrNotSelected
// when it is no longer selected.
func (s Selection) take(ctx context.Context, t *tx, team, message email.ID) (*Entry, error) {
	e, err := scanEntry(t.QueryRowContext(ctx, `UPDATE queue SET seq = seq WHERE team_id = $1 AND message_id = $2 RETURNING `+queueColumns, team, message))
	if errors.Is(found(err), ErrNotFound) {
		return nil, ErrNotSelected
	}
	if err != nil {
		return nil, err
	}
	same := slices.Contains(s.States, e.State) && s.names(e.Route) && s.Not != e.Route && (s.Cause == "" || s.Cause == e.Cause)
	if !same {
		return nil, ErrNotSelected
	}
	return e, nil
}

// about fills in whom an event is about; the entry is as it was before.
func (e *Entry) about(ev Event) Event {
	ev.Team, ev.Subject, ev.Seq = e.Team, e.Message, e.Seq+1
	return ev
}

// CauseByHand is the cause of what a person has held.
const CauseByHand = "by_hand"

// HoldEach holds messages that wait, until a person releases them. An error of the
// slice that is ErrNotSelected says that the message was left as it is; so it is with
// the other methods on many messages.
func (s *Store) HoldEach(ctx context.Context, team email.ID, sel Selection, items []Item) ([]error, error) {
	fence, err := s.newFence()
	if err != nil {
		return nil, err
	}
	return s.each(ctx, "hold", items, func(ctx context.Context, t *tx, it Item) (Event, error) {
		e, err := sel.take(ctx, t, team, it.Message)
		if err != nil {
			return Event{}, err
		}
		if _, err := t.ExecContext(ctx, `UPDATE queue SET state = 'held', cause = $2, fence = $3, seq = seq + 1 WHERE message_id = $1`,
			e.Message, CauseByHand, fence); err != nil {
			return Event{}, err
		}
		t.move(team, e.State, email.Held, e.Unsettled)
		ev := e.about(it.Event)
		ev.Data.Account, ev.Data.Cause = Asked(e.Route), CauseByHand
		return ev, insertEvent(ctx, t, ev)
	}), nil
}

// ReleaseEach lets held messages go on, as Release does.
func (s *Store) ReleaseEach(ctx context.Context, team email.ID, sel Selection, items []Item) []error {
	return s.each(ctx, "release", items, func(ctx context.Context, t *tx, it Item) (Event, error) {
		if _, err := sel.take(ctx, t, team, it.Message); err != nil {
			return Event{}, err
		}
		ev, _, err := release(ctx, t, team, it.Message, it.Event)
		return ev, err
	})
}

// CancelEach takes messages out of the queue, as Cancel does.
func (s *Store) CancelEach(ctx context.Context, team email.ID, sel Selection, items []Item) []error {
	return s.each(ctx, "cancel", items, func(ctx context.Context, t *tx, it Item) (Event, error) {
		e, err := sel.take(ctx, t, team, it.Message)
		if err != nil {
			return Event{}, err
		}
		if _, err := t.ExecContext(ctx, `DELETE FROM queue WHERE message_id = $1`, e.Message); err != nil {
			return Event{}, err
		}
		return cancel(ctx, t, e, it.Event)
	})
}

// RetryEach has the recipients tried again that failed with a cause, or all that
// failed, as Retry does.
func (s *Store) RetryEach(ctx context.Context, team email.ID, cause string, keepUntil time.Time, items []Item) ([]error, error) {
	fence, err := s.newFence()
	if err != nil {
		return nil, err
	}
	return s.each(ctx, "try again", items, func(ctx context.Context, t *tx, it Item) (Event, error) {
		return retryMessage(ctx, t, Retry{Team: team, Message: it.Message, Cause: cause, KeepUntil: keepUntil, Event: it.Event}, fence)
	}), nil
}

// Target is the account that messages are moved to.
type Target struct {
	Account  email.ID
	MailFrom string
}

// MoveEach has messages that wait sent by another account. Whether it may send them
// is the caller's to know.
func (s *Store) MoveEach(ctx context.Context, team email.ID, sel Selection, to Target, items []Item) ([]error, error) {
	fence, err := s.newFence()
	if err != nil {
		return nil, err
	}
	return s.each(ctx, "move", items, func(ctx context.Context, t *tx, it Item) (Event, error) {
		e, err := sel.take(ctx, t, team, it.Message)
		if err != nil {
			return Event{}, err
		}
		return move(ctx, t, e, to, fence, it.Event)
	}), nil
}

// move leaves the id of a conversation behind: it is the other mailbox's own. What
// has a draft there is marked: a send of that may be late, and nobody looks for it.
func move(ctx context.Context, t *tx, e *Entry, to Target, fence int64, ev Event) (Event, error) {
	if _, err := t.ExecContext(ctx, `UPDATE queue SET route = $2, pooled = '', fence = $3, seq = seq + 1,
		duplicate = CASE WHEN `+draftedSQL("queue")+` THEN 1 ELSE duplicate END WHERE message_id = $1`, e.Message, to.Account, fence); err != nil {
		return ev, err
	}
	if _, err := t.ExecContext(ctx, `UPDATE messages SET account_id = $3, mail_from = $4, thread_id = '', pooled = '' WHERE team_id = $1 AND id = $2`,
		e.Team, e.Message, to.Account, to.MailFrom); err != nil {
		return ev, err
	}
	t.putBehind()
	ev = e.about(ev)
	ev.Data.Account = to.Account
	return ev, insertEvent(ctx, t, ev)
}

// unsent is the time for which a message was scheduled that was never tried, or 0.
const unsent = `CASE WHEN attempt = 0 THEN (SELECT m.send_at FROM messages m WHERE m.team_id = queue.team_id AND m.id = queue.message_id) ELSE 0 END`

// release lets a held message go on: due now, or scheduled as it was. If it was held
// because an attempt's outcome is unknown, what follows may be a second copy.
func release(ctx context.Context, t *tx, team, message email.ID, ev Event) (Event, *Entry, error) {
	e, err := scanEntry(t.QueryRowContext(ctx, `UPDATE queue SET state = CASE WHEN `+unsent+` > 0 THEN 'scheduled' ELSE 'queued' END,
		due_at = CASE WHEN `+unsent+` > 0 THEN `+unsent+` ELSE $3 END, seq = seq + 1,
		duplicate = CASE WHEN unknown_at > 0 THEN 1 ELSE duplicate END, unknown_at = 0, written_at = 0, retries = 0, retry_ms = 0, cause = '',
		route = CASE WHEN pooled = '' OR `+draftedSQL("queue")+` THEN route ELSE pooled END
		WHERE team_id = $1 AND message_id = $2 AND state = 'held' RETURNING `+queueColumns, team, message, millis(ev.At)))
	if err != nil {
		return ev, nil, found(err)
	}
	t.move(team, email.Held, e.State, e.Unsettled)
	ev.Team, ev.Subject, ev.Seq = team, message, e.Seq
	return ev, e, insertEvent(ctx, t, ev)
}
