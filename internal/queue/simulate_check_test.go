package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// rest stops the faults and lets everything come to an end: all processes start
// anew, accounts are released, and the steps run until nothing waits but what is
// held for a person.
func (s *simulation) rest() {
	ctx := context.Background()
	s.calm, s.commit = true, ""
	for _, n := range s.nodes {
		n.frozen = 0
		s.start(n)
	}
	for range 200 {
		if s.waiting() == 0 && len(s.world.late) == 0 {
			s.sweepAll()
			return
		}
		s.world.arrive()
		for _, route := range simRoutes {
			n := s.nodes[s.rng.IntN(2)]
			s.step(n, func() error { return s.releaseAccount(ctx, n, route) })
			s.step(n, func() error { return s.round(ctx, n, route) })
		}
		for _, n := range s.nodes {
			s.step(n, func() error { return n.engine.beat(ctx) })
		}
		for _, pool := range []string{"pool_failover", "pool_random", "pool_headroom"} {
			s.step(s.nodes[0], func() error { return s.promote(ctx, s.nodes[0], pool) })
		}
		s.true += 3 * time.Minute
	}
	s.wrong("%d messages still wait long after the faults have stopped", s.waiting())
}

func (s *simulation) round(ctx context.Context, n *simNode, route email.ID) error {
	if err := n.engine.bringBack(ctx); err != nil {
		return err
	}
	if _, err := n.engine.look(ctx, simTeam, route); err != nil {
		return err
	}
	if err := s.promote(ctx, n, route); err != nil {
		return err
	}
	if err := n.engine.expire(ctx); err != nil {
		return err
	}
	if err := s.claim(ctx, n, route, simSlots); err != nil {
		return err
	}
	for len(n.claims) > 0 {
		_ = n.engine.beat(ctx)
		s.attempt(n)
	}
	for len(n.outcomes) > 0 {
		if err := s.finish(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// waiting counts messages that are neither final nor held.
func (s *simulation) waiting() (n int64) {
	counts, err := s.store.Recount(context.Background())
	if err != nil {
		s.wrong("count: %v", err)
	}
	return counts[email.Queued] + counts[email.Sending] + counts[email.Unknown] + counts[email.Scheduled]
}

// check holds the promises against the client's and the world's own knowledge.
func (s *simulation) check() {
	ctx := context.Background()
	s.checkCounts(ctx)
	for _, id := range s.ids() {
		m, err := s.store.Message(ctx, simTeam, id)
		if err != nil {
			s.wrong("G1: %s was acknowledged and is gone: %v", id, err) // lost
			continue
		}
		events, err := s.store.Events(ctx, simTeam, id)
		if err != nil {
			s.wrong("events of %s: %v", id, err)
		}
		s.checkMessage(m, events)
		s.checkEnds(m, events)
		s.checkContent(ctx, m)
	}
	for id := range s.world.copies {
		if _, err := s.store.Message(ctx, simTeam, id); errors.Is(err, store.ErrNotFound) {
			s.wrong("%s was sent and is not in the store", id)
		}
	}
}

// checkCounts is G2: every recipient is in exactly one state.
func (s *simulation) checkCounts(ctx context.Context) {
	counts, err := s.store.Counts(ctx)
	if err != nil {
		s.wrong("count: %v", err)
		return
	}
	rows, err := s.store.Recount(ctx)
	if err != nil {
		s.wrong("recount: %v", err)
		return
	}
	if counts.Unaccounted() != 0 || rows.Unaccounted() != 0 {
		s.wrong("G2: unaccounted by counts %d, by rows %d", counts.Unaccounted(), rows.Unaccounted())
	}
	for state, n := range rows {
		if counts[state] != n {
			s.wrong("G2: %d recipients are %s, counted %d", n, state, counts[state])
		}
	}
}

func (s *simulation) checkMessage(m *store.Message, events []store.Event) {
	for i, e := range events {
		if e.Seq != i+1 {
			s.wrong("event %d of %s has number %d", i+1, m.ID, e.Seq)
		}
		if e.Kind == email.EventNotSent {
			s.visit("not sent, sent again")
		}
		if e.Data.Cause == "looked_early" {
			s.visit("looked early")
		}
		if e.Data.Cause == "copy_in_doubt" {
			s.visit("copy in doubt")
		}
	}
	risky, broken := riskyTries(events), len(s.broken)
	defer func() {
		if len(s.broken) > broken {
			s.wrong("what happened to it:%s", story(events))
		}
	}()
	for _, r := range m.Recipients {
		copies := s.world.copies[m.ID][r.Address]
		if r.State == email.Accepted && copies == 0 {
			s.wrong("G1: %s to %s is accepted and the world never took it", m.ID, r.Address)
		}
		if bound := 1 + risky; copies > bound {
			s.wrong("G3: %d copies of %s to %s (on_unknown %s), at most %d may be", copies, m.ID, r.Address, m.OnUnknown, bound)
		}
		if r.State == email.Accepted && copies > 1 && !marked(events) {
			s.wrong("G3: %d copies of %s to %s and no mark of a possible duplicate", copies, m.ID, r.Address)
		}
	}
}

// checkEnds is G6: what was canceled or has expired has not left since, as far as
// that can be known.
func (s *simulation) checkEnds(m *store.Message, events []store.Event) {
	unknown := false
	for _, e := range events {
		switch {
		case e.Kind == email.EventUnknown:
			unknown = true
		case e.Kind == email.EventExpired && unknown:
			s.visit("expired while unknown")
		case e.Kind == email.EventExpired && e.Data.Attempt > 0:
			s.visit("expired in sending")
		case e.Kind == email.EventExpired:
			s.visit("expired")
		case e.Kind == email.EventAccepted && !m.ExpiresAt.IsZero() && e.At.After(m.ExpiresAt):
			s.visit("found after its time")
		}
	}
	for _, r := range m.Recipients {
		copies, before := s.world.copies[m.ID][r.Address], s.acked[m.ID].canceled
		switch {
		case r.State == email.Canceled && before == nil:
			s.wrong("G6: %s is canceled, and nobody was told so", m.ID)
		case r.State == email.Canceled && copies > before[r.Address]:
			s.wrong("G6: %s was sent to %s after it had been canceled:%s", m.ID, r.Address, story(events))
		case r.State == email.Expired && copies > 0 && (m.Account == "acc_looks" || m.Account == "acc_drafts") && riskyTries(events) == 0:
			s.wrong("G6: %s to %s is said to have expired, and it left:%s", m.ID, r.Address, story(events))
		}
	}
}

// checkContent holds what can be read against what the type says.
func (s *simulation) checkContent(ctx context.Context, m *store.Message) {
	p, _ := PolicyOf(m.Type)
	_, err := s.nodes[0].engine.Content(ctx, s.grant, m.ID)
	gone := m.Entry == nil && p.Keep == 0
	switch {
	case gone && !errors.Is(err, ErrShredded):
		s.wrong("%s, %s, is final and its content is there: %v", m.ID, m.Type, err)
	case gone:
		s.visit("shredded")
	case err != nil:
		s.wrong("the content of %s, %s: %v", m.ID, m.Type, err)
	}
	if p.Security && m.Subject != "" {
		s.wrong("the subject of %s, %s, is kept", m.ID, m.Type)
	}
}

// story tells a message's events, for whoever has to find out.
func story(events []store.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "\n    %s %s attempt %d %s %s", e.At.Format(time.TimeOnly), e.Kind, e.Data.Attempt, e.Data.Cause, e.Data.ProviderID)
	}
	return b.String()
}

// riskyTries counts the times somebody accepted that a second copy may leave: the
// message's policy (retry), or a person by a release.
func riskyTries(events []store.Event) (n int) {
	for _, e := range events {
		if e.Kind == email.EventReleased || e.Kind == email.EventUnknown && e.Data.PossibleDuplicate {
			n++
		}
	}
	return n
}

func marked(events []store.Event) bool {
	for _, e := range events {
		if e.Kind == email.EventAccepted && e.Data.PossibleDuplicate {
			return true
		}
	}
	return false
}

// The same seed is the same history, or a failing one could not be repeated.
func TestSimulationRepeats(t *testing.T) {
	template := simTemplate(t)
	run := func() (map[string]int, map[email.ID]map[string]int, time.Duration) {
		s := newSimulation(t, 7, template)
		s.run()
		return s.visited, s.world.copies, s.true
	}
	visited, copies, took := run()
	visited2, copies2, took2 := run()
	if took != took2 || !cmp.Equal(visited, visited2) || !cmp.Equal(copies, copies2) {
		t.Errorf("history 7 went otherwise the second time:\n%s%s", cmp.Diff(visited, visited2), cmp.Diff(copies, copies2))
	}
}
