package store

import (
	"context"
	"time"

	"gatepost/internal/email"
)

// holdUp makes others who name the same lock wait until this transaction ends.
// SQLite has one writer, so there it only writes.
func holdUp(ctx context.Context, q querier, name string) error {
	_, err := q.ExecContext(ctx, `INSERT INTO locks (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name`, name)
	return err
}

// inTeam commits one change of a team's accounts and credentials while nobody
// else changes them, on whatever node: what apply reads stays so until it is
// committed.
func (s *Store) inTeam(ctx context.Context, team email.ID, what string, apply func(ctx context.Context, t *tx) error) error {
	return s.alone(ctx, what, func(ctx context.Context, q querier) error {
		if err := holdUp(ctx, q, "team "+team); err != nil {
			return err
		}
		t, ok := q.(*tx)
		if !ok {
			t = &tx{querier: q}
		}
		return apply(ctx, t)
	})
}

// Turn is the leave to do something at a place outside, for all nodes: any number
// side by side, or one alone.
type Turn struct {
	Name   string
	Holder string // who, drawn at random
	Alone  bool
}

// TakeTurn takes a turn that ends by itself after a time. It says no while one
// who is alone has the turn, or, to one who wants to be alone, while anybody has.
func (s *Store) TakeTurn(ctx context.Context, n Turn, life time.Duration) (got bool, err error) {
	err = s.alone(ctx, "take a turn", func(ctx context.Context, q querier) error {
		if err := holdUp(ctx, q, "turn "+n.Name); err != nil {
			return err
		}
		now, err := s.clock(ctx, q)
		if err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM turns WHERE ends_at <= $1 AND name = $2`, now, n.Name); err != nil {
			return err
		}
		alone := 0
		if n.Alone {
			alone = 1
		}
		r, err := q.ExecContext(ctx, `INSERT INTO turns (name, holder, alone, ends_at)
			SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS BIGINT)
			WHERE NOT EXISTS (SELECT 1 FROM turns WHERE name = $1 AND alone >= $5)`,
			n.Name, n.Holder, alone, now+life.Milliseconds(), 1-alone)
		if err != nil {
			return err
		}
		rows, err := r.RowsAffected()
		got = rows > 0
		return err
	})
	return got, err
}

// EndTurn gives a turn back.
func (s *Store) EndTurn(ctx context.Context, n Turn) error {
	return s.alone(ctx, "end a turn", func(ctx context.Context, q querier) error {
		_, err := q.ExecContext(ctx, `DELETE FROM turns WHERE name = $1 AND holder = $2`, n.Name, n.Holder)
		return err
	})
}
