package store

import (
	"context"
	"time"

	"gatepost/internal/email"
)

// Times in rows are wall time. What was written while the clock was ahead of where it
// is now would wait until the clock has come there again: an hour, where somebody has
// set it back by an hour. Such rows give themselves away: they seem to have been written
// in the future. Nodes of one database go by its clock (SyncClock), so that none takes
// for the future what is another's present.

const (
	// ahead is how far in the future what has happened may seem to lie: nodes' clocks
	// differ a little.
	ahead = 5 * time.Second
	// aheadAtOnce is how many rows are brought back in one transaction.
	aheadAtOnce = 1000
)

// BroughtBack is what waited by a clock that was ahead.
type BroughtBack struct {
	Messages int
	Accounts []*Account
}

// BringBack lets what was written by a clock that was ahead go by the clock as it is
// now: what was to leave at once leaves at once, and what waits after an attempt, a
// look or a refusal waits as long as it was to wait then, from now on.
func (s *Store) BringBack(ctx context.Context, now time.Time) (b BroughtBack, err error) {
	for _, bring := range bringings {
		for n := aheadAtOnce; n == aheadAtOnce && err == nil; b.Messages += n {
			n, err = s.bringBack(ctx, bring.update, bring.state, now)
		}
	}
	if err != nil {
		return b, err
	}
	err = s.do(ctx, "bring accounts back", func(ctx context.Context, t *tx) error {
		rows, err := t.QueryContext(ctx, `UPDATE accounts SET waits_since = $1,
			parked_until = CASE WHEN parked_until > $2 THEN $1 + parked_until - waits_since ELSE parked_until END,
			resting_until = CASE WHEN resting_until > $2 THEN $1 + resting_until - waits_since ELSE resting_until END
			WHERE waits_since > $2 AND (parked_until > $2 OR resting_until > $2) RETURNING `+accountColumns, millis(now), millis(now.Add(ahead)))
		if err != nil {
			return err
		}
		b.Accounts, err = scanAll(rows, scanAccount)
		return err
	})
	return b, err
}

func (s *Store) bringBack(ctx context.Context, update string, state email.State, now time.Time) (n int, err error) {
	err = s.do(ctx, "bring messages back", func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, update, millis(now), millis(now.Add(ahead)), aheadAtOnce, state)
		if err != nil {
			return err
		}
		changed, err := r.RowsAffected()
		if n = int(changed); n > 0 {
			t.putBehind()
		}
		return err
	})
	return n, err
}

// bringings are the changes to messages, by the state that each is for.
var bringings = []struct {
	state  email.State
	update string
}{
	// What is due as soon as it is written, because it was taken or let go, is due now:
	// never later, but for the time that it was scheduled for.
	{email.Queued, `UPDATE queue SET due_at = $1` + inFuture(`q.written_at = 0 AND NOT EXISTS
		(SELECT 1 FROM messages m WHERE m.team_id = q.team_id AND m.id = q.message_id AND m.send_at > $1)`)},
	{email.Queued, `UPDATE queue SET due_at = $1 + due_at - written_at, written_at = $1` + inFuture(`q.written_at > $2`)},
	{email.Unknown, `UPDATE queue SET due_at = $1 + due_at - written_at, written_at = $1,
		unknown_at = CASE WHEN unknown_at > $1 THEN $1 ELSE unknown_at END` + inFuture(`q.written_at > $2`)},
}

// inFuture finds what is due in the future, route by route, as the index has it.
func inFuture(also string) string {
	return ` WHERE state = $4 AND message_id IN (` + routesSQL + ` SELECT q.message_id FROM routes r
		JOIN queue q ON q.route = r.route AND q.state = $4 AND q.lane IN (0, 1, 2) AND q.due_at > $2
		WHERE r.route IS NOT NULL AND ` + also + ` LIMIT $3)`
}
