package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"gatepost/internal/email"
)

// DueReport is a message of which something is to be told to whoever sent it.
type DueReport struct {
	Team, Message email.ID
	Told          []int // recipients of which it was told, by their numbers
	due           int64
}

// noteReport notes that something became of a message that its sender is to hear of.
func noteReport(ctx context.Context, t *tx, team, message email.ID, at time.Time) error {
	_, err := t.ExecContext(ctx, `INSERT INTO reports (team_id, message_id, due_at, told)
		SELECT team_id, id, $3, '[]' FROM messages WHERE team_id = $1 AND id = $2 AND report <> ''
		ON CONFLICT (team_id, message_id) DO UPDATE SET due_at = excluded.due_at`, team, message, millis(at))
	if err != nil {
		return fmt.Errorf("note what is to be told of message %s: %w", message, err)
	}
	return nil
}

// toldOf tells whether an outcome is one that senders are told of.
func (f *Finish) toldOf() bool {
	return slices.ContainsFunc(f.Verdicts, func(v Verdict) bool { return v.State == email.Failed || v.State == email.Expired })
}

// Reports are messages of which something is to be told, those first that wait longest.
func (s *Store) Reports(ctx context.Context, now time.Time, limit int) ([]DueReport, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT team_id, message_id, due_at, told FROM reports WHERE due_at <= $1 ORDER BY due_at LIMIT $2 + 0`, millis(now), limit)
	if err != nil {
		return nil, fmt.Errorf("what is to be told: %w", err)
	}
	return scanAll(rows, func(row interface{ Scan(...any) error }) (r DueReport, err error) {
		var told string
		if err = row.Scan(&r.Team, &r.Message, &r.due, &told); err == nil {
			err = json.Unmarshal([]byte(told), &r.Told)
		}
		return r, err
	})
}

// Told notes of whom it was told, and when to look again; a zero time says that nothing
// more is to come. What became of the message meanwhile is looked at again.
func (s *Store) Told(ctx context.Context, r DueReport, again time.Time) error {
	return s.doOn(ctx, "note what was told of message "+r.Message, r.Message, func(ctx context.Context, t *tx) error {
		if again.IsZero() {
			if _, err := t.ExecContext(ctx, `DELETE FROM reports WHERE team_id = $1 AND message_id = $2 AND due_at = $3`, r.Team, r.Message, r.due); err != nil {
				return err
			}
		}
		_, err := t.ExecContext(ctx, `UPDATE reports SET told = $4, due_at = CASE WHEN due_at = $3 THEN $5 ELSE due_at END
			WHERE team_id = $1 AND message_id = $2`, r.Team, r.Message, r.due, jsonText(r.Told), laterMillis(again))
		return err
	})
}

// Untold is the time of a report for which something has to happen first.
var Untold = time.UnixMilli(math.MaxInt64 / 2)

func laterMillis(t time.Time) int64 {
	if t.IsZero() {
		return millis(Untold)
	}
	return millis(t)
}
