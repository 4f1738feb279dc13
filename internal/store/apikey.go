package store

import (
	"context"
	"encoding/json"
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
}

// AddAPIKey keeps a new key.
func (s *Store) AddAPIKey(ctx context.Context, k APIKey) error {
	return s.do(ctx, "keep API key "+k.ID, func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO api_keys (team_id, id, name, hash, hint, scopes, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			k.Team, k.ID, k.Name, k.Hash, k.Hint, jsonText(k.Scopes), millis(k.CreatedAt), millis(k.ExpiresAt))
		return err
	})
}

// APIKeyByHash finds a key, or ErrNotFound.
func (s *Store) APIKeyByHash(ctx context.Context, hash []byte) (APIKey, error) {
	var k APIKey
	var scopes string
	var created, expires int64
	err := s.read.QueryRowContext(ctx, `SELECT team_id, id, name, hash, hint, scopes, created_at, expires_at FROM api_keys WHERE hash = $1`, hash).
		Scan(&k.Team, &k.ID, &k.Name, &k.Hash, &k.Hint, &scopes, &created, &expires)
	if err != nil {
		return k, fmt.Errorf("API key: %w", found(err))
	}
	k.CreatedAt, k.ExpiresAt = fromMillis(created), fromMillis(expires)
	return k, json.Unmarshal([]byte(scopes), &k.Scopes)
}

// APIKeyCount tells how many keys there are in all teams.
func (s *Store) APIKeyCount(ctx context.Context) (n int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM api_keys`).Scan(&n)
	return n, err
}
