package store_test

import (
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// Claims do not step over what was sent before, and miss nothing that is put there.
func TestClaimsBeginWhereMailWaits(t *testing.T) {
	now := start
	opt := store.Options{Dir: t.TempDir(), Database: storetest.Postgres(t), Now: func() time.Time { return now }}
	s := storetest.Open(t, opt)
	route := addAccount(t, s)
	at := func(d time.Duration) email.ID {
		m := newMessage(t, route, "a@b.example")
		m.CreatedAt = start.Add(d)
		must(t, s.AddMessage(t.Context(), m))
		return m.ID
	}
	claim := func() []*store.Entry {
		es, err := s.Claim(t.Context(), claimRequest(route, 1))
		must(t, err)
		return es
	}
	wants := func(why string, id email.ID) *store.Entry {
		t.Helper()
		es := claim()
		if len(es) != 1 || es[0].Message != id {
			t.Fatalf("%s: claimed %+v, want %s", why, es, id)
		}
		return es[0]
	}
	first, second, third := at(-2*time.Hour), at(-time.Hour), at(-time.Hour)
	if got := store.ClaimsBegin(s, route, email.Normal, start); !got.IsZero() {
		t.Errorf("the first begins at %s", got)
	}
	es := wants("the oldest", first)
	wants("the next", second)
	if got, want := store.ClaimsBegin(s, route, email.Normal, start), start.Add(-time.Hour-250*time.Millisecond); !got.Equal(want) {
		t.Errorf("what follows begins at %s, want %s", got, want)
	}
	if got, want := store.ClaimsBegin(s, route, email.Bulk, start), start.Add(-250*time.Millisecond); !got.Equal(want) {
		t.Errorf("a lane in which nothing waits begins at %s, want %s", got, want)
	}
	if got := store.ClaimsBegin(s, route, email.Normal, start.Add(-24*time.Hour)); !got.IsZero() {
		t.Errorf("by a clock that was set back it begins at %s", got)
	}

	back := store.FinishOf(es, start)
	back.Next = &store.Next{State: email.Queued, DueAt: es.DueAt, Unsettled: 1}
	must(t, s.FinishAttempts(t.Context(), back)...)
	wants("what was put back", first)

	wants("the last", third)
	other, err := store.Open(t.Context(), opt)
	must(t, err)
	defer other.Close()
	late := newMessage(t, route, "a@b.example")
	late.CreatedAt = start.Add(-3 * time.Hour)
	must(t, other.AddMessage(t.Context(), late))
	if es := claim(); len(es) != 0 {
		t.Fatalf("claims begin at the very beginning each time")
	}
	now = now.Add(2 * time.Second)
	wants("what a node with a clock of its own has put there", late.ID)
}

// While an account is held, or a lane paused, claims do not find what waits. They do
// afterwards.
func TestClaimsBeginNotLater(t *testing.T) {
	s := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: storetest.Postgres(t)})
	route := addAccount(t, s)
	for range 2 {
		must(t, s.AddMessage(t.Context(), newMessage(t, route, "a@b.example")))
	}
	later := claimRequest(route, 1)
	later.Now = start.Add(time.Hour)
	must(t, s.ChangeAccount(t.Context(), team, route, store.AccountChange{Hold: true, Event: event(t, email.EventAccountHeld)}))
	if es, err := s.Claim(t.Context(), later); err != nil || len(es) != 0 {
		t.Fatalf("claimed %d while held, %v", len(es), err)
	}
	must(t, s.ReleaseAccount(t.Context(), team, route, event(t, email.EventAccountReleased)))
	es, err := s.Claim(t.Context(), later)
	must(t, err)
	if len(es) != 1 {
		t.Errorf("claimed %d after the release", len(es))
	}

	pause := store.Pause{Team: team, Account: route, Lane: email.Normal, At: start}
	must(t, s.Pause(t.Context(), pause))
	bulk := newMessage(t, route, "a@b.example")
	bulk.Lane, bulk.CreatedAt = email.Bulk, later.Now
	must(t, s.AddMessage(t.Context(), bulk))
	if es, err = s.Claim(t.Context(), later); err != nil || len(es) != 1 || es[0].Message != bulk.ID {
		t.Fatalf("claimed %+v while normal mail was paused, %v", es, err)
	}
	must(t, s.Resume(t.Context(), team, route, email.Normal))
	if es, err = s.Claim(t.Context(), later); err != nil || len(es) != 1 {
		t.Errorf("claimed %d after the pause, %v", len(es), err)
	}
}

// A lane that is paused for one member of a pool does not hide it from another.
func TestClaimsBeginForEachMember(t *testing.T) {
	s := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: storetest.Postgres(t)})
	paused, well := addAccount(t, s), addAccount(t, s)
	const route = "pool_1/0/shop@acme.example/"
	add := func(lane email.Lane, at time.Time) {
		m := newMessage(t, well, "a@b.example")
		m.Lane, m.CreatedAt, m.Pooled = lane, at, route
		must(t, s.AddMessage(t.Context(), m))
	}
	later := start.Add(time.Hour)
	add(email.Normal, start)
	add(email.Bulk, later)
	must(t, s.Pause(t.Context(), store.Pause{Team: team, Account: paused, Lane: email.Normal, At: start}))
	claim := func(account email.ID) []*store.Entry {
		c := claimRequest(account, 1)
		c.Now, c.Routes = later, []string{route}
		es, err := s.Claim(t.Context(), c)
		must(t, err)
		return es
	}
	if es := claim(paused); len(es) != 1 || es[0].Lane != email.Bulk {
		t.Fatalf("the one whose normal mail is paused claimed %+v", es)
	}
	if es := claim(well); len(es) != 1 || es[0].Lane != email.Normal {
		t.Errorf("the other claimed %+v", es)
	}
}

// A message that is committed a while after it was composed is not behind what claims
// have seen since.
func TestClaimsMissNothingThatIsCommittedLate(t *testing.T) {
	now := start
	opt := store.Options{Dir: t.TempDir(), Database: storetest.Postgres(t), Now: func() time.Time { return now }}
	s := storetest.Open(t, opt)
	route := addAccount(t, s)
	add := func(lane email.Lane, at time.Time) {
		m := newMessage(t, route, "a@b.example")
		m.Lane, m.CreatedAt = lane, at
		must(t, s.AddMessage(t.Context(), m))
	}
	claim := func() email.Lane {
		c := claimRequest(route, 1)
		c.Now = now
		es, err := s.Claim(t.Context(), c)
		must(t, err)
		return es[0].Lane
	}
	for range 3 {
		add(email.Bulk, start)
	}
	claim()
	now = now.Add(time.Second)
	claim() // sees that there is nothing urgent
	add(email.Urgent, start.Add(40*time.Millisecond))
	now = now.Add(time.Millisecond)
	if got := claim(); got != email.Urgent {
		t.Errorf("claimed lane %d before the urgent one", got)
	}
}
