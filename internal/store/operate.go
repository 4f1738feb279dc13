package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// Errors of a person's operations on messages.
var (
	// ErrTooLate says that a message can no longer be canceled or tried again.
	ErrTooLate = errors.New("it is too late for that")
	// ErrNothingToRetry says that no recipient of a message failed.
	ErrNothingToRetry = errors.New("no recipient failed")
	// ErrShredded says that a message's content is gone.
	ErrShredded = errors.New("the content has been shredded")
)

// Waiting counts the messages that wait in an account's queue.
func (s *Store) Waiting(ctx context.Context, team, account email.ID) (n int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM queue WHERE route = $1 AND team_id = $2`, account, team).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("messages that wait for %s: %w", account, err)
	}
	return n, nil
}

// Cancel takes a message out of the queue; its open recipients become canceled.
// It is one statement that a claim either comes before, then it is ErrTooLate, or
// after, and finds nothing. Canceling again is no error.
func (s *Store) Cancel(ctx context.Context, team, message email.ID, ev Event) error {
	return s.doNotedOn(ctx, "cancel message "+message, message, func(ctx context.Context, t *tx) (Event, error) {
		e, err := scanEntry(t.QueryRowContext(ctx, `DELETE FROM queue WHERE team_id = $1 AND message_id = $2
			AND state IN ('scheduled', 'queued', 'held') RETURNING `+queueColumns, team, message))
		if errors.Is(found(err), ErrNotFound) {
			return Event{}, notCanceled(ctx, t, team, message)
		}
		if err != nil {
			return Event{}, err
		}
		return cancel(ctx, t, e, ev)
	})
}

func cancel(ctx context.Context, t *tx, e *Entry, ev Event) (Event, error) {
	var err error
	if e.Unsettled, err = closeOpen(ctx, t, e, email.Canceled, ev.At); err != nil {
		return ev, err
	}
	ev.Team, ev.Subject, ev.Seq = e.Team, e.Message, e.Seq+1
	ev.Data.Account, ev.Data.Attempt, ev.Data.PossibleDuplicate = Asked(e.Route), e.Attempt, e.Duplicate
	if !e.UnknownAt.IsZero() {
		ev.Data.Cause = "outcome_unknown" // an attempt before may have left
	}
	if err := insertEvent(ctx, t, ev); err != nil || !e.Shred {
		return ev, err
	}
	return ev, shred(ctx, t, e.Team, e.Message, ev.At)
}

// closeOpen gives all recipients without a verdict the same one.
func closeOpen(ctx context.Context, t *tx, e *Entry, state email.State, at time.Time) (int, error) {
	r, err := t.ExecContext(ctx, `UPDATE recipients SET state = $3, updated_at = $4 WHERE team_id = $1 AND message_id = $2 AND state = ''`,
		e.Team, e.Message, state, millis(at))
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	if err != nil {
		return 0, err
	}
	t.move(e.Team, e.State, state, int(n))
	return int(n), insertEnding(ctx, t, e.Team, e.Message, state)
}

// notCanceled says why a message could not be canceled.
func notCanceled(ctx context.Context, q querier, team, message email.ID) error {
	var state string
	err := q.QueryRowContext(ctx, `SELECT state FROM queue WHERE team_id = $1 AND message_id = $2`, team, message).Scan(&state)
	if err == nil {
		return fmt.Errorf("%w: %s", ErrTooLate, onItsWay(email.State(state)))
	}
	if !errors.Is(found(err), ErrNotFound) {
		return err
	}
	states, err := statesOf(ctx, q, team, message)
	switch {
	case err != nil:
		return err
	case len(states) == 0:
		return ErrNotFound
	case states[email.Canceled]:
		return nil // by an earlier call
	}
	return fmt.Errorf("%w: every recipient is final", ErrTooLate)
}

// onItsWay says of what cannot be canceled where it is.
func onItsWay(state email.State) string {
	if state == email.Unknown {
		return "it was handed over, and whether it left is not known yet: wait for its outcome"
	}
	return "it is being sent: wait for its outcome"
}

func statesOf(ctx context.Context, q querier, team, message email.ID) (map[email.State]bool, error) {
	rows, err := q.QueryContext(ctx, `SELECT DISTINCT state FROM recipients WHERE team_id = $1 AND message_id = $2`, team, message)
	if err != nil {
		return nil, err
	}
	all, err := scanAll(rows, func(row interface{ Scan(...any) error }) (s email.State, err error) {
		err = row.Scan(&s)
		return s, err
	})
	states := map[email.State]bool{}
	for _, s := range all {
		states[s] = true
	}
	return states, err
}

// Retried says what Retry did.
type Retried struct{ Route email.ID }

// Retry asks for failed recipients of a message to be tried again.
type Retry struct {
	Team, Message email.ID
	// Cause: only recipients that failed with it; empty: all that failed.
	Cause string
	// KeepUntil is how long the content stays at least.
	KeepUntil time.Time
	Event     Event
}

// Retry puts the failed recipients of a message back into the queue, due now. The
// errors: ErrNothingToRetry, ErrShredded, and ErrTooLate while the message is on
// its way to other recipients, when its time is over, or its account removed.
func (s *Store) Retry(ctx context.Context, r Retry) (Retried, error) {
	fence, err := s.newFence()
	if err != nil {
		return Retried{}, err
	}
	var out Retried
	err = s.doNotedOn(ctx, "try message "+r.Message+" again", r.Message, func(ctx context.Context, t *tx) (ev Event, err error) {
		if ev, err = retryMessage(ctx, t, r, fence); err == nil {
			err = t.QueryRowContext(ctx, `SELECT route FROM queue WHERE message_id = $1`, r.Message).Scan(&out.Route)
		}
		return ev, err
	})
	return out, err
}

// retryMessage has written nothing when its error is one of Retry's.
func retryMessage(ctx context.Context, t *tx, r Retry, fence int64) (Event, error) {
	m, err := scanMessage(t.QueryRowContext(ctx, `SELECT `+messageColumns+`, shredded_at FROM messages WHERE team_id = $1 AND id = $2`, r.Team, r.Message))
	if err != nil {
		return Event{}, found(err)
	}
	ev := r.Event
	if err := mayRetry(ctx, t, m, r); err != nil {
		return ev, err
	}
	failed, err := reopen(ctx, t, m, r.Cause, ev.At)
	if err == nil && len(failed) == 0 {
		err = ErrNothingToRetry // somebody else was quicker
	}
	if err != nil {
		return ev, err
	}
	e, err := waitAgain(ctx, t, m, fence, len(failed), ev.At)
	if err != nil {
		return ev, err
	}
	t.move(m.Team, email.Failed, e.State, len(failed))
	ev.Team, ev.Subject, ev.Seq, ev.Data.Recipients, ev.Data.Account = m.Team, m.ID, e.Seq, failed, m.Account
	return ev, insertEvent(ctx, t, ev)
}

// mayRetry keeps the content until the next verdict, so that the retention comes
// either before all of this or after it. It takes the place in the queue first, if
// there is one: whoever cancels or finishes goes from there to the recipients, the
// content and its key, and two that go in different orders deadlock.
func mayRetry(ctx context.Context, t *tx, m *Message, r Retry) error {
	var place email.State // none is none
	err := t.QueryRowContext(ctx, `UPDATE queue SET seq = seq WHERE message_id = $1 RETURNING state`, m.ID).Scan(&place)
	if err = found(err); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	states, err := statesOf(ctx, t, m.Team, m.ID)
	switch {
	case err != nil:
		return err
	case !states[email.Failed]:
		return ErrNothingToRetry
	case place == email.Sending || place == email.Unknown:
		return errOnItsWay
	case !m.ExpiresAt.IsZero() && !m.ExpiresAt.After(r.Event.At):
		return fmt.Errorf("%w: its time was over at %s", ErrTooLate, m.ExpiresAt.Format(time.RFC3339))
	}
	if err := leavePool(ctx, t, m, r.Cause); err != nil {
		return err
	}
	there, err := hasRoute(ctx, t, m)
	if err == nil && !there {
		err = fmt.Errorf("%w: its account has been removed", ErrTooLate)
	}
	if err != nil {
		return err
	}
	return keepForRetry(ctx, t, m.Team, m.ID, r.KeepUntil)
}

// leavePool makes a message the account's that tried it last, where recipients keep
// a verdict while others are tried again; see backSQL.
func leavePool(ctx context.Context, t *tx, m *Message, cause string) error {
	var n int
	err := t.QueryRowContext(ctx, `SELECT COUNT(*) FROM recipients WHERE team_id = $1 AND message_id = $2
		AND (state <> 'failed' OR $3 <> '' AND cause <> $3)`, m.Team, m.ID, cause).Scan(&n)
	if n > 0 {
		m.Pooled = ""
	}
	return err
}

// errOnItsWay says that an attempt is under way, or looked for.
var errOnItsWay = fmt.Errorf("%w: it is on its way to other recipients", ErrTooLate)

// reopen takes the verdict off the recipients that failed with a cause and returns
// them.
func reopen(ctx context.Context, t *tx, m *Message, cause string, at time.Time) ([]string, error) {
	rows, err := t.QueryContext(ctx, `UPDATE recipients SET state = '', cause = '', reply = '', updated_at = $3
		WHERE team_id = $1 AND message_id = $2 AND state = 'failed' AND ($4 = '' OR cause = $4) RETURNING address`, m.Team, m.ID, millis(at), cause)
	if err != nil {
		return nil, err
	}
	failed, err := scanAll(rows, func(row interface{ Scan(...any) error }) (a string, err error) {
		err = row.Scan(&a)
		return a, err
	})
	if err != nil {
		return nil, err
	}
	_, err = t.ExecContext(ctx, `DELETE FROM endings WHERE team_id = $1 AND state = 'failed' AND message_id = $2 AND NOT EXISTS
		(SELECT 1 FROM recipients r WHERE r.team_id = $1 AND r.message_id = $2 AND r.state = 'failed')`, m.Team, m.ID)
	return failed, err
}

// waitAgain makes room in the queue for recipients that are tried again. A new
// fence ends every decision that was made about the row as it was before.
func waitAgain(ctx context.Context, t *tx, m *Message, fence int64, n int, at time.Time) (*Entry, error) {
	past, err := history(ctx, t, m)
	if err != nil {
		return nil, err
	}
	if _, err := t.ExecContext(ctx, `INSERT INTO queue (`+queueColumns+`)
		VALUES ($1, $2, $3, $4, 'queued', $5, $6, 0, '', 0, 0, 0, 0, 0, 0, $7, $8, $9, '', $10, 0, $11) ON CONFLICT DO NOTHING`,
		m.ID, m.Team, routeOf(m.Account, m.Pooled), m.Lane, millis(at), past.Attempt, past.Seq, flag(past.Duplicate), m.OnUnknown, millis(m.ExpiresAt), m.Pooled); err != nil {
		return nil, err
	}
	e, err := scanEntry(t.QueryRowContext(ctx, `UPDATE queue SET fence = $2, unsettled = unsettled + $3, seq = seq + 1,
		due_at = CASE WHEN state = 'queued' THEN $4 ELSE due_at END, written_at = CASE WHEN state = 'queued' THEN 0 ELSE written_at END,
		retries = 0, retry_ms = 0
		WHERE message_id = $1 AND state IN ('scheduled', 'queued', 'held') RETURNING `+queueColumns, m.ID, fence, n, millis(at)))
	if errors.Is(found(err), ErrNotFound) {
		return nil, errOnItsWay
	}
	return e, err
}

// history is what the events tell of a message that has left the queue.
func history(ctx context.Context, q querier, m *Message) (past Entry, err error) {
	events, err := events(ctx, q, m.Team, m.ID)
	for _, e := range events {
		past.Seq, past.Attempt = e.Seq, max(past.Attempt, e.Data.Attempt)
		past.Duplicate = past.Duplicate || e.Data.PossibleDuplicate
	}
	return past, err
}
