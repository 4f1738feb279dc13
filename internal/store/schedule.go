package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gatepost/internal/email"
)

// promotedAtOnce is how many scheduled messages become due in one transaction.
const promotedAtOnce = 1000

// Promote puts an account's scheduled messages whose time has come into the queue,
// and tells how many: fewer than could be when there are more.
func (s *Store) Promote(ctx context.Context, route email.ID, now time.Time) (n int, more bool, err error) {
	err = s.do(ctx, "promote scheduled messages of "+route, func(ctx context.Context, t *tx) error {
		rows, err := t.QueryContext(ctx, s.dialect.promoteSQL(), route, millis(now), promotedAtOnce)
		if err != nil {
			return err
		}
		entries, err := scanAll(rows, scanEntry)
		if err != nil {
			return err
		}
		for _, e := range entries {
			t.move(e.Team, email.Scheduled, email.Queued, e.Unsettled)
		}
		if n = len(entries); n > 0 {
			t.putBehind()
		}
		return nil
	})
	return n, n >= promotedAtOnce, err
}

// promoteSQL goes lane by lane: the index has the times below the lanes.
func (d *dialect) promoteSQL() string {
	lane := func(lane int) string {
		return fmt.Sprintf(`SELECT message_id FROM queue WHERE route = $1 AND state = 'scheduled' AND lane = %d AND due_at <= $2
			ORDER BY due_at LIMIT $3%s`, lane, d.lock)
	}
	return `WITH urgent AS (` + lane(0) + `), normal AS (` + lane(1) + `), bulk AS (` + lane(2) + `)
		UPDATE queue SET state = 'queued' WHERE state = 'scheduled' AND message_id IN
			(SELECT message_id FROM urgent UNION ALL SELECT message_id FROM normal UNION ALL SELECT message_id FROM bulk)
		RETURNING ` + queueColumns
}

// Expired are entries whose time is over and that nobody is sending or looking
// for, the longest over first.
func (s *Store) Expired(ctx context.Context, now time.Time, limit int) ([]*Entry, error) {
	es, err := s.entries(ctx, `expires_at > 0 AND expires_at <= $1 AND state IN ('scheduled', 'queued', 'held')
		ORDER BY expires_at LIMIT $2`, millis(now), limit)
	if err != nil {
		return nil, fmt.Errorf("messages whose time is over: %w", err)
	}
	return es, nil
}

// Stranded are entries whose account has been removed and that nobody is sending: a
// submission, or a claim, may have known the account a moment longer than it was
// there.
func (s *Store) Stranded(ctx context.Context, limit int) ([]*Entry, error) {
	routes, err := s.routesWithoutAccount(ctx)
	var out []*Entry
	for _, route := range routes {
		if err != nil || len(out) >= limit {
			break
		}
		var es []*Entry
		es, err = s.entries(ctx, `route = $1 AND state IN ('scheduled', 'queued', 'held', 'unknown') LIMIT $2`, route, limit-len(out))
		out = append(out, es...)
	}
	if err != nil {
		return nil, fmt.Errorf("messages without an account: %w", err)
	}
	return out, nil
}

// routesWithoutAccount steps through the routes as Dues does.
func (s *Store) routesWithoutAccount(ctx context.Context) ([]email.ID, error) {
	rows, err := s.read.QueryContext(ctx, routesSQL+`
		SELECT route FROM routes r WHERE route IS NOT NULL AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.team_id = `+teamOfRoute+` AND a.id = r.route)`)
	if err != nil {
		return nil, err
	}
	routes, err := scanAll(rows, scanID)
	if err != nil {
		return nil, err
	}
	pools, err := s.poolsOf(ctx, routes)
	return slices.DeleteFunc(routes, func(route string) bool { return pools[PoolOf(route)] }), err
}
