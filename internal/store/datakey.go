package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// DataKey is a team's key, wrapped by the master key.
type DataKey struct {
	Team        email.ID
	Wrapped     []byte
	MasterKeyID string
	CreatedAt   time.Time
}

func dataKey(ctx context.Context, q querier, team email.ID) (DataKey, error) {
	k := DataKey{Team: team}
	var at int64
	err := q.QueryRowContext(ctx, `SELECT wrapped, master_key_id, created_at FROM data_keys WHERE team_id = $1`, team).
		Scan(&k.Wrapped, &k.MasterKeyID, &at)
	k.CreatedAt = fromMillis(at)
	return k, found(err)
}

// DataKey returns a team's key, or ErrNotFound.
func (s *Store) DataKey(ctx context.Context, team email.ID) (DataKey, error) {
	k, err := dataKey(ctx, s.read, team)
	if err != nil {
		return k, fmt.Errorf("data key of %s: %w", team, err)
	}
	return k, nil
}

// AddDataKey keeps a team's key. The first one stays: whoever comes later gets
// that back.
func (s *Store) AddDataKey(ctx context.Context, k DataKey) (DataKey, error) {
	var out DataKey
	err := s.do(ctx, "keep the data key of "+k.Team, func(ctx context.Context, t *tx) error {
		if _, err := t.ExecContext(ctx, `INSERT INTO data_keys (team_id, wrapped, master_key_id, created_at)
			VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, k.Team, k.Wrapped, k.MasterKeyID, millis(k.CreatedAt)); err != nil {
			return err
		}
		var err error
		out, err = dataKey(ctx, t, k.Team)
		return err
	})
	return out, err
}

// Setting returns a named value of this gatepost, or ErrNotFound.
func (s *Store) Setting(ctx context.Context, name string) ([]byte, error) {
	v, err := setting(ctx, s.read, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("setting %s: %w", name, err)
	}
	return v, err
}

func setting(ctx context.Context, q querier, name string) (v []byte, err error) {
	err = q.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(&v)
	return v, found(err)
}

// AddSetting keeps a named value. The first one stays, and is returned.
func (s *Store) AddSetting(ctx context.Context, name string, value []byte) ([]byte, error) {
	var out []byte
	err := s.do(ctx, "keep setting "+name, func(ctx context.Context, t *tx) error {
		if _, err := t.ExecContext(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING`, name, value); err != nil {
			return err
		}
		var err error
		out, err = setting(ctx, t, name)
		return err
	})
	return out, err
}
