package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"gatepost/internal/email"
)

// A claim takes two steps in one transaction: candidates are read lane by lane and
// locked, Go decides which of them go, and one UPDATE makes these the records of
// their attempts.

// ClaimRequest asks for messages of one account that are due.
type ClaimRequest struct {
	Team, Route email.ID
	Node        email.ID
	Epoch       int64
	Now         time.Time
	Limit       int // never more in all
	Reserve     int // how many of these are for the urgent lane alone
	// Routes are further ones that lead to the account now: those of pools.
	Routes []string
	// Passed is how many messages of the normal lane have been claimed since the
	// last one of the bulk lane.
	Passed int
	// Limits are what the account has to keep to, and Clock is the time by which
	// they are counted: zero is Now.
	Limits []Limit
	Clock  time.Time

	claims  []*Entry
	blocked *Blocked
	fence   int64
}

// Claims is what a claim has brought.
type Claims struct {
	Entries []*Entry
	// Blocked tells of the first message that was due, had room, and had to stay
	// because of a limit; nil: there was none.
	Blocked *Blocked
}

// Charged is what an entry's attempt is counted as, by the key of the limit.
func (e *Entry) Charged() map[string]int64 { return e.charged }

// Claim takes due messages of an account: the urgent lane first, then the normal
// one, with at least one of ten for bulk, each by due time. Each is recorded as
// being sent, with a new attempt number and fence, before Claim returns. Nothing is
// claimed for an account that is held or parked, nor of what is paused.
func (s *Store) Claim(ctx context.Context, c ClaimRequest) ([]*Entry, error) {
	got, err := s.ClaimWithin(ctx, c)
	return got.Entries, err
}

// ClaimWithin is Claim that keeps to the limits, and tells which one keeps back
// what else is due. What it claims is counted until its outcome is written.
func (s *Store) ClaimWithin(ctx context.Context, c ClaimRequest) (Claims, error) {
	fence, err := s.newFence()
	if err != nil {
		return Claims{}, err
	}
	c.fence = fence
	if c.Clock.IsZero() {
		c.Clock = c.Now
	}
	r := &request{claim: &c}
	s.submit(ctx, r)
	if r.err != nil {
		return Claims{}, fmt.Errorf("claim messages of %s: %w", c.Route, r.err)
	}
	return Claims{c.claims, c.blocked}, nil
}

// newFence is a number that no other claim has, this node's or another's.
func (s *Store) newFence() (int64, error) {
	var b [8]byte
	if _, err := io.ReadFull(s.opt.Random, b[:]); err != nil {
		return 0, fmt.Errorf("make a fence: %w", err)
	}
	return int64(binary.BigEndian.Uint64(b[:]) >> 1), nil
}

// candidate is a message that could be claimed.
type candidate struct {
	message   email.ID
	lane      email.Lane
	unsettled int
	due       int64
	addresses []string // of those without a verdict, where a limit goes by them
}

func scanCandidate(row interface{ Scan(...any) error }) (candidate, error) {
	var c candidate
	err := row.Scan(&c.message, &c.lane, &c.unsettled, &c.due)
	return c, err
}

func claim(ctx context.Context, t *tx, c *ClaimRequest) error {
	c.claims, c.blocked = nil, nil
	candidates, err := c.candidates(ctx, t)
	if err != nil {
		return fmt.Errorf("read candidates: %w", err)
	}
	if len(candidates) == 0 {
		return nil
	}
	ys, err := c.tallies(ctx, t)
	if err != nil {
		return fmt.Errorf("read what is used of limits: %w", err)
	}
	order := c.order(candidates)
	if err := address(ctx, t, t.w.s.dialect, c.Team, order, ys); err != nil {
		return fmt.Errorf("read recipients: %w", err)
	}
	chosen := c.choose(order, ys)
	if len(chosen) == 0 {
		return nil
	}
	if err := c.take(ctx, t, chosen); err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	if len(ys) == 0 {
		return nil
	}
	if err := c.charge(ctx, t, chosen, ys); err != nil {
		return err
	}
	return keepReached(ctx, t, chosen, ys)
}

// tallies reads what has been used of the limits, this group included.
func (c *ClaimRequest) tallies(ctx context.Context, t *tx) ([]*tally, error) {
	if len(c.Limits) == 0 {
		return nil, nil
	}
	if err := t.writeUsage(ctx); err != nil {
		return nil, err
	}
	ys, err := tallies(ctx, t, t.w.s.dialect, c.Limits, c.Clock)
	for _, y := range ys {
		if err == nil && y.untidy {
			err = y.tidy(ctx, t)
		}
	}
	return ys, err
}

// candidates are what waits on the routes, lane by lane and by due time.
func (c *ClaimRequest) candidates(ctx context.Context, t *tx) ([]candidate, error) {
	var out []candidate
	for _, route := range append([]string{c.Route}, c.Routes...) {
		more, err := c.waiting(ctx, t, route)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	if len(c.Routes) > 0 {
		slices.SortStableFunc(out, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.lane, b.lane), cmp.Compare(a.due, b.due)) })
	}
	return out, nil
}

// waiting are the candidates of one route.
func (c *ClaimRequest) waiting(ctx context.Context, t *tx, route string) ([]candidate, error) {
	s := t.w.s
	args := []any{c.Team, c.Route, millis(c.Now), c.Limit, max(0, c.Limit-c.Reserve), route, PoolOf(route)}
	var look headLook
	if s.dialect.lingers {
		look = s.heads.look(claimed{c.Route, route}, c.Now)
		args = append(args, look.from[0], look.from[1], look.from[2])
	}
	rows, err := t.QueryContext(ctx, s.dialect.candidates, args...)
	if err != nil {
		return nil, err
	}
	found, err := scanAll(rows, scanCandidate)
	if err == nil && s.dialect.lingers {
		lanes := []email.Lane{email.Urgent, email.Normal, email.Bulk}
		if c.Limit <= c.Reserve {
			lanes = lanes[:1]
		}
		s.heads.saw(claimed{c.Route, route}, look, lanes, c.Now, found)
	}
	return found, err
}

// candidatesSQL picks lane by lane, so that mail which is due later does not have
// to be stepped over to get at what is due now. Of bulk it reads what may be needed
// beside what the normal lane has. SQLite plans a statement anew each time when a
// LIMIT is a bare parameter, which takes longer than to run it: hence + 0.
func (d *dialect) candidatesSQL() string {
	lane := func(lane int, limit string) string {
		from := ""
		if d.lingers {
			from = fmt.Sprintf("AND due_at >= $%d", 8+lane)
		}
		return fmt.Sprintf(`SELECT message_id, lane, unsettled, due_at FROM queue
			WHERE route = $6 AND state = 'queued' AND lane = %d AND due_at <= $3 %s AND %s
			ORDER BY due_at LIMIT %s + 0%s`, lane, from, unpaused("$1", "$2, $7", strconv.Itoa(lane)), limit, d.lock)
	}
	return `WITH urgent AS (` + lane(0, "$4") + `), normal AS (` + lane(1, "$5") + `),
		bulk AS (` + lane(2, "$5 - (SELECT COUNT(*) * 9 / 10 FROM normal)") + `)
		SELECT message_id, lane, unsettled, due_at FROM (SELECT * FROM urgent UNION ALL SELECT * FROM normal UNION ALL SELECT * FROM bulk) waiting
		WHERE EXISTS (SELECT 1 FROM accounts WHERE team_id = $1 AND id = $2 AND held = 0 AND parked_until <= $3 AND resting_until <= $3)
		ORDER BY lane, due_at`
}

// bulkShare is how many claims of the normal and the bulk lane there are to one of
// bulk, at the most, while both wait.
const bulkShare = 10

// choose decides which candidates go, in the order in which they are to be sent.
// The first that a limit keeps back ends it: what came later does not overtake.
func (c *ClaimRequest) choose(order []candidate, ys []*tally) []candidate {
	for i, x := range order {
		if c.blocked = blocked(ys, x); c.blocked != nil {
			return order[:i]
		}
		for _, y := range ys {
			y.take(x)
		}
	}
	return order
}

// order puts as many candidates as there is room for in the order in which they
// are to go.
func (c *ClaimRequest) order(candidates []candidate) []candidate {
	var lanes [3][]candidate
	for _, x := range candidates {
		lanes[x.lane] = append(lanes[x.lane], x)
	}
	out := lanes[email.Urgent]
	out = out[:min(len(out), c.Limit)]
	others := min(c.Limit-len(out), c.Limit-c.Reserve)
	normal, bulk, passed := lanes[email.Normal], lanes[email.Bulk], c.Passed
	for ; others > 0 && len(normal)+len(bulk) > 0; others-- {
		if len(normal) == 0 || len(bulk) > 0 && passed >= bulkShare-1 {
			out, bulk, passed = append(out, bulk[0]), bulk[1:], 0
			continue
		}
		out, normal, passed = append(out, normal[0]), normal[1:], passed+1
	}
	return out
}

// take records the chosen as being sent.
func (c *ClaimRequest) take(ctx context.Context, t *tx, chosen []candidate) error {
	ids, place := make([]email.ID, len(chosen)), make(map[email.ID]int, len(chosen))
	for i, x := range chosen {
		ids[i], place[x.message] = x.message, i
	}
	rows, err := t.QueryContext(ctx, `UPDATE queue SET state = 'sending', attempt = attempt + 1, fence = $1, node = $2, epoch = $3, started_at = $4, charged = '',
		route = $6 WHERE message_id `+fmt.Sprintf(t.w.s.dialect.oneOf, "$5")+` RETURNING `+queueColumns, c.fence, c.Node, c.Epoch, millis(c.Now), jsonText(ids), c.Route)
	if err != nil {
		return err
	}
	if c.claims, err = scanAll(rows, scanEntry); err != nil {
		return err
	}
	slices.SortFunc(c.claims, func(a, b *Entry) int { return place[a.Message] - place[b.Message] })
	for _, e := range c.claims {
		t.move(e.Team, email.Queued, email.Sending, e.Unsettled)
	}
	return c.adopt(ctx, t)
}

// adopt makes a pool's messages those of the account that claimed them: bounces come
// to its address.
func (c *ClaimRequest) adopt(ctx context.Context, t *tx) error {
	var ids []email.ID
	for _, e := range c.claims {
		if e.Pooled != "" {
			ids = append(ids, e.Message)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids) // two writers that go in different orders would deadlock
	_, err := t.ExecContext(ctx, `UPDATE messages SET account_id = $2, mail_from = (SELECT address FROM accounts WHERE team_id = $1 AND id = $2)
		WHERE team_id = $1 AND account_id <> $2 AND id `+fmt.Sprintf(t.w.s.dialect.oneOf, "$3"), c.Team, c.Route, jsonText(ids))
	if err != nil {
		return fmt.Errorf("claim for %s: %w", c.Route, err)
	}
	return nil
}

// charge counts what was claimed as under way, but for addresses: those that were to
// be reached count from now on.
func (c *ClaimRequest) charge(ctx context.Context, t *tx, chosen []candidate, ys []*tally) error {
	charged := make(map[email.ID]string, len(c.claims))
	i := 0
	for _, e := range c.claims { // which are in the order of the chosen
		for chosen[i].message != e.Message {
			i++
		}
		e.charged = make(map[string]int64, len(ys))
		for _, y := range ys {
			if y.limit.Unique {
				continue
			}
			cost := y.costOf(chosen[i])
			e.charged[y.limit.Key] = cost
			t.use(y.limit.Key, underWay, cost)
		}
		charged[e.Message] = jsonText(e.charged)
	}
	_, err := t.ExecContext(ctx, `UPDATE queue SET charged = j.value FROM `+fmt.Sprintf(t.w.s.dialect.each, "$1")+` WHERE message_id = j.key`, jsonText(charged))
	if err != nil {
		return fmt.Errorf("note what an attempt is counted as: %w", err)
	}
	return nil
}

func (s *Store) claimLanded(ctx context.Context, c *ClaimRequest) (bool, error) {
	var err error
	c.claims, err = s.entries(ctx, `fence = $1 AND state = 'sending' AND node = $2 AND epoch = $3 ORDER BY lane, due_at`, c.fence, c.Node, c.Epoch)
	return err == nil, err
}
