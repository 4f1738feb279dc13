package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
)

// Pool is accounts that may send for the same mail, with a strategy that says
// which of them does.
type Pool struct {
	Team, ID  email.ID
	Name      string // one of a team, whatever the case
	Strategy  string
	StickyBy  string // what the strategy sticky goes by
	Members   []PoolMember
	CreatedAt time.Time
	UpdatedAt time.Time
}

// PoolMember is an account's part in a pool.
type PoolMember struct {
	Account email.ID `json:"account"`
	Weight  int      `json:"weight"`
	Domains []string `json:"domains,omitempty"` // mail to these goes to this member first
}

// Has tells whether an account is a member.
func (p *Pool) Has(account email.ID) bool {
	return slices.ContainsFunc(p.Members, func(m PoolMember) bool { return m.Account == account })
}

const poolColumns = `team_id, id, name, strategy, sticky_by, members, created_at, updated_at`

func scanPool(row interface{ Scan(...any) error }) (*Pool, error) {
	var p Pool
	var members string
	var created, updated int64
	if err := row.Scan(&p.Team, &p.ID, &p.Name, &p.Strategy, &p.StickyBy, &members, &created, &updated); err != nil {
		return nil, err
	}
	p.CreatedAt, p.UpdatedAt = fromMillis(created), fromMillis(updated)
	return &p, json.Unmarshal([]byte(members), &p.Members)
}

// ErrNoMember says that an account of a pool is not there.
var ErrNoMember = errors.New("an account of the pool is not there")

// AddPool keeps a new pool. One whose name is taken is ErrExists, one with an
// account that is not there ErrNoMember.
func (s *Store) AddPool(ctx context.Context, p *Pool) error {
	return s.inTeam(ctx, p.Team, "keep pool "+p.ID, func(ctx context.Context, t *tx) error {
		if err := fits(ctx, t, p); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `INSERT INTO pools (`+poolColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`,
			p.Team, p.ID, p.Name, p.Strategy, p.StickyBy, jsonText(p.Members), millis(p.CreatedAt))
		return err
	})
}

// UpdatePool lets change alter a pool as it is now; the errors are those of
// AddPool, and ErrNotFound. Mail that waits stays as it is and goes by the new
// rules. change may be called more than once.
func (s *Store) UpdatePool(ctx context.Context, team, id email.ID, change func(*Pool)) error {
	return s.inTeam(ctx, team, "change pool "+id, func(ctx context.Context, t *tx) error {
		p, err := readPool(ctx, t, team, id)
		if err != nil {
			return err
		}
		if change(p); p.ID != id {
			return fmt.Errorf("pool %s was made %s", id, p.ID)
		}
		if err := fits(ctx, t, p); err != nil {
			return err
		}
		r, err := t.ExecContext(ctx, `UPDATE pools SET name = $3, strategy = $4, sticky_by = $5, members = $6, updated_at = $7
			WHERE team_id = $1 AND id = $2`, team, id, p.Name, p.Strategy, p.StickyBy, jsonText(p.Members), millis(p.UpdatedAt))
		return oneRow(r, err, ErrNotFound)
	})
}

// fits looks at what a pool stands on, while nobody else changes it.
func fits(ctx context.Context, t *tx, p *Pool) error {
	var one int
	err := t.QueryRowContext(ctx, `SELECT 1 FROM pools WHERE team_id = $1 AND lower(name) = lower($2) AND id <> $3`, p.Team, p.Name, p.ID).Scan(&one)
	if err == nil {
		return ErrExists
	}
	if err = found(err); !errors.Is(err, ErrNotFound) {
		return err
	}
	for _, m := range p.Members {
		if _, err := readAccount(ctx, t, p.Team, m.Account); errors.Is(err, ErrNotFound) {
			return fmt.Errorf("%w: %s", ErrNoMember, m.Account)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func readPool(ctx context.Context, q querier, team, id email.ID) (*Pool, error) {
	p, err := scanPool(q.QueryRowContext(ctx, `SELECT `+poolColumns+` FROM pools WHERE team_id = $1 AND id = $2`, team, id))
	return p, found(err)
}

// Pool returns one pool of a team, or ErrNotFound.
func (s *Store) Pool(ctx context.Context, team, id email.ID) (*Pool, error) {
	p, err := readPool(ctx, s.read, team, id)
	if err != nil {
		return nil, fmt.Errorf("pool %s: %w", id, err)
	}
	return p, nil
}

// Pools lists a team's pools, oldest first.
func (s *Store) Pools(ctx context.Context, team email.ID) ([]*Pool, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+poolColumns+` FROM pools WHERE team_id = $1 ORDER BY id`, team)
	if err != nil {
		return nil, fmt.Errorf("list pools: %w", err)
	}
	return scanAll(rows, scanPool)
}

// DeletePool removes a pool. While messages wait for it, or may come back to it, the
// error is an *InUse.
func (s *Store) DeletePool(ctx context.Context, team, id email.ID) error {
	return s.inTeam(ctx, team, "remove pool "+id, func(ctx context.Context, t *tx) error {
		var n int
		from, to := poolRoutes(id)
		if err := t.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 AS waits FROM queue WHERE pooled >= $1 AND pooled < $2 LIMIT $3) AS w`,
			from, to, waitingShown).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return &InUse{Messages: n, Pool: true}
		}
		r, err := t.ExecContext(ctx, `DELETE FROM pools WHERE team_id = $1 AND id = $2`, team, id)
		return oneRow(r, err, ErrNotFound)
	})
}

// poolsWith are the names of the pools that an account is a member of.
func poolsWith(ctx context.Context, t *tx, team, account email.ID) ([]string, error) {
	rows, err := t.QueryContext(ctx, `SELECT `+poolColumns+` FROM pools WHERE team_id = $1 ORDER BY id`, team)
	if err != nil {
		return nil, err
	}
	all, err := scanAll(rows, scanPool)
	var out []string
	for _, p := range all {
		for _, m := range p.Members {
			if m.Account == account {
				out = append(out, p.Name)
			}
		}
	}
	return out, err
}

// backSQL is where a row goes with its next state: what has not left goes back to
// its pool, so that another member may take it; what may have left stays with the
// account that tried, and so does what has a draft there: a send of it may be late.
// What some recipients have a verdict on is that account's own from then on: a
// member whose provider has no envelope would send it to them again.
func backSQL(table, state, unknownAt, verdicts string) string {
	return `CASE WHEN pooled = '' OR ` + verdicts + ` > 0 OR ` + state + ` = 'unknown' OR ` + unknownAt + ` > 0 OR ` + draftedSQL(table) +
		` THEN route ELSE pooled END, pooled = CASE WHEN ` + verdicts + ` > 0 THEN '' ELSE pooled END`
}

func draftedSQL(table string) string {
	return `EXISTS (SELECT 1 FROM drafts d WHERE d.message_id = ` + table + `.message_id AND d.account_id = ` + table + `.route AND d.gone = 0)`
}

// hasRoute tells whether a message still has somebody to send it.
func hasRoute(ctx context.Context, q querier, m *Message) (bool, error) {
	table, id := "accounts", m.Account
	if m.Pooled != "" {
		table, id = "pools", PoolOf(m.Pooled)
	}
	var one int
	err := found(q.QueryRowContext(ctx, `SELECT 1 FROM `+table+` WHERE team_id = $1 AND id = $2`, m.Team, id).Scan(&one))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// PoolDues lists the routes of a pool, or of all where none is named, on which
// something waits: as Dues does for accounts, whatever these can do now.
func (s *Store) PoolDues(ctx context.Context, pool email.ID) ([]Due, error) {
	from, to := email.PrefixPool+"_", email.PrefixPool+"`" // what comes after _
	if pool != "" {
		from, to = poolRoutes(pool)
	}
	rows, err := s.read.QueryContext(ctx, `WITH RECURSIVE routes(route) AS (
			SELECT (SELECT MIN(route) FROM queue WHERE route >= $1 AND route < $2)
			UNION ALL
			SELECT (SELECT MIN(q.route) FROM queue q WHERE q.route > routes.route AND q.route < $2) FROM routes WHERE routes.route IS NOT NULL)
		SELECT COALESCE((SELECT team_id FROM queue WHERE route = r.route LIMIT 1), ''), r.route, 0, 0,
			COALESCE((SELECT MIN(due_at) FROM queue WHERE route = r.route AND state = 'queued' AND lane = 0), -1),
			COALESCE((SELECT MIN(due_at) FROM queue WHERE route = r.route AND state = 'queued' AND lane = 1), -1),
			COALESCE((SELECT MIN(due_at) FROM queue WHERE route = r.route AND state = 'queued' AND lane = 2), -1),
			`+laterSQL+`, `+nextSQL(0)+`, `+nextSQL(1)+`, `+nextSQL(2)+`
		FROM routes r WHERE r.route IS NOT NULL`, from, to)
	if err != nil {
		return nil, fmt.Errorf("what is due of pools: %w", err)
	}
	return scanAll(rows, scanDue)
}

// nextSQL is how many recipients the next message of a lane has.
func nextSQL(lane int) string {
	return fmt.Sprintf(`COALESCE((SELECT unsettled FROM queue WHERE route = r.route AND state = 'queued' AND lane = %d ORDER BY due_at LIMIT 1), 0)`, lane)
}

// poolsOf tells which pools are there of those that routes lead to.
func (s *Store) poolsOf(ctx context.Context, routes []string) (map[email.ID]bool, error) {
	out := map[email.ID]bool{"": false} // the route of an account
	for _, route := range routes {
		id := PoolOf(route)
		if _, known := out[id]; known {
			continue
		}
		var one int
		err := found(s.read.QueryRowContext(ctx, `SELECT 1 FROM pools WHERE id = $1`, id).Scan(&one))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		out[id] = err == nil
	}
	return out, nil
}

// PoolOf is the pool that a route leads to; empty where it is an account's.
func PoolOf(route string) email.ID {
	id, _, ok := strings.Cut(route, "/")
	if !ok {
		return ""
	}
	return id
}

// isPool tells a pool's id from an account's, and from a route.
func isPool(id email.ID) bool {
	return strings.HasPrefix(id, email.PrefixPool+"_") && !strings.Contains(id, "/")
}

// Asked is the account, or the pool, that a route stands for.
func Asked(route string) email.ID {
	if pool := PoolOf(route); pool != "" {
		return pool
	}
	return route
}

// poolRoutes are the bounds of a pool's routes: '0' comes after '/'.
func poolRoutes(id email.ID) (from, to string) { return id + "/", id + "0" }

// Waits is the route on which the message waits on, if it does not stay with the
// account that tried.
func (f *Finish) Waits() string {
	if len(f.Verdicts) > 0 {
		return f.Route
	}
	return routeOf(f.Route, f.Pooled)
}
