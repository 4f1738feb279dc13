package store

import (
	"context"
	"encoding/json"
	"fmt"

	"gatepost/internal/email"
)

// APIKeys lists a team's keys, oldest first.
func (s *Store) APIKeys(ctx context.Context, team email.ID) ([]APIKey, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT team_id, id, name, hash, hint, scopes, created_at, expires_at FROM api_keys
		WHERE team_id = $1 ORDER BY id`, team)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return scanAll(rows, scanAPIKey)
}

func scanAPIKey(row interface{ Scan(...any) error }) (APIKey, error) {
	var k APIKey
	var scopes string
	var created, expires int64
	if err := row.Scan(&k.Team, &k.ID, &k.Name, &k.Hash, &k.Hint, &scopes, &created, &expires); err != nil {
		return k, err
	}
	k.CreatedAt, k.ExpiresAt = fromMillis(created), fromMillis(expires)
	return k, json.Unmarshal([]byte(scopes), &k.Scopes)
}

// DeleteAPIKey ends a key, or says ErrNotFound.
func (s *Store) DeleteAPIKey(ctx context.Context, team, id email.ID) error {
	return s.do(ctx, "delete API key "+id, func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, `DELETE FROM api_keys WHERE team_id = $1 AND id = $2`, team, id)
		return oneRow(r, err, ErrNotFound)
	})
}
