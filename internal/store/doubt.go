package store

import (
	"context"
	"fmt"

	"gatepost/internal/email"
)

// Doubtful counts the messages of a selection whose last attempt may have left:
// released, they may arrive twice.
func (s *Store) Doubtful(ctx context.Context, team email.ID, sel Selection) (n int64, err error) {
	w := sel.waits(team)
	err = s.snapshot(ctx, func(q querier) error {
		return q.QueryRowContext(ctx, `SELECT COUNT(*) FROM queue q WHERE `+w.text+` AND q.unknown_at > 0`, w.args...).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count what may have left: %w", err)
	}
	return n, nil
}
