package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// Account is an address that can send through a provider with a credential.
type Account struct {
	Team, ID    email.ID
	Address     string // bare, domain in lower case
	Transport   string // kind of provider
	Credential  email.ID
	Senders     []string // further addresses, or "@domain", that may stand in From
	Config      json.RawMessage
	Held        bool // a person must act; its mail waits
	ParkedUntil time.Time
	// RestingUntil and Rests are the circuit breaker: how often in a row its server was
	// found in trouble, and until when no attempt is made; then one is.
	RestingUntil time.Time
	Rests        int
	Cause        string // why it is held, parked or resting
	Reason       string // the same for a person, with what to do
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

const accountColumns = `team_id, id, address, transport, credential_id, senders, config, held, parked_until, cause, reason,
	created_at, updated_at, resting_until, rests`

func scanAccount(row interface{ Scan(...any) error }) (*Account, error) {
	var a Account
	var senders, config string
	var parked, created, updated, resting int64
	err := row.Scan(&a.Team, &a.ID, &a.Address, &a.Transport, &a.Credential, &senders, &config, &a.Held, &parked, &a.Cause,
		&a.Reason, &created, &updated, &resting, &a.Rests)
	if err != nil {
		return nil, err
	}
	a.Config, a.ParkedUntil = json.RawMessage(config), fromMillis(parked)
	a.CreatedAt, a.UpdatedAt, a.RestingUntil = fromMillis(created), fromMillis(updated), fromMillis(resting)
	return &a, json.Unmarshal([]byte(senders), &a.Senders)
}

// AddAccount keeps a new account as it is, whatever its credential and whether it
// has a twin; OpenAccount looks at both.
func (s *Store) AddAccount(ctx context.Context, a *Account) error {
	return s.do(ctx, "keep account "+a.ID, func(ctx context.Context, t *tx) error { return addAccount(ctx, t, a) })
}

func addAccount(ctx context.Context, t *tx, a *Account) error {
	_, err := t.ExecContext(ctx, `INSERT INTO accounts (`+accountColumns+`, released_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, '', '', $8, $8, 0, 0, 0)`,
		a.Team, a.ID, a.Address, a.Transport, a.Credential, listText(a.Senders), string(a.Config), millis(a.CreatedAt))
	return err
}

// Account returns one account of a team, or ErrNotFound.
func (s *Store) Account(ctx context.Context, team, id email.ID) (*Account, error) {
	a, err := scanAccount(s.read.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE team_id = $1 AND id = $2`, team, id))
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", id, found(err))
	}
	return a, nil
}

// Accounts lists a team's accounts, oldest first.
func (s *Store) Accounts(ctx context.Context, team email.ID) ([]*Account, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE team_id = $1 ORDER BY id`, team)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return scanAll(rows, scanAccount)
}

// AccountsOf lists the accounts that use a credential, oldest first.
func (s *Store) AccountsOf(ctx context.Context, team, credential email.ID) ([]*Account, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE team_id = $1 AND credential_id = $2 ORDER BY id`, team, credential)
	if err != nil {
		return nil, fmt.Errorf("list accounts of credential %s: %w", credential, err)
	}
	return scanAll(rows, scanAccount)
}

// changeAccount holds or parks an account and tells it as an event, once: what is
// held stays held, and a later parked time stays. An attempt that began before a
// person released the account has no say, unless the release seems to lie in the
// future: then a clock was set, and refusals must not run hot until it has caught up.
func changeAccount(ctx context.Context, t *tx, c *AccountChange, e Event) error {
	if c.Learn != nil {
		if err := learn(ctx, t, c.Learn, c, e); err != nil {
			return fmt.Errorf("learn a limit: %w", err)
		}
	}
	const where = `, cause = $3, reason = $4, updated_at = $5
		WHERE team_id = $1 AND id = $2 AND held = 0 AND (released_at <= $6 OR released_at > $5)`
	update := `UPDATE accounts SET held = 1` + where
	args := []any{e.Team, e.Subject, e.Data.Cause, e.Data.reason(), millis(e.At), millis(c.Began)}
	switch {
	case c.Well:
		update, args = `UPDATE accounts SET resting_until = 0, rests = 0, cause = '', reason = '', updated_at = $3
			WHERE team_id = $1 AND id = $2 AND held = 0 AND rests > 0`, []any{e.Team, e.Subject, millis(e.At)}
	case c.Rests > 0:
		update = `UPDATE accounts SET waits_since = $5, resting_until = $7, rests = $8` + where + ` AND rests < $8`
		args = append(args, millis(c.Until), c.Rests)
	case !c.Hold:
		update = `UPDATE accounts SET waits_since = $5, parked_until = $7` + where + ` AND parked_until < $7`
		args = append(args, millis(c.Until))
	}
	r, err := t.ExecContext(ctx, update, args...)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return insertAccountEvent(ctx, t, e)
}

// ChangeAccount holds or parks an account.
func (s *Store) ChangeAccount(ctx context.Context, team, id email.ID, c AccountChange) error {
	return s.do(ctx, "change account "+id, func(ctx context.Context, t *tx) error {
		e := c.Event
		e.Team, e.Subject = team, id
		return changeAccount(ctx, t, &c, e)
	})
}

// ReleaseAccount lets a held or parked account send again at once. It is not an
// error when it was neither.
func (s *Store) ReleaseAccount(ctx context.Context, team, id email.ID, e Event) error {
	return s.do(ctx, "release account "+id, func(ctx context.Context, t *tx) error {
		a, err := scanAccount(t.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE team_id = $1 AND id = $2`, team, id))
		if err != nil {
			return found(err)
		}
		if !a.Held && a.ParkedUntil.IsZero() && a.Rests == 0 {
			return nil
		}
		if _, err := t.ExecContext(ctx, `UPDATE accounts SET held = 0, parked_until = 0, resting_until = 0, rests = 0, cause = '', reason = '', updated_at = $3, released_at = $3
			WHERE team_id = $1 AND id = $2`, team, id, millis(e.At)); err != nil {
			return err
		}
		e.Team, e.Subject = team, id
		return insertAccountEvent(ctx, t, e)
	})
}

// Team is the boundary of everything: every row belongs to one.
type Team struct {
	ID        email.ID
	Name      string
	CreatedAt time.Time
}

// FirstTeam returns the team of this gatepost, and keeps t as that when there is
// none yet.
func (s *Store) FirstTeam(ctx context.Context, t Team) (Team, error) {
	read := func(ctx context.Context, q querier) (out Team, err error) {
		var at int64
		err = q.QueryRowContext(ctx, `SELECT id, name, created_at FROM teams ORDER BY created_at, id LIMIT 1`).Scan(&out.ID, &out.Name, &at)
		out.CreatedAt = fromMillis(at)
		return out, found(err)
	}
	if out, err := read(ctx, s.read); !errors.Is(err, ErrNotFound) {
		return out, err
	}
	var out Team
	err := s.do(ctx, "keep the first team", func(ctx context.Context, x *tx) (err error) {
		if out, err = read(ctx, x); !errors.Is(err, ErrNotFound) {
			return err
		}
		out = t
		_, err = x.ExecContext(ctx, `INSERT INTO teams (id, name, created_at) VALUES ($1, $2, $3)`, t.ID, t.Name, millis(t.CreatedAt))
		return err
	})
	return out, err
}

// Teams lists all teams, oldest first.
func (s *Store) Teams(ctx context.Context) ([]Team, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, name, created_at FROM teams ORDER BY created_at, id`)
	if err != nil {
		return nil, fmt.Errorf("list teams: %w", err)
	}
	return scanAll(rows, func(row interface{ Scan(...any) error }) (t Team, err error) {
		var at int64
		err = row.Scan(&t.ID, &t.Name, &at)
		t.CreatedAt = fromMillis(at)
		return t, err
	})
}
