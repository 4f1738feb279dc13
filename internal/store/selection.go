package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/email"
)

// Selection says which messages of a team something is about. Empty fields select
// nothing away.
type Selection struct {
	Route  email.ID // an account, or a pool with all that waits for it
	Lane   *email.Lane
	Type   string
	Cause  string        // what their place in the queue tells; of failed ones, the recipient's
	States []email.State // of their place in the queue
	Before time.Time     // submitted before this time
	Not    email.ID      // those that wait for this route are left out

	After email.ID // only those with a larger id
	Limit int
}

// where is the condition of a selection, on a text whose tables have the ids,
// routes, lanes and types in the columns given.
type where struct {
	text string
	args []any
}

func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return fmt.Sprint("$", len(w.args))
}

func (w *where) and(column, sign string, v any) {
	w.text += " AND " + column + " " + sign + " " + w.arg(v)
}

// waits is the condition on rows q of the queue.
func (s Selection) waits(team email.ID) *where {
	w := &where{}
	w.text = "q.team_id = " + w.arg(team)
	w.ids("q.message_id", s)
	w.route("q.route", "q.route", "q.lane", s)
	if s.Cause != "" {
		w.and("q.cause", "=", s.Cause)
	}
	if len(s.States) > 0 {
		var in []string
		for _, state := range s.States {
			in = append(in, w.arg(string(state)))
		}
		w.text += " AND q.state IN (" + strings.Join(in, ", ") + ")"
	}
	if s.Type != "" {
		w.text += " AND EXISTS (SELECT 1 FROM messages t WHERE t.team_id = q.team_id AND t.id = q.message_id AND t.type = " + w.arg(s.Type) + ")"
	}
	return w
}

func (w *where) ids(column string, s Selection) {
	if s.After != "" {
		w.and(column, ">", s.After)
	}
	if !s.Before.IsZero() {
		w.and(column, "<", firstID(s.Before))
	}
}

// route is a condition on the columns of an account and of a pool's routes, which
// an index gives as a range.
func (w *where) route(route, pooled, lane string, s Selection) {
	if isPool(s.Route) {
		from, to := poolRoutes(s.Route)
		w.and(pooled, ">=", from)
		w.and(pooled, "<", to)
	} else if s.Route != "" {
		w.and(route, "=", s.Route)
	}
	if s.Not != "" {
		w.and(route, "<>", s.Not)
	}
	if s.Lane != nil {
		w.and(lane, "=", *s.Lane)
	}
}

// names tells whether a route is what the selection names, or one of that pool.
func (s Selection) names(route string) bool {
	return s.Route == "" || s.Route == route || s.Route == PoolOf(route)
}

// failed is the condition on endings e, their messages m and failed recipients r.
// Those that cannot be tried again are left out: their content is gone, or their
// time is over.
func (s Selection) failed(team email.ID, now time.Time) *where {
	w := &where{}
	w.text = "e.team_id = " + w.arg(team) + " AND e.state = 'failed' AND m.shredded_at = 0 AND (m.expires_at = 0 OR m.expires_at > " + w.arg(millis(now)) + ")"
	w.ids("e.message_id", s)
	w.route("m.account_id", "m.pooled", "m.lane", s)
	if s.Type != "" {
		w.and("m.type", "=", s.Type)
	}
	if s.Cause != "" {
		w.and("r.cause", "=", s.Cause)
	}
	return w
}

const failedSQL = ` FROM endings e JOIN messages m ON m.team_id = e.team_id AND m.id = e.message_id
	JOIN recipients r ON r.team_id = e.team_id AND r.message_id = e.message_id AND r.state = 'failed' WHERE `

// Group is messages that wait for the same.
type Group struct {
	Route      email.ID
	Lane       email.Lane
	State      email.State
	Cause      string
	Later      bool // queued, and due later
	Messages   int64
	Recipients int64     // without a verdict
	Oldest     time.Time // when the oldest was submitted
	DueAt      time.Time // when the first of them is due
	Expires    time.Time // when the first of them expires; zero: none does
}

func scanGroup(row interface{ Scan(...any) error }) (Group, error) {
	var g Group
	var oldest email.ID
	var due, expires int64
	err := row.Scan(&g.Route, &g.Lane, &g.State, &g.Cause, &g.Later, &g.Messages, &g.Recipients, &oldest, &due, &expires)
	g.Oldest, g.DueAt, g.Expires = timeOf(oldest), fromMillis(due), fromMillis(expires)
	return g, err
}

// Groups counts what waits. It reads every row that is selected.
func (s *Store) Groups(ctx context.Context, team email.ID, sel Selection, now time.Time) ([]Group, error) {
	w := sel.waits(team)
	later := "CASE WHEN q.state = 'queued' AND q.due_at > " + w.arg(millis(now)) + " THEN 1 ELSE 0 END"
	return s.groups(ctx, `SELECT q.route, q.lane, q.state, q.cause, `+later+`, COUNT(*), CAST(SUM(q.unsettled) AS BIGINT),
		MIN(q.message_id), MIN(q.due_at), COALESCE(MIN(CASE WHEN q.expires_at > 0 THEN q.expires_at END), 0) FROM queue q WHERE `+w.text+` GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`, w.args)
}

// FailedGroups counts failed messages that can be tried again.
func (s *Store) FailedGroups(ctx context.Context, team email.ID, sel Selection, now time.Time) ([]Group, error) {
	w := sel.failed(team, now)
	return s.groups(ctx, `SELECT m.account_id, m.lane, 'failed', r.cause, 0, COUNT(DISTINCT e.message_id), COUNT(*), MIN(e.message_id), 0, 0`+
		failedSQL+w.text+` GROUP BY 1, 2, 4 ORDER BY 1, 2, 4`, w.args)
}

func (s *Store) groups(ctx context.Context, text string, args []any) (out []Group, err error) {
	err = s.snapshot(ctx, func(q querier) error {
		rows, err := q.QueryContext(ctx, text, args...)
		if err == nil {
			out, err = scanAll(rows, scanGroup)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count what waits: %w", err)
	}
	return out, nil
}

// timeOf is when a message was submitted, by its id; zero where it does not say.
func timeOf(id email.ID) time.Time {
	u, err := email.ParseID(email.PrefixMessage, id)
	if err != nil {
		return time.Time{}
	}
	var ms int64
	for _, b := range u[:6] {
		ms = ms<<8 | int64(b)
	}
	return fromMillis(ms)
}

// Selected is a message that something can be done to.
type Selected struct {
	Message    email.ID
	Route      email.ID
	Sender     string // of the field From
	Size       int64
	Recipients int // all of them
	Unsettled  int // without a verdict; of a failed message, that failed
}

func scanSelected(row interface{ Scan(...any) error }) (Selected, error) {
	var c Selected
	err := row.Scan(&c.Message, &c.Route, &c.Sender, &c.Size, &c.Recipients, &c.Unsettled)
	return c, err
}

const recipientsOf = `(SELECT COUNT(*) FROM recipients n WHERE n.team_id = m.team_id AND n.message_id = m.id)`

// Select gives messages that wait, by their ids.
func (s *Store) Select(ctx context.Context, team email.ID, sel Selection) ([]Selected, error) {
	w := sel.waits(team)
	return s.selected(ctx, `SELECT q.message_id, q.route, m.sender, m.size, `+recipientsOf+`, q.unsettled FROM queue q
		JOIN messages m ON m.team_id = q.team_id AND m.id = q.message_id WHERE `+w.text+` ORDER BY q.message_id LIMIT `+w.arg(sel.Limit), w.args)
}

// SelectFailed gives failed messages that can be tried again, by their ids.
func (s *Store) SelectFailed(ctx context.Context, team email.ID, sel Selection, now time.Time) ([]Selected, error) {
	w := sel.failed(team, now)
	text := `SELECT e.message_id, m.account_id, m.sender, m.size, ` + recipientsOf + `, COUNT(*)` + failedSQL + w.text +
		` GROUP BY e.message_id, m.team_id, m.id, m.account_id, m.sender, m.size ORDER BY e.message_id LIMIT `
	return s.selected(ctx, text+w.arg(sel.Limit), w.args)
}

func (s *Store) selected(ctx context.Context, text string, args []any) (out []Selected, err error) {
	err = s.snapshot(ctx, func(q querier) error {
		rows, err := q.QueryContext(ctx, text, args...)
		if err == nil {
			out, err = scanAll(rows, scanSelected)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("select messages: %w", err)
	}
	return out, nil
}

// Senders counts the messages of a selection that wait by the address in From.
func (s *Store) Senders(ctx context.Context, team email.ID, sel Selection) (map[string]int64, error) {
	w, out := sel.waits(team), map[string]int64{}
	err := s.snapshot(ctx, func(q querier) error {
		rows, err := q.QueryContext(ctx, `SELECT m.sender, COUNT(*) FROM queue q
			JOIN messages m ON m.team_id = q.team_id AND m.id = q.message_id WHERE `+w.text+` GROUP BY m.sender`, w.args...)
		if err != nil {
			return err
		}
		_, err = scanAll(rows, func(row interface{ Scan(...any) error }) (struct{}, error) {
			var sender string
			var n int64
			err := row.Scan(&sender, &n)
			out[sender] = n
			return struct{}{}, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("senders of what waits: %w", err)
	}
	return out, nil
}
