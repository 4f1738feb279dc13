package store_test

import (
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func addressLimits(scope string, most int64) (external, unique store.Limit) {
	external = store.Limit{Key: store.LimitKey(scope, "external", oneDay), Name: "external", Max: most, Window: oneDay, Cost: 1, Recipients: true, Own: "acme.example"}
	unique = store.Limit{Key: store.LimitKey(scope, "unique", oneDay), Name: "unique", Max: most, Window: oneDay, Cost: 1, Recipients: true, Unique: true}
	return external, unique
}

func addUrgent(t *testing.T, s *store.Store, route email.ID, to ...string) {
	t.Helper()
	m := newMessage(t, route, to...)
	m.Lane = email.Urgent
	must(t, s.AddMessage(t.Context(), m))
}

func usedOf(t *testing.T, s *store.Store, l store.Limit, at time.Time) int64 {
	t.Helper()
	got, err := s.Standings(t.Context(), []store.Limit{l}, at)
	must(t, err)
	return got[0].Used
}

// Recipients of the own domain are not external; mail to these alone goes also when
// nothing of the limit is left.
func TestExternalRecipientsAreCounted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		l, _ := addressLimits(route, 3)
		addUrgent(t, s, route, "a@acme.example", "B@Acme.example", "c@else.example", "d@sub.acme.example")
		got := claimAt(t, s, route, start, 5, l).Entries
		if n := usedOf(t, s, l, start); len(got) != 1 || n != 2 || got[0].Charged()[l.Key] != 2 {
			t.Fatalf("claimed %d, used %d, charged %v, want 2", len(got), n, got[0].Charged())
		}
		endAt(t, s, got[0], start, email.EventAccepted)
		addUrgent(t, s, route, "c@else.example", "d@else.example")
		b := claimAt(t, s, route, start.Add(time.Minute), 5, l).Blocked
		if b == nil || b.Limit.Name != "external" || b.Until.Before(start.Add(oneDay)) {
			t.Errorf("two more of three: %+v", b)
		}
		inside := addAccount(t, s) // of the same mailbox
		addUrgent(t, s, inside, "e@acme.example")
		if n := len(claimAt(t, s, inside, start.Add(time.Minute), 5, l).Entries); n != 1 {
			t.Errorf("mail inside: claimed %d", n)
		}
		late := claimAt(t, s, route, start.Add(oneDay+time.Hour), 5, l).Entries
		if len(late) != 1 {
			t.Fatalf("a day later: claimed %d", len(late))
		}
		endAt(t, s, late[0], start.Add(oneDay+time.Hour), email.EventDelayed)
		if n := usedOf(t, s, l, start.Add(oneDay+time.Hour)); n != 0 {
			t.Errorf("what did not leave is counted: %d", n)
		}
	})
}

// An address counts once, from its last time on; who is known goes also when nothing
// of the limit is left.
func TestUniqueRecipientsAreCounted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, err := store.Open(t.Context(), opt)
		must(t, err)
		route := addAccount(t, s)
		_, l := addressLimits(route, 3)
		send := func(at time.Time, want int) {
			t.Helper()
			got := claimAt(t, s, route, at, 5, l)
			if len(got.Entries) != want {
				t.Fatalf("claimed %d, want %d; blocked %+v", len(got.Entries), want, got.Blocked)
			}
			for _, e := range got.Entries {
				endAt(t, s, e, at, email.EventAccepted)
			}
		}
		addUrgent(t, s, route, "a@x.example", "A@x.example", "b@x.example")
		addUrgent(t, s, route, "b@x.example")
		send(start, 2)
		if n := usedOf(t, s, l, start); n != 2 {
			t.Errorf("used %d, want 2", n)
		}
		must(t, s.Close())
		s = storetest.Open(t, opt) // a restart forgets nothing
		addUrgent(t, s, route, "a@x.example", "c@x.example")
		send(start.Add(23*time.Hour), 1) // a and c are of then, b is of before
		addUrgent(t, s, route, "a@x.example", "b@x.example", "c@x.example")
		send(start.Add(23*time.Hour+time.Minute), 1)
		addUrgent(t, s, route, "d@x.example")
		got := claimAt(t, s, route, start.Add(24*time.Hour), 5, l)
		if len(got.Entries) != 0 || got.Blocked == nil || got.Blocked.Until.Before(start.Add(47*time.Hour)) || got.Blocked.Until.After(start.Add(48*time.Hour)) {
			t.Fatalf("a fourth: claimed %d, %+v", len(got.Entries), got.Blocked)
		}
		waiting, err := s.Message(t.Context(), team, got1(t, s, route))
		must(t, err)
		if b, err := s.Blocks(t.Context(), []store.Limit{l}, waiting.Entry, start.Add(24*time.Hour)); err != nil || b == nil || b.Limit.Key != l.Key {
			t.Errorf("what blocks: %+v, %v", b, err)
		}
		send(start.Add(48*time.Hour), 1)
		if n := usedOf(t, s, l, start.Add(48*time.Hour)); n != 1 {
			t.Errorf("two days later: used %d, want 1", n)
		}
	})
}

// got1 is the message that waits.
func got1(t *testing.T, s *store.Store, route email.ID) email.ID {
	t.Helper()
	page, err := s.Messages(t.Context(), team, store.MessageQuery{Status: email.Queued, Account: route, Limit: 5})
	must(t, err)
	if len(page.Messages) != 1 {
		t.Fatalf("%d messages wait", len(page.Messages))
	}
	return page.Messages[0].ID
}

// A clock that was set back makes what is ahead of it count as now.
func TestUniqueRecipientsAfterTheClockWasSetBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		_, l := addressLimits(route, 1)
		addUrgent(t, s, route, "a@x.example")
		late := start.Add(100 * time.Hour)
		endAt(t, s, claimAt(t, s, route, late, 1, l).Entries[0], late, email.EventAccepted)
		addUrgent(t, s, route, "b@x.example")
		if n := len(claimAt(t, s, route, start, 1, l).Entries); n != 0 {
			t.Errorf("right after: claimed %d", n)
		}
		if n := len(claimAt(t, s, route, start.Add(25*time.Hour), 1, l).Entries); n != 1 {
			t.Errorf("a day later: claimed %d", n)
		}
	})
}
