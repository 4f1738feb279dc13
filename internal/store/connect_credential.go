package store

import (
	"context"
	"errors"
	"time"

	"gatepost/internal/email"
)

// useCredential makes sure that an account's credential is there and fits, and
// notes on the credential what that led to.
func useCredential(ctx context.Context, t *tx, a *Account, fit Fit) error {
	if a.Credential == "" {
		return nil
	}
	c, err := readCredential(ctx, t, a.Team, a.Credential)
	if err != nil {
		return err
	}
	public, err := fit(a, c)
	if err != nil || public == nil {
		return err
	}
	r, err := t.ExecContext(ctx, `UPDATE credentials SET public = $3 WHERE team_id = $1 AND id = $2`, a.Team, a.Credential, string(public))
	return oneRow(r, err, ErrNoCredential)
}

func readCredential(ctx context.Context, t *tx, team, id email.ID) (Credential, error) {
	c, err := scanCredential(t.QueryRowContext(ctx, credentialSelect+` WHERE team_id = $1 AND id = $2`, team, id))
	if err = found(err); errors.Is(err, ErrNotFound) {
		err = ErrNoCredential
	}
	return c, err
}

// ReplaceSecret puts another secret in a credential's place and leaves what is
// public of it as it is.
func (s *Store) ReplaceSecret(ctx context.Context, c Credential) error {
	return s.inTeam(ctx, c.Team, "replace the secret of credential "+c.ID, func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, `UPDATE credentials SET name = $3, sealed = $4, updated_at = $5, used_at = 0 WHERE team_id = $1 AND id = $2`,
			c.Team, c.ID, c.Name, c.Sealed, millis(c.UpdatedAt))
		return oneRow(r, err, ErrNotFound)
	})
}

func insertCredential(ctx context.Context, t *tx, c Credential) error {
	_, err := t.ExecContext(ctx, `INSERT INTO credentials (`+credentialColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`,
		c.Team, c.ID, c.Kind, c.Name, string(c.Public), c.Sealed, millis(c.CreatedAt))
	return err
}

func connectCredential(ctx context.Context, t *tx, c Connection) error {
	if c.Replace {
		return swapCredential(ctx, t, c.Credential, c.Seen)
	}
	return insertCredential(ctx, t, c.Credential)
}

// SwapCredential puts another secret in the place of a credential that was last
// changed at seen; one that was changed since, or is gone, is ErrChanged. uses, if
// any, tells which credentials stand on what is replaced: while there are some, the
// error is an *InUse.
func (s *Store) SwapCredential(ctx context.Context, c Credential, seen time.Time, uses func(Credential) bool) error {
	return s.inTeam(ctx, c.Team, "replace credential "+c.ID, func(ctx context.Context, t *tx) error {
		if uses != nil {
			used, err := usersOf(ctx, t, c.Team, c.ID, uses)
			if err != nil {
				return err
			}
			if len(used.Users) > 0 {
				return &InUse{Users: used.Users}
			}
		}
		return swapCredential(ctx, t, c, seen)
	})
}

// swapCredential gives each secret a version of its own: what is known of one, its
// live tokens and refusals, goes by when it was changed.
func swapCredential(ctx context.Context, t *tx, c Credential, seen time.Time) error {
	r, err := t.ExecContext(ctx, `UPDATE credentials SET name = $3, public = $4, sealed = $5, updated_at = $6, used_at = 0
		WHERE team_id = $1 AND id = $2 AND updated_at = $7`, c.Team, c.ID, c.Name, string(c.Public), c.Sealed, millis(c.UpdatedAt), millis(seen))
	return oneRow(r, err, ErrChanged)
}
