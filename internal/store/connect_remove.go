package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/email"
)

// InUse says that something cannot be removed because of what uses it.
type InUse struct {
	Accounts []email.ID // accounts that use a credential
	Users    []email.ID // users' credentials that an OAuth client gave
	Messages int        // messages that wait for an account, counted up to a thousand
	Pools    []string   // names of pools that an account is a member of
	Pool     bool       // it is a pool that they wait for
}

// Error implements error.
func (u *InUse) Error() string {
	what := "account"
	if u.Pool {
		what = "pool"
	}
	switch {
	case len(u.Pools) > 0:
		return "a member of the pool " + strings.Join(u.Pools, ", ")
	case u.Messages == 1:
		return "1 message waits for this " + what
	case u.Messages > 1:
		return fmt.Sprintf("%d messages wait for this %s", u.Messages, what)
	case len(u.Users) > 0:
		return "used by " + strings.Join(u.Users, ", ")
	}
	return "used by " + strings.Join(u.Accounts, ", ")
}

// waitingShown is how far the messages of an account are counted.
const waitingShown = 1000

// DeleteAccount removes an account. While messages wait for it, or a pool has it,
// the error is an *InUse. Its messages and events stay.
func (s *Store) DeleteAccount(ctx context.Context, team, id email.ID) error {
	return s.inTeam(ctx, team, "remove account "+id, func(ctx context.Context, t *tx) error {
		pools, err := poolsWith(ctx, t, team, id)
		if err != nil {
			return err
		}
		if len(pools) > 0 {
			return &InUse{Pools: pools}
		}
		var n int
		err = t.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 AS waits FROM queue WHERE route = $1 AND team_id = $2 LIMIT $3) AS w`,
			id, team, waitingShown).Scan(&n)
		if err != nil {
			return err
		}
		if n > 0 {
			return &InUse{Messages: n}
		}
		if err := forgetWarnings(ctx, t, team, id); err != nil {
			return err
		}
		r, err := t.ExecContext(ctx, `DELETE FROM accounts WHERE team_id = $1 AND id = $2`, team, id)
		return oneRow(r, err, ErrNotFound)
	})
}

// DeleteCredential removes a credential for good. While accounts use it, or users'
// credentials that stand on it, the error is an *InUse. Open connect links of an
// OAuth client are canceled. uses tells whether another credential stands on this.
func (s *Store) DeleteCredential(ctx context.Context, team, id email.ID, uses func(Credential) bool) error {
	return s.inTeam(ctx, team, "remove credential "+id, func(ctx context.Context, t *tx) error {
		used, err := usersOf(ctx, t, team, id, uses)
		if err != nil {
			return err
		}
		if len(used.Accounts)+len(used.Users) > 0 {
			return used
		}
		if _, err := t.ExecContext(ctx, `UPDATE connect_links SET status = $3 WHERE team_id = $1 AND credential_id = $2 AND status = $4`,
			team, id, LinkCanceled, LinkOpen); err != nil {
			return err
		}
		if err := forgetWarnings(ctx, t, team, id); err != nil {
			return err
		}
		r, err := t.ExecContext(ctx, `DELETE FROM credentials WHERE team_id = $1 AND id = $2`, team, id)
		return oneRow(r, err, ErrNotFound)
	})
}

func usersOf(ctx context.Context, t *tx, team, id email.ID, uses func(Credential) bool) (*InUse, error) {
	rows, err := t.QueryContext(ctx, `SELECT id FROM accounts WHERE team_id = $1 AND credential_id = $2 ORDER BY id`, team, id)
	if err != nil {
		return nil, err
	}
	used := &InUse{}
	if used.Accounts, err = scanAll(rows, scanID); err != nil {
		return nil, err
	}
	if rows, err = t.QueryContext(ctx, credentialSelect+` WHERE team_id = $1 AND id <> $2 ORDER BY id`, team, id); err != nil {
		return nil, err
	}
	all, err := scanAll(rows, scanCredential)
	for _, c := range all {
		if uses(c) {
			used.Users = append(used.Users, c.ID)
		}
	}
	return used, err
}

func scanID(row interface{ Scan(...any) error }) (email.ID, error) {
	var id email.ID
	err := row.Scan(&id)
	return id, err
}

// UnusedCredentials lists credentials of one kind of all teams whose secrets were stored
// before a time and have not been used since (Credential.UsedAt), the longest unused
// first, and not more than are asked for.
func (s *Store) UnusedCredentials(ctx context.Context, kind string, since time.Time, most int) ([]Credential, error) {
	rows, err := s.read.QueryContext(ctx, credentialSelect+` WHERE kind = $1 AND updated_at <= $2 AND used_at <= $2
		ORDER BY CASE WHEN used_at > updated_at THEN used_at ELSE updated_at END, id LIMIT $3 + 0`, kind, millis(since), most)
	if err != nil {
		return nil, fmt.Errorf("list unused credentials of the kind %s: %w", kind, err)
	}
	return scanAll(rows, scanCredential)
}

// CredentialsOfKind lists the credentials of one kind of all teams.
func (s *Store) CredentialsOfKind(ctx context.Context, kind string) ([]Credential, error) {
	rows, err := s.read.QueryContext(ctx, credentialSelect+` WHERE kind = $1 ORDER BY team_id, id`, kind)
	if err != nil {
		return nil, fmt.Errorf("list credentials of the kind %s: %w", kind, err)
	}
	return scanAll(rows, scanCredential)
}
