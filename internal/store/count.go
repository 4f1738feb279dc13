package store

import (
	"context"
	"fmt"

	"gatepost/internal/email"
)

// Submitted counts all recipients that were ever submitted; it is no state of
// any of them.
const Submitted email.State = "submitted"

// Counts is how many recipients are in each state, and how many were submitted.
type Counts map[email.State]int64

// Unaccounted is the number of recipients that were submitted and are in no
// state: anything but zero is a defect in gatepost.
func (c Counts) Unaccounted() int64 {
	n := c[Submitted]
	for state, k := range c {
		if state != Submitted {
			n -= k
		}
	}
	return n
}

// Counts adds up totals and the changes that are not folded into them yet.
func (s *Store) Counts(ctx context.Context) (Counts, error) {
	return s.counts(ctx, `SELECT state, n FROM totals UNION ALL SELECT state, n FROM changes`)
}

// Recount counts the rows themselves, which takes long where there are many. It
// must give what Counts gives.
func (s *Store) Recount(ctx context.Context) (Counts, error) {
	return s.counts(ctx, `SELECT 'submitted', COUNT(*) FROM recipients
		UNION ALL SELECT state, COUNT(*) FROM recipients WHERE state <> '' GROUP BY state
		UNION ALL SELECT q.state, COUNT(*) FROM recipients r JOIN queue q ON q.message_id = r.message_id WHERE r.state = '' GROUP BY q.state`)
}

func (s *Store) counts(ctx context.Context, query string) (Counts, error) {
	rows, err := s.read.QueryContext(ctx, `WITH c (state, n) AS (`+query+`) SELECT state, CAST(SUM(n) AS BIGINT) FROM c GROUP BY state`)
	if err != nil {
		return nil, fmt.Errorf("count recipients: %w", err)
	}
	defer rows.Close()
	out := Counts{}
	for rows.Next() {
		var state email.State
		var n int64
		if err := rows.Scan(&state, &n); err != nil {
			return nil, err
		}
		out[state] = n
	}
	return out, rows.Err()
}

// foldAtOnce is how many changes are folded in one transaction.
const foldAtOnce = 10_000

// FoldCounts folds all appended changes into the totals.
func (s *Store) FoldCounts(ctx context.Context) error {
	for {
		n, err := s.foldSome(ctx)
		if err != nil || n < foldAtOnce || ctx.Err() != nil {
			return err
		}
	}
}

func (s *Store) foldSome(ctx context.Context) (folded int, err error) {
	err = s.do(ctx, "fold counts", func(ctx context.Context, t *tx) error {
		rows, err := t.QueryContext(ctx, `DELETE FROM changes WHERE id IN (SELECT id FROM changes ORDER BY id LIMIT $1) RETURNING team_id, state, n`, foldAtOnce)
		if err != nil {
			return err
		}
		sums := map[countKey]int64{}
		all, err := scanAll(rows, func(row interface{ Scan(...any) error }) (struct{}, error) {
			var k countKey
			var n int64
			err := row.Scan(&k.team, &k.state, &n)
			sums[k] += n
			return struct{}{}, err
		})
		if err != nil {
			return err
		}
		folded = len(all)
		for k, n := range sums {
			if n == 0 {
				continue
			}
			if _, err := t.ExecContext(ctx, `INSERT INTO totals (team_id, state, n) VALUES ($1, $2, $3)
				ON CONFLICT (team_id, state) DO UPDATE SET n = totals.n + excluded.n`, k.team, k.state, n); err != nil {
				return err
			}
		}
		return nil
	})
	return folded, err
}
