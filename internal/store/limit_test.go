package store_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func limitOf(most int64, window time.Duration) store.Limit {
	return store.Limit{Key: store.LimitKey("acc", "messages", window), Name: "messages", Max: most, Window: window, Cost: 1}
}

// claimAt claims at a time, within limits.
func claimAt(t *testing.T, s *store.Store, route email.ID, at time.Time, n int, limits ...store.Limit) store.Claims {
	t.Helper()
	c := claimRequest(route, n)
	c.Now, c.Limits = at, limits
	got, err := s.ClaimWithin(t.Context(), c)
	must(t, err)
	return got
}

// endAt writes an outcome at a time: accepted, unknown, or tried again.
func endAt(t *testing.T, s *store.Store, e *store.Entry, at time.Time, kind email.EventKind) {
	t.Helper()
	f := store.FinishOf(e, at)
	f.Events = []store.Event{event(t, kind)}
	switch kind {
	case email.EventAccepted:
		for n := range e.Unsettled {
			f.Verdicts = append(f.Verdicts, store.Verdict{N: n, State: email.Accepted})
		}
	case email.EventUnknown:
		f.Next = &store.Next{State: email.Unknown, DueAt: at.Add(time.Hour), UnknownAt: at, Unsettled: e.Unsettled}
	default:
		f.Next = &store.Next{State: email.Queued, DueAt: e.DueAt, Unsettled: e.Unsettled}
	}
	must(t, s.FinishAttempts(t.Context(), f)...)
}

func addMany(t *testing.T, s *store.Store, route email.ID, lane email.Lane, n int) {
	t.Helper()
	ms := make([]*store.NewMessage, n)
	for i := range ms {
		ms[i] = newMessage(t, route, "a@b.example")
		ms[i].Lane = lane
	}
	must(t, s.AddAll(t.Context(), ms))
}

func TestLimitCountsARollingWindow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, err := store.Open(t.Context(), opt)
		must(t, err)
		route, minute := addAccount(t, s), limitOf(10, time.Minute)
		addMany(t, s, route, email.Normal, 20)
		got := claimAt(t, s, route, start, 20, minute)
		if len(got.Entries) != 9 || got.Blocked == nil || !got.Blocked.Until.IsZero() || got.Blocked.Limit.Name != "messages" {
			t.Fatalf("claimed %d of 10 less the reserve, blocked %+v", len(got.Entries), got.Blocked)
		}
		endAt(t, s, got.Entries[0], start, email.EventDelayed) // nothing left: given back
		endAt(t, s, got.Entries[1], start, email.EventUnknown) // it may have left
		for _, e := range got.Entries[2:] {
			endAt(t, s, e, start.Add(10*time.Second), email.EventAccepted)
		}
		must(t, s.Close())
		s = storetest.Open(t, opt) // a restart forgets nothing
		at := start.Add(20 * time.Second)
		got = claimAt(t, s, route, at, 20, minute)
		if len(got.Entries) != 1 || got.Blocked == nil {
			t.Fatalf("after a restart: claimed %d, blocked %+v", len(got.Entries), got.Blocked)
		}
		endAt(t, s, got.Entries[0], at, email.EventAccepted)
		got = claimAt(t, s, route, at, 20, minute)
		if want := start.Add(61 * time.Second); len(got.Entries) != 0 || got.Blocked == nil || !got.Blocked.Until.Equal(want) {
			t.Fatalf("when full: claimed %d, blocked %+v, want until %s", len(got.Entries), got.Blocked, want)
		}
		if got = claimAt(t, s, route, start.Add(61*time.Second), 20, minute); len(got.Entries) != 1 {
			t.Errorf("when the first has left the window: claimed %d", len(got.Entries))
		}
		checkCounts(t, s)
	})
}

func TestUrgentMailMayUseAllOfALimit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route, minute := addAccount(t, s), limitOf(40, time.Minute)
		addMany(t, s, route, email.Bulk, 60)
		if n := len(claimAt(t, s, route, start, 60, minute).Entries); n != 38 {
			t.Errorf("bulk got %d of 40, and 2 are reserved", n)
		}
		addMany(t, s, route, email.Urgent, 5)
		got := claimAt(t, s, route, start, 60, minute)
		if len(got.Entries) != 2 || got.Blocked.Lane != email.Urgent {
			t.Errorf("urgent got %d of the reserve, blocked %+v", len(got.Entries), got.Blocked)
		}
	})
}

func TestRecipientsAndUnitsAreCounted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		day := 24 * time.Hour
		recipients := store.Limit{Key: store.LimitKey("acc", "recipients", day), Max: 6, Window: day, Cost: 1, Recipients: true}
		units := store.Limit{Key: store.LimitKey("acc", "units", time.Minute), Max: 1000, Window: time.Minute, Cost: 100}
		for range 4 {
			must(t, s.AddMessage(t.Context(), newMessage(t, route, "a@b.example", "c@b.example")))
		}
		got := claimAt(t, s, route, start, 10, recipients, units)
		if len(got.Entries) != 2 || got.Blocked == nil || got.Blocked.Limit.Key != recipients.Key {
			t.Fatalf("claimed %d, blocked %+v", len(got.Entries), got.Blocked)
		}
		all, err := s.Standings(t.Context(), []store.Limit{recipients, units}, start)
		must(t, err)
		if all[0].Used != 4 || all[1].Used != 200 || all[1].UnderWay != 200 {
			t.Errorf("standings: %+v", all)
		}
	})
}

// A message that takes more than a limit has in all goes alone: its provider judges.
func TestTooLargeForALimitGoesAlone(t *testing.T) {
	s := storetest.Open(t, store.Options{Dir: t.TempDir()})
	route := addAccount(t, s)
	l := store.Limit{Key: store.LimitKey("acc", "recipients", time.Minute), Max: 2, Window: time.Minute, Cost: 1, Recipients: true}
	large := newMessage(t, route, "a@b.example", "c@b.example", "d@b.example")
	large.CreatedAt = start.Add(-time.Second) // those of one time have no order
	must(t, s.AddMessage(t.Context(), large))
	addMany(t, s, route, email.Normal, 1)
	if got := claimAt(t, s, route, start, 10, l); len(got.Entries) != 1 || got.Entries[0].Unsettled != 3 {
		t.Errorf("claimed %+v", got.Entries)
	}
}

// A clock that is set back does not lengthen the window by as much.
func TestLimitAfterTheClockWasSetBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route, minute := addAccount(t, s), limitOf(2, time.Minute)
		addMany(t, s, route, email.Normal, 3)
		late := start.Add(10 * time.Hour)
		got := claimAt(t, s, route, late, 1, minute)
		endAt(t, s, got.Entries[0], late, email.EventAccepted)
		if n := len(claimAt(t, s, route, start, 1, minute).Entries); n != 0 {
			t.Errorf("right after: claimed %d", n)
		}
		if n := len(claimAt(t, s, route, start.Add(62*time.Second), 1, minute).Entries); n != 1 {
			t.Errorf("a window later: claimed %d", n)
		}
	})
}

// Whatever the provider counts, somewhere between claim and outcome, no window of
// its has more than the limit.
func TestNoWindowHoldsMoreThanTheLimit(t *testing.T) {
	s := storetest.Open(t, store.Options{Dir: t.TempDir(), Inline: true, Synchronous: "OFF"})
	route := addAccount(t, s)
	rnd, at := rand.New(rand.NewPCG(3, 4)), start
	window := 10 * time.Second
	l := limitOf(20, window)
	addMany(t, s, route, email.Urgent, 600)
	var under []*store.Entry
	var took []time.Time
	taken := map[email.ID]bool{}
	for range 2500 {
		at = at.Add(time.Duration(rnd.IntN(200)) * time.Millisecond)
		switch i := rnd.IntN(max(1, len(under))); {
		case rnd.IntN(3) == 0 || len(under) == 0:
			under = append(under, claimAt(t, s, route, at, 1+rnd.IntN(4), l).Entries...)
		case !taken[under[i].Message]: // the provider takes it
			taken[under[i].Message] = true
			took = append(took, at)
		default:
			endAt(t, s, under[i], at, email.EventAccepted)
			under = append(under[:i], under[i+1:]...)
		}
	}
	if len(took) < 200 {
		t.Fatalf("only %d were sent", len(took))
	}
	for i := range took {
		if i+20 < len(took) && took[i+20].Sub(took[i]) < window {
			t.Fatalf("21 messages within %s from %s", took[i+20].Sub(took[i]), took[i])
		}
	}
}

// Several accounts and nodes share a limit, and their groups neither exceed it nor
// wait for each other in a circle.
func TestSharedLimitIsKeptByAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, err := store.Open(t.Context(), opt)
		must(t, err)
		var routes []email.ID
		for range 4 {
			routes = append(routes, addAccount(t, s))
			addMany(t, s, routes[len(routes)-1], email.Urgent, 60)
		}
		shared := limitOf(100, time.Hour)
		var mu sync.Mutex
		sent := 0
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				own := store.Limit{Key: store.LimitKey(routes[i%4], "messages", time.Minute), Max: 1000, Window: time.Minute, Cost: 1}
				for range 40 {
					c := claimRequest(routes[i%4], 2)
					c.Limits = []store.Limit{shared, own}
					if i%2 == 0 {
						c.Limits = []store.Limit{own, shared}
					}
					got, err := s.ClaimWithin(context.Background(), c)
					if err != nil {
						t.Error(err)
						return
					}
					for _, e := range got.Entries {
						endAt(t, s, e, start, email.EventAccepted)
					}
					mu.Lock()
					sent += len(got.Entries)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if sent != 100 {
			t.Errorf("%d were sent, and 100 may be", sent)
		}
		checkCounts(t, s)
		if opt.Database != "" {
			noDeadlocks(t, s, opt)
			return
		}
		must(t, s.Close())
	})
}

// While both wait, bulk gets one of ten; urgent mail goes before both.
func TestBulkIsNotStarved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		addMany(t, s, route, email.Bulk, 40)
		addMany(t, s, route, email.Normal, 200)
		addMany(t, s, route, email.Urgent, 3)
		lanes, passed := map[email.Lane]int{}, 0
		for i := range 30 {
			c := claimRequest(route, 7)
			c.Reserve, c.Passed = 3, passed
			es, err := s.Claim(t.Context(), c)
			must(t, err)
			for j, e := range es {
				if i == 0 && (e.Lane == email.Urgent) != (j < 3) {
					t.Errorf("number %d of the first claim is of lane %d", j, e.Lane)
				}
				lanes[e.Lane]++
				if passed++; e.Lane != email.Normal {
					passed = 0
				}
			}
		}
		if lanes[email.Urgent] != 3 || lanes[email.Bulk] != 12 || lanes[email.Normal] != 108 {
			t.Errorf("claimed by lane: %v", lanes)
		}
	})
}
