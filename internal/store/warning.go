package store

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// Warning is that something of a credential or an account ends.
type Warning struct {
	Team    email.ID
	Subject email.ID // of the credential or the account
	Kind    string   // what ends of it
	EndsAt  time.Time
	Days    int // how many days ahead it is told; 0: it is over
}

// Warn tells a warning as an event of its subject, unless it or a later one of the same
// end was told before, by whatever node. An end that has moved is told anew.
func (s *Store) Warn(ctx context.Context, w Warning, e Event) (told bool, err error) {
	err = s.inTeam(ctx, w.Team, "warn of "+w.Subject, func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, `INSERT INTO warnings (team_id, subject, kind, ends_at, days, told_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (team_id, subject, kind) DO UPDATE SET ends_at = excluded.ends_at, days = excluded.days, told_at = excluded.told_at
			WHERE warnings.ends_at <> excluded.ends_at OR warnings.days > excluded.days`,
			w.Team, w.Subject, w.Kind, millis(w.EndsAt), w.Days, millis(e.At))
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if told = n > 0; !told || err != nil {
			return err
		}
		e.Team, e.Subject = w.Team, w.Subject
		return insertAccountEvent(ctx, t, e)
	})
	return told, err
}

// Warnings lists the last warning that was told of each thing that ends.
func (s *Store) Warnings(ctx context.Context, team email.ID) ([]Warning, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT team_id, subject, kind, ends_at, days FROM warnings WHERE team_id = $1`, team)
	if err != nil {
		return nil, fmt.Errorf("list warnings: %w", err)
	}
	return scanAll(rows, func(row interface{ Scan(...any) error }) (w Warning, err error) {
		var ends int64
		err = row.Scan(&w.Team, &w.Subject, &w.Kind, &ends, &w.Days)
		w.EndsAt = fromMillis(ends)
		return w, err
	})
}

// forgetWarnings forgets what was told of one that is removed.
func forgetWarnings(ctx context.Context, t *tx, team, subject email.ID) error {
	_, err := t.ExecContext(ctx, `DELETE FROM warnings WHERE team_id = $1 AND subject = $2`, team, subject)
	return err
}
