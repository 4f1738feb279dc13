package store

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// EveryLane is in a Pause the lane that stands for all.
const EveryLane email.Lane = -1

// Pause is what a person has paused: mail that it is about is kept, and no attempt
// of it begins. What is being sent comes to its end, and looks for unknown outcomes
// go on.
type Pause struct {
	Team    email.ID
	Account email.ID   // or a pool; empty: every account of the team
	Name    string     // of the account its address, or of the pool its name; Pauses fills it in
	Lane    email.Lane // or EveryLane
	Reason  string
	Key     email.ID // the API key that did it
	At      time.Time
}

// About tells whether a pause is about a lane of what waits on a route: an
// account's, or a pool's.
func (p Pause) About(route string, lane email.Lane) bool {
	return (p.Account == "" || p.Account == route || p.Account == PoolOf(route)) && (p.Lane == EveryLane || p.Lane == lane)
}

// unpaused is the SQL condition that nobody has paused a lane of an account, or of
// several accounts and pools with commas between. The arguments are SQL themselves:
// places or columns.
func unpaused(team, account, lane string) string {
	return `NOT EXISTS (SELECT 1 FROM pauses p WHERE p.team_id = ` + team + ` AND p.account_id IN ('', ` + account + `) AND p.lane IN (-1, ` + lane + `))`
}

// Pause begins a pause. One that is there stays as old as it is; a new reason takes the
// place of its reason and of who gave that, and without one both stay. Claims that begin after it heed it, on all nodes.
func (s *Store) Pause(ctx context.Context, p Pause) error { return s.PauseNoted(ctx, p, Event{}) }

// PauseNoted is Pause, with an event about the account, or all accounts of the team,
// where it was not paused already. A pool has no events.
func (s *Store) PauseNoted(ctx context.Context, p Pause, ev Event) error {
	return s.do(ctx, "pause", func(ctx context.Context, t *tx) error {
		var n int
		err := t.QueryRowContext(ctx, `SELECT COUNT(*) FROM pauses WHERE team_id = $1 AND account_id = $2 AND lane = $3`, p.Team, p.Account, p.Lane).Scan(&n)
		if err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, `INSERT INTO pauses (team_id, account_id, lane, reason, key_id, created_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (team_id, account_id, lane) DO UPDATE SET reason = excluded.reason, key_id = excluded.key_id WHERE excluded.reason <> ''`,
			p.Team, p.Account, p.Lane, p.Reason, p.Key, millis(p.At)); err != nil || n > 0 {
			return err
		}
		return p.note(ctx, t, ev)
	})
}

// Resume ends the pause of just this account and lane, and is no error where there
// is none.
func (s *Store) Resume(ctx context.Context, team, account email.ID, lane email.Lane) error {
	return s.ResumeNoted(ctx, Pause{Team: team, Account: account, Lane: lane}, Event{})
}

// ResumeNoted is Resume, with an event where there was a pause.
func (s *Store) ResumeNoted(ctx context.Context, p Pause, ev Event) error {
	return s.do(ctx, "resume", func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, `DELETE FROM pauses WHERE team_id = $1 AND account_id = $2 AND lane = $3`, p.Team, p.Account, p.Lane)
		if err != nil {
			return err
		}
		t.putBehind() // what waited there
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return p.note(ctx, t, ev)
	})
}

// note writes an event of a pause. Its subject's row is locked first, as the event's
// number comes after those that are there.
func (p Pause) note(ctx context.Context, t *tx, ev Event) error {
	if ev.ID == "" || isPool(p.Account) {
		return nil
	}
	ev.Team, ev.Subject = p.Team, p.Account
	lock := `UPDATE accounts SET updated_at = updated_at WHERE team_id = $1 AND id = $2`
	if p.Account == "" {
		ev.Subject, lock = p.Team, `UPDATE teams SET name = name WHERE id = $1 AND id = $2`
	}
	if _, err := t.ExecContext(ctx, lock, p.Team, ev.Subject); err != nil {
		return err
	}
	return insertAccountEvent(ctx, t, ev)
}

// Pauses lists what is paused of a team, the widest first. A pause of an account
// or a pool that has been removed is not among them.
func (s *Store) Pauses(ctx context.Context, team email.ID) ([]Pause, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT p.team_id, p.account_id, COALESCE(a.address, o.name, ''), p.lane, p.reason, p.key_id, p.created_at
		FROM pauses p LEFT JOIN accounts a ON a.team_id = p.team_id AND a.id = p.account_id
		LEFT JOIN pools o ON o.team_id = p.team_id AND o.id = p.account_id
		WHERE p.team_id = $1 AND (p.account_id = '' OR a.id IS NOT NULL OR o.id IS NOT NULL) ORDER BY p.account_id, p.lane`, team)
	if err != nil {
		return nil, fmt.Errorf("what is paused: %w", err)
	}
	return scanAll(rows, func(row interface{ Scan(...any) error }) (Pause, error) {
		var p Pause
		var at int64
		err := row.Scan(&p.Team, &p.Account, &p.Name, &p.Lane, &p.Reason, &p.Key, &at)
		p.At = fromMillis(at)
		return p, err
	})
}
