package queue

import (
	"crypto/rand"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// A look that is refused until a time is not made before it, and the account that
// is over its quota rests.
func TestRefusedLookWaitsAsToldAndParksTheAccount(t *testing.T) {
	e := New(Config{Now: func() time.Time { return simStart }, Random: rand.Reader})
	en := &store.Entry{Message: "msg_1", State: email.Unknown, Unsettled: 1, UnknownAt: simStart}
	until := simStart.Add(time.Hour)
	quota := &provider.Error{Class: provider.Park, Scope: provider.ScopeAccount, Cause: "quota", Until: until}
	f, err := e.settleLook(en, lookResult{began: simStart, err: quota}, []store.OpenRecipient{{}})
	if err != nil || f.Next == nil || f.Next.State != email.Unknown || f.Next.DueAt.Before(until) {
		t.Errorf("next: %+v, %v", f.Next, err)
	}
	if f.Account == nil || f.Account.Hold || !f.Account.Until.Equal(until) {
		t.Errorf("account: %+v", f.Account)
	}
}

// A look goes back further than the attempt: a day, where our clock may have been set
// since. Of attempts of other processes that is not known before a day has passed.
func TestLookGoesFurtherBackThanTheAttempt(t *testing.T) {
	wall, elapsed := simStart, time.Duration(0)
	pass := func(d time.Duration) { wall, elapsed = wall.Add(d), elapsed+d }
	e := New(Config{Now: func() time.Time { return wall }, Elapsed: func() time.Duration { return elapsed }, Node: "node_a"})
	e.epoch = 2
	own, other, before := &store.Entry{Node: "node_a", Epoch: 2}, &store.Entry{Node: "node_b", Epoch: 2}, &store.Entry{Node: "node_a", Epoch: 1}
	want := func(when string, margins map[*store.Entry]time.Duration) {
		t.Helper()
		for en, m := range margins {
			if got := e.marginOf([]*store.Entry{own, en}); got != m {
				t.Errorf("%s, an attempt of %s, epoch %d: %s further back, want %s", when, en.Node, en.Epoch, got, m)
			}
		}
	}
	const near, day = 15 * time.Minute, 24 * time.Hour
	pass(time.Hour)
	want("after an hour", map[*store.Entry]time.Duration{own: near, other: day, before: day})
	pass(day)
	want("after a day", map[*store.Entry]time.Duration{own: near, other: near, before: near})
	wall = wall.Add(-time.Hour)
	want("with a clock that was set", map[*store.Entry]time.Duration{own: day, other: day, before: day})
	pass(day)
	want("a day after it was set", map[*store.Entry]time.Duration{own: near, other: near, before: near})
}
