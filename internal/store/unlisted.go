package store

import (
	"context"
	"time"

	"gatepost/internal/email"
)

// Unlisted is an answer of a provider that the catalogue does not know.
type Unlisted struct {
	Team            email.ID
	Provider        string // the account's transport, or whose consent it was
	Stage           string
	Code            int
	Words           string // what all its cases have in common
	Sample          string // one case, without addresses and ids
	Times           int64
	FirstAt, LastAt time.Time
}

// MaxUnlisted is how many different ones are kept for a team; the one that was not met
// for longest makes room.
const MaxUnlisted = 200

// NoteUnlisted counts an answer at u.LastAt.
func (s *Store) NoteUnlisted(ctx context.Context, u Unlisted) error {
	return s.do(ctx, "note an answer that is not known", func(ctx context.Context, t *tx) error {
		if _, err := t.ExecContext(ctx, `INSERT INTO unlisted (team_id, provider, stage, code, words, sample, times, first_at, last_at)
			VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7)
			ON CONFLICT (team_id, provider, stage, code, words) DO UPDATE SET times = unlisted.times + 1, last_at = excluded.last_at`,
			u.Team, u.Provider, u.Stage, u.Code, u.Words, u.Sample, millis(u.LastAt)); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `DELETE FROM unlisted WHERE team_id = $1 AND last_at < (
			SELECT last_at FROM unlisted WHERE team_id = $1 ORDER BY last_at DESC LIMIT 1 OFFSET $2)`, u.Team, MaxUnlisted-1)
		return err
	})
}

// Unlisted lists a team's unknown answers, the newest first.
func (s *Store) Unlisted(ctx context.Context, team email.ID) ([]Unlisted, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT provider, stage, code, words, sample, times, first_at, last_at FROM unlisted
		WHERE team_id = $1 ORDER BY last_at DESC, words LIMIT $2`, team, MaxUnlisted)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Unlisted
	for rows.Next() {
		u := Unlisted{Team: team}
		var first, last int64
		if err := rows.Scan(&u.Provider, &u.Stage, &u.Code, &u.Words, &u.Sample, &u.Times, &first, &last); err != nil {
			return nil, err
		}
		u.FirstAt, u.LastAt = fromMillis(first), fromMillis(last)
		all = append(all, u)
	}
	return all, rows.Err()
}
