package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// Credential is a secret in the vault: Sealed opens only there. Public is what
// may be shown of it.
type Credential struct {
	Team, ID  email.ID
	Kind      string
	Name      string
	Public    json.RawMessage
	Sealed    []byte
	CreatedAt time.Time
	UpdatedAt time.Time
	// UsedAt is when a token was last made with the refresh token in it; zero: not since
	// UpdatedAt.
	UsedAt time.Time
}

const (
	credentialColumns = `team_id, id, kind, name, public, sealed, created_at, updated_at`
	credentialSelect  = `SELECT ` + credentialColumns + `, used_at FROM credentials`
)

func scanCredential(row interface{ Scan(...any) error }) (Credential, error) {
	var c Credential
	var public string
	var created, updated, used int64
	err := row.Scan(&c.Team, &c.ID, &c.Kind, &c.Name, &public, &c.Sealed, &created, &updated, &used)
	c.Public, c.CreatedAt, c.UpdatedAt, c.UsedAt = json.RawMessage(public), fromMillis(created), fromMillis(updated), fromMillis(used)
	return c, err
}

// AddCredential keeps a new credential.
func (s *Store) AddCredential(ctx context.Context, c Credential) error {
	return s.do(ctx, "keep credential "+c.ID, func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO credentials (`+credentialColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`,
			c.Team, c.ID, c.Kind, c.Name, string(c.Public), c.Sealed, millis(c.CreatedAt))
		return err
	})
}

// ReplaceCredential puts another secret in a credential's place; accounts keep
// pointing at it.
func (s *Store) ReplaceCredential(ctx context.Context, c Credential) error {
	return s.do(ctx, "replace credential "+c.ID, func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, `UPDATE credentials SET name = $3, public = $4, sealed = $5, updated_at = $6, used_at = 0
			WHERE team_id = $1 AND id = $2`, c.Team, c.ID, c.Name, string(c.Public), c.Sealed, millis(c.UpdatedAt))
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return orNotFound(err)
		}
		return nil
	})
}

func orNotFound(err error) error {
	if err == nil {
		return ErrNotFound
	}
	return err
}

// Credential returns one credential of a team, or ErrNotFound.
func (s *Store) Credential(ctx context.Context, team, id email.ID) (Credential, error) {
	c, err := scanCredential(s.read.QueryRowContext(ctx, credentialSelect+` WHERE team_id = $1 AND id = $2`, team, id))
	if err != nil {
		return c, fmt.Errorf("credential %s: %w", id, found(err))
	}
	return c, nil
}

// Credentials lists a team's credentials, oldest first.
func (s *Store) Credentials(ctx context.Context, team email.ID) ([]Credential, error) {
	rows, err := s.read.QueryContext(ctx, credentialSelect+` WHERE team_id = $1 ORDER BY id`, team)
	if err != nil {
		return nil, fmt.Errorf("list credentials: %w", err)
	}
	return scanAll(rows, scanCredential)
}
