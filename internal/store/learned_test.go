package store_test

import (
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

const oneDay = 24 * time.Hour

func dayOf(most int64) store.Limit {
	l := limitOf(most, oneDay)
	l.Usual = most
	return l
}

// refuse ends a claim with the answer that a limit is reached, and returns what is
// learned of the first limit then.
func refuse(t *testing.T, s *store.Store, e *store.Entry, at time.Time, l store.Learn) *store.Learned {
	t.Helper()
	l.Cause, l.At = "daily_limit", at
	f := store.FinishOf(e, at)
	f.Events = []store.Event{event(t, email.EventDelayed)}
	f.Next = &store.Next{State: email.Queued, DueAt: e.DueAt, Unsettled: e.Unsettled}
	f.Account = &store.AccountChange{Until: time.UnixMilli(1), Began: e.StartedAt, Learn: &l, Event: event(t, email.EventAccountParked)}
	must(t, s.FinishAttempts(t.Context(), f)...)
	return learnedNow(t, s, l.Limits[0].Key, at)
}

func learnedNow(t *testing.T, s *store.Store, key string, at time.Time) *store.Learned {
	t.Helper()
	all, err := s.Learned(t.Context(), at)
	must(t, err)
	for i := range all {
		if all[i].Key == key {
			return &all[i]
		}
	}
	return nil
}

// spend has messages claimed and taken at a time.
func spend(t *testing.T, s *store.Store, route email.ID, at time.Time, n int, l store.Limit) {
	t.Helper()
	addMany(t, s, route, email.Urgent, n)
	got := claimAt(t, s, route, at, n, l)
	if len(got.Entries) != n {
		t.Fatalf("claimed %d of %d, blocked %+v", len(got.Entries), n, got.Blocked)
	}
	for _, e := range got.Entries {
		endAt(t, s, e, at, email.EventAccepted)
	}
}

func TestARefusalTeachesALowerLimit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route, l := addAccount(t, s), dayOf(100)
		spend(t, s, route, start, 60, l)
		addMany(t, s, route, email.Urgent, 10)
		at := start.Add(time.Minute)
		two := claimAt(t, s, route, at, 2, l).Entries
		x := refuse(t, s, two[0], at, store.Learn{Limits: []store.Limit{l}})
		if x == nil || x.Max != 61 || x.Cause != "daily_limit" || x.Account != route || !x.Until.Equal(at.Add(7*oneDay)) {
			t.Fatalf("learned %+v, want what was used and is under way", x)
		}
		// Attempts that were under way together correct it, and are one refusal.
		l.Max = 61
		if x = refuse(t, s, two[1], at.Add(time.Second), store.Learn{Limits: []store.Limit{l}}); x.Max != 60 || !x.At.Equal(at) {
			t.Errorf("refused together: %+v", x)
		}
		// A restart forgets nothing.
		must(t, s.Close())
		s = storetest.Open(t, opt)
		if x = learnedNow(t, s, l.Key, at); x == nil || x.Max != 60 {
			t.Errorf("after a restart: %+v", x)
		}
		must(t, s.Forget(t.Context(), []string{l.Key}))
		if x = learnedNow(t, s, l.Key, at); x != nil {
			t.Errorf("forgotten: %+v", x)
		}
	})
}

// One odd answer, or many at once, halve a limit at the most; no number of them take
// more than nine tenths of it.
func TestOddRefusalsDoNotStopAnAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route, l := addAccount(t, s), dayOf(100)
		addMany(t, s, route, email.Urgent, 20)
		at := start
		var lows []int64
		for range 6 {
			at = at.Add(time.Hour)
			for _, e := range claimAt(t, s, route, at, 3, l).Entries { // began before the first was refused
				x := refuse(t, s, e, at.Add(time.Second), store.Learn{Limits: []store.Limit{l}})
				lows, l.Max = append(lows, x.Max), x.Max
			}
		}
		want := []int64{50, 50, 50, 25, 25, 25, 13, 13, 13, 10, 10, 10, 10, 10, 10, 10, 10, 10}
		for i := range want {
			if i >= len(lows) || lows[i] != want[i] {
				t.Fatalf("learned %v, want %v", lows, want)
			}
		}
	})
}

// Where a refusal may be about several limits, it is about the one that is used most;
// one that the count has seen coming teaches nothing.
func TestTheFullestLimitIsMeant(t *testing.T) {
	s := storetest.Open(t, store.Options{Dir: t.TempDir()})
	route, few, many := addAccount(t, s), dayOf(20), dayOf(1000)
	many.Key = store.LimitKey("project", "messages", oneDay)
	addMany(t, s, route, email.Urgent, 21)
	got := claimAt(t, s, route, start, 20, few, many).Entries
	for _, e := range got[:19] {
		endAt(t, s, e, start, email.EventAccepted)
	}
	if x := refuse(t, s, got[19], start, store.Learn{Limits: []store.Limit{many, few}}); x != nil {
		t.Errorf("the other limit was lowered: %+v", x)
	}
	if x := learnedNow(t, s, few.Key, start); x == nil || x.Max != 19 {
		t.Errorf("the fuller one: %+v", x)
	}
	few.Max = 19
	if y := refuse(t, s, claimAt(t, s, route, start.Add(25*time.Hour), 1, few).Entries[0], start, store.Learn{Limits: []store.Limit{few}}); y == nil || y.Max < 10 {
		t.Errorf("later: %+v", y)
	}
}

// A limit that nobody knows is what was sent in its window, which counts from then on.
func TestAnUnknownLimitIsLearnedFromWhatWasSent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route, l := addAccount(t, s), limitOf(0, oneDay)
		at := time.Now().UTC().Truncate(time.Second).Add(2 * oneDay) // the ids of messages are of now
		past := func() []store.Use {
			t.Helper()
			use, err := s.Past(t.Context(), team, route, oneDay, at, at.Add(-3*oneDay))
			must(t, err)
			return use
		}
		sent := func(n int, at time.Time) {
			t.Helper()
			addMany(t, s, route, email.Urgent, n)
			got := claimAt(t, s, route, at, n).Entries
			if len(got) != n {
				t.Fatalf("claimed %d of %d", len(got), n)
			}
			for _, e := range got {
				endAt(t, s, e, at, email.EventAccepted)
			}
		}
		sent(5, at.Add(-25*time.Hour)) // is over
		sent(3, at.Add(-10*time.Hour))
		addMany(t, s, route, email.Urgent, 3)
		odd := claimAt(t, s, route, at, 3).Entries
		if x := refuse(t, s, odd[0], at, store.Learn{Limits: []store.Limit{l}, Past: past()}); x != nil {
			t.Errorf("learned from three messages: %+v", x)
		}
		sent(20, at.Add(-2*time.Hour))
		for _, e := range odd[1:] { // the past is not counted twice
			x := refuse(t, s, e, at, store.Learn{Limits: []store.Limit{l}, Past: past()})
			if x == nil || x.Max != 23 {
				t.Fatalf("learned %+v from 23 messages", x)
			}
		}
		l.Max = 23
		got, err := s.Standings(t.Context(), []store.Limit{l}, at)
		must(t, err)
		if got[0].Used != 23 || got[0].FreesAt.Before(at.Add(13*time.Hour)) || got[0].FreesAt.After(at.Add(15*time.Hour)) {
			t.Errorf("counted from then on: %+v", got[0])
		}
	})
}

// A person who has released an account knows better than an attempt from before.
func TestWhatIsReleasedIsNotTaughtByOldAttempts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route, l := addAccount(t, s), dayOf(100)
		addMany(t, s, route, email.Urgent, 2)
		old := claimAt(t, s, route, start, 1, l).Entries[0]
		must(t, s.ChangeAccount(t.Context(), team, route, store.AccountChange{Hold: true, Event: event(t, email.EventAccountHeld)}))
		released := event(t, email.EventAccountReleased)
		released.At = start.Add(time.Second)
		must(t, s.ReleaseAccount(t.Context(), team, route, released))
		if x := refuse(t, s, old, start.Add(2*time.Second), store.Learn{Limits: []store.Limit{l}}); x != nil {
			t.Errorf("taught %+v", x)
		}
		young := claimAt(t, s, route, start.Add(3*time.Second), 1, l).Entries[0]
		if x := refuse(t, s, young, start.Add(4*time.Second), store.Learn{Limits: []store.Limit{l}}); x == nil || x.Max != 50 {
			t.Errorf("a new attempt taught %+v", x)
		}
	})
}

func TestALearnedLimitRisesStepByStep(t *testing.T) {
	x := store.Learned{Max: 40, At: start, Until: start.Add(time.Hour)}
	for _, c := range []struct {
		after       time.Duration
		usual, want int64
	}{
		{0, 100, 40},
		{9 * time.Minute, 100, 40},
		{10 * time.Minute, 100, 50},
		{59 * time.Minute, 100, 90},
		{time.Hour, 100, 0},
		{-30 * time.Minute, 100, 40}, // a clock was set back
		{-2 * time.Hour, 100, 0},
		{0, 30, 0}, // the settings say less since
		{0, 0, 40}, // nobody knows what is usual
		{30 * time.Minute, 0, 60},
	} {
		got, ok := x.In(c.usual, start.Add(c.after))
		if got != c.want || ok != (c.want > 0) {
			t.Errorf("after %s of %d: %d, %v, want %d", c.after, c.usual, got, ok, c.want)
		}
	}
}

// A message that is more than its lane may use of a limit does not wait behind a
// trickle of urgent mail for ever, and what waits is told when it fits.
func TestTooLargeForItsLaneGoesBesideUrgentMail(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		l := store.Limit{Max: 100, Window: time.Minute, Cost: 1, Recipients: true} // 95 for all but urgent mail
		for i, c := range []struct {
			recipients, urgent int // urgent mail that has been sent before
			lane               email.Lane
			goes               bool
		}{
			{95, 0, email.Normal, true},
			{95, 1, email.Normal, false},
			{98, 2, email.Normal, true},
			{98, 3, email.Normal, false},
			{101, 5, email.Normal, true},
			{101, 6, email.Bulk, false},
			{101, 0, email.Urgent, true},
			{101, 1, email.Urgent, false},
		} {
			route := addAccount(t, s)
			l.Key = store.LimitKey(route, "recipients", time.Minute)
			if c.urgent > 0 {
				spend(t, s, route, start, c.urgent, l)
			}
			to := make([]string, c.recipients)
			for n := range to {
				to[n] = "a@b.example"
			}
			m := newMessage(t, route, to...)
			m.Lane = c.lane
			must(t, s.AddMessage(t.Context(), m))
			got := claimAt(t, s, route, start.Add(time.Second), 1, l)
			if went := len(got.Entries) == 1; went != c.goes {
				t.Errorf("%d: %d recipients beside %d urgent: went %v", i, c.recipients, c.urgent, went)
			}
			if want := start.Add(61 * time.Second); !c.goes && (got.Blocked == nil || !got.Blocked.Until.Equal(want)) {
				t.Errorf("%d: waits %+v, want until %s", i, got.Blocked, want)
			}
		}
	})
}
