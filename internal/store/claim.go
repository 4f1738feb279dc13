package store

import (
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
	// Passed is how many messages of the normal lane have been claimed since the
	// last one of the bulk lane.
	Passed int

	claims []*Entry
	fence  int64
}

// Claim takes due messages of an account: the urgent lane first, then the normal
// one, with at least one of ten for bulk, each by due time. Each is recorded as
// being sent, with a new attempt number and fence, before Claim returns. Nothing is
// claimed for an account that is held or parked, nor of what is paused.
func (s *Store) Claim(ctx context.Context, c ClaimRequest) ([]*Entry, error) {
	fence, err := s.newFence()
	if err != nil {
		return nil, err
	}
	c.fence = fence
	r := &request{claim: &c}
	s.submit(ctx, r)
	if r.err != nil {
		return nil, fmt.Errorf("claim messages of %s: %w", c.Route, r.err)
	}
	return c.claims, nil
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
}

func scanCandidate(row interface{ Scan(...any) error }) (candidate, error) {
	var c candidate
	err := row.Scan(&c.message, &c.lane, &c.unsettled)
	return c, err
}

func claim(ctx context.Context, t *tx, c *ClaimRequest) error {
	c.claims = nil
	rows, err := t.QueryContext(ctx, t.w.s.dialect.candidatesSQL(), c.Team, c.Route, millis(c.Now), c.Limit, max(0, c.Limit-c.Reserve))
	if err != nil {
		return fmt.Errorf("read candidates: %w", err)
	}
	candidates, err := scanAll(rows, scanCandidate)
	if err != nil {
		return fmt.Errorf("read candidates: %w", err)
	}
	chosen := c.choose(candidates)
	if len(chosen) == 0 {
		return nil
	}
	return c.take(ctx, t, chosen)
}

// candidatesSQL picks lane by lane, so that mail which is due later does not have
// to be stepped over to get at what is due now. Of bulk it reads what may be needed
// beside what the normal lane has.
func (d *dialect) candidatesSQL() string {
	lane := func(lane int, limit string) string {
		return fmt.Sprintf(`SELECT message_id, lane, unsettled, due_at FROM queue
			WHERE route = $2 AND state = 'queued' AND lane = %d AND due_at <= $3 AND %s
			ORDER BY due_at LIMIT %s%s`, lane, unpaused("$1", "$2", strconv.Itoa(lane)), limit, d.lock)
	}
	return `WITH urgent AS (` + lane(0, "$4") + `), normal AS (` + lane(1, "$5") + `),
		bulk AS (` + lane(2, "$5 - (SELECT COUNT(*) * 9 / 10 FROM normal)") + `)
		SELECT message_id, lane, unsettled FROM (SELECT * FROM urgent UNION ALL SELECT * FROM normal UNION ALL SELECT * FROM bulk) waiting
		WHERE EXISTS (SELECT 1 FROM accounts WHERE team_id = $1 AND id = $2 AND held = 0 AND parked_until <= $3)
		ORDER BY lane, due_at`
}

// bulkShare is how many claims of the normal and the bulk lane there are to one of
// bulk, at the most, while both wait.
const bulkShare = 10

// choose decides which candidates go, in the order in which they are to be sent.
func (c *ClaimRequest) choose(candidates []candidate) []candidate {
	var lanes [3][]candidate
	for _, x := range candidates {
		lanes[x.lane] = append(lanes[x.lane], x)
	}
	out := lanes[email.Urgent]
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
	rows, err := t.QueryContext(ctx, `UPDATE queue SET state = 'sending', attempt = attempt + 1, fence = $1, node = $2, epoch = $3, started_at = $4
		WHERE message_id `+fmt.Sprintf(t.w.s.dialect.oneOf, "$5")+` RETURNING `+queueColumns, c.fence, c.Node, c.Epoch, millis(c.Now), jsonText(ids))
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	if c.claims, err = scanAll(rows, scanEntry); err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	slices.SortFunc(c.claims, func(a, b *Entry) int { return place[a.Message] - place[b.Message] })
	for _, e := range c.claims {
		t.move(e.Team, email.Queued, email.Sending, e.Unsettled)
	}
	return nil
}

func (s *Store) claimLanded(ctx context.Context, c *ClaimRequest) (bool, error) {
	var err error
	c.claims, err = s.entries(ctx, `fence = $1 AND state = 'sending' AND node = $2 AND epoch = $3 ORDER BY lane, due_at`, c.fence, c.Node, c.Epoch)
	return err == nil, err
}
