package store

import (
	"context"
	"fmt"

	"gatepost/internal/email"
)

// APIKeys lists a team's keys, oldest first.
func (s *Store) APIKeys(ctx context.Context, team email.ID) ([]APIKey, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+apiKeyColumns+` FROM api_keys
		WHERE team_id = $1 ORDER BY id`, team)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return scanAll(rows, scanAPIKey)
}

// DeleteAPIKey ends a key, with what it has spent, or says ErrNotFound.
func (s *Store) DeleteAPIKey(ctx context.Context, team, id email.ID) error {
	return s.do(ctx, "delete API key "+id, func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, `DELETE FROM api_keys WHERE team_id = $1 AND id = $2`, team, id)
		return oneRow(r, err, ErrNotFound)
	})
}
