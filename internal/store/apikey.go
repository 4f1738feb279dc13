package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// APIKey is what is kept of a key: never the key, only its SHA-256.
type APIKey struct {
	Team, ID  email.ID
	Name      string
	Hash      []byte
	Hint      string // enough to recognise it by
	Scopes    []string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never

	// What the key is bound to; empty, and 0, is not at all.
	Senders     []string // what From may be: addresses, and domains after an @
	Networks    []string // whence it may be used, as access.ParseNetwork reads them
	Account     email.ID // the account, or the pool
	Rate        int      // recipients a minute
	Daily       int      // recipients in 24 hours
	RewriteFrom bool     // a From that may not be is replaced and not refused
}

const apiKeyColumns = `team_id, id, name, hash, hint, scopes, created_at, expires_at, senders, networks, account_id, rate, daily, rewrite_from`

func scanAPIKey(row interface{ Scan(...any) error }) (APIKey, error) {
	var k APIKey
	var scopes, senders, networks string
	var created, expires, rewrite int64
	if err := row.Scan(&k.Team, &k.ID, &k.Name, &k.Hash, &k.Hint, &scopes, &created, &expires,
		&senders, &networks, &k.Account, &k.Rate, &k.Daily, &rewrite); err != nil {
		return k, err
	}
	k.CreatedAt, k.ExpiresAt, k.RewriteFrom = fromMillis(created), fromMillis(expires), rewrite != 0
	return k, errors.Join(
		json.Unmarshal([]byte(scopes), &k.Scopes), json.Unmarshal([]byte(senders), &k.Senders), json.Unmarshal([]byte(networks), &k.Networks))
}

// AddAPIKey keeps a new key.
func (s *Store) AddAPIKey(ctx context.Context, k APIKey) error {
	return s.do(ctx, "keep API key "+k.ID, func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO api_keys (`+apiKeyColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			k.Team, k.ID, k.Name, k.Hash, k.Hint, jsonText(k.Scopes), millis(k.CreatedAt), millis(k.ExpiresAt),
			jsonText(k.Senders), jsonText(k.Networks), k.Account, k.Rate, k.Daily, flag(k.RewriteFrom))
		return err
	})
}

// APIKeyByHash finds a key, or ErrNotFound.
func (s *Store) APIKeyByHash(ctx context.Context, hash []byte) (APIKey, error) {
	k, err := scanAPIKey(s.read.QueryRowContext(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE hash = $1`, hash))
	if err != nil {
		return k, fmt.Errorf("API key: %w", found(err))
	}
	return k, nil
}

// APIKeyCount tells how many keys there are in all teams.
func (s *Store) APIKeyCount(ctx context.Context) (n int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM api_keys`).Scan(&n)
	return n, err
}
