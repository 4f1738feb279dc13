package store

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// shred makes a message's content unreadable for good: its key goes first, then
// the sealed bytes. A file of the bucket is named by no row from then on, and the
// sweep removes it; without its key it tells nobody anything.
func shred(ctx context.Context, t *tx, team, message email.ID, at time.Time) error {
	if _, err := t.ExecContext(ctx, `DELETE FROM content_keys WHERE team_id = $1 AND message_id = $2`, team, message); err != nil {
		return fmt.Errorf("shred the content of %s: %w", message, err)
	}
	return blank(ctx, t, team, message, at)
}

func blank(ctx context.Context, t *tx, team, message email.ID, at time.Time) error {
	if _, err := t.ExecContext(ctx, `UPDATE messages SET content = NULL, blob = '', shredded_at = $3 WHERE team_id = $1 AND id = $2`,
		team, message, millis(at)); err != nil {
		return fmt.Errorf("remove the content of %s: %w", message, err)
	}
	return nil
}

// Keeping is a message whose content is to be looked at, because the time may have
// come to shred it.
type Keeping struct {
	Team, Message email.ID
	Type          string
	Waiting       bool      // something of it is in the queue
	FinalAt       time.Time // of its last verdict
}

// Keepings are messages whose contents are to be looked at by a time, the longest
// due first. (PostgreSQL answers an EXISTS here by reading all of the queue once.)
func (s *Store) Keepings(ctx context.Context, now time.Time, limit int) ([]Keeping, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT k.team_id, k.message_id, m.type,
			(SELECT 1 FROM queue q WHERE q.message_id = k.message_id) IS NOT NULL,
			COALESCE((SELECT MAX(r.updated_at) FROM recipients r WHERE r.team_id = k.team_id AND r.message_id = k.message_id), 0)
		FROM content_keys k JOIN messages m ON m.team_id = k.team_id AND m.id = k.message_id
		WHERE k.shred_at <= $1 ORDER BY k.shred_at LIMIT $2`, millis(now), limit)
	if err != nil {
		return nil, fmt.Errorf("contents that may have to go: %w", err)
	}
	return scanAll(rows, func(row interface{ Scan(...any) error }) (Keeping, error) {
		var k Keeping
		var final int64
		err := row.Scan(&k.Team, &k.Message, &k.Type, &k.Waiting, &final)
		k.FinalAt = fromMillis(final)
		return k, err
	})
}

// Keep says when a message's content is to be looked at again.
func (s *Store) Keep(ctx context.Context, k Keeping, until time.Time) error {
	return s.doOn(ctx, "keep the content of "+k.Message, k.Message, func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `UPDATE content_keys SET shred_at = $3 WHERE team_id = $1 AND message_id = $2`,
			k.Team, k.Message, millis(until))
		return err
	})
}

// Shred makes a content unreadable that was to be looked at by a time. If somebody
// has tried the message again since, it stays: that moves the time of the look.
func (s *Store) Shred(ctx context.Context, k Keeping, lookedAt, at time.Time) (done bool, err error) {
	err = s.doOn(ctx, "shred the content of "+k.Message, k.Message, func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, `DELETE FROM content_keys WHERE team_id = $1 AND message_id = $2 AND shred_at <= $3`,
			k.Team, k.Message, millis(lookedAt))
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if done = n == 1; err != nil || !done {
			return err
		}
		return blank(ctx, t, k.Team, k.Message, at)
	})
	return done, err
}

// keepForRetry moves the look at a content, and makes sure that it is there.
func keepForRetry(ctx context.Context, t *tx, team, message email.ID, until time.Time) error {
	r, err := t.ExecContext(ctx, `UPDATE content_keys SET shred_at = $3 WHERE team_id = $1 AND message_id = $2`,
		team, message, millis(until))
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err == nil && n == 0 {
		err = ErrShredded
	}
	return err
}
