package queue

import (
	"strings"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// fullFor is the answer that a limit is reached.
func fullFor(q provider.Quota, until time.Time) sendFunc {
	return func(email.Envelope, email.Content) (provider.Receipt, error) {
		return provider.Receipt{}, &provider.Error{
			Class: provider.Park, Scope: provider.ScopeAccount, Quota: q, Cause: "daily_limit", Text: "The limit of the day is reached.", Until: until,
		}
	}
}

func perDay(most int64) provider.Rate {
	return provider.Rate{Scope: provider.RateOfMailbox, Of: "ada", Unit: provider.UnitMessages, Max: most, Window: provider.Day, Source: "a page"}
}

func perMinute(most int64) provider.Rate {
	return provider.Rate{Scope: provider.RateOfAccount, Unit: provider.UnitMessages, Max: most, Window: time.Minute, Source: "a page"}
}

func (w *world) capacity() Capacity {
	w.t.Helper()
	all, _, err := w.Capacities(w.t.Context(), w.grant)
	w.must(err)
	return all[0]
}

// fill sends n messages.
func (w *world) fill(n int) {
	w.t.Helper()
	for range n {
		w.submit()
		w.now = w.now.Add(2 * time.Second) // by a pace too
		w.sendOne()
	}
}

// A provider that is full before the count is keeps its own figure for a while: it
// is told with its source, kept to, and forgotten when a person says so.
func TestARefusalLowersALimit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.rates = []provider.Rate{perMinute(6000), perDay(40)}
		w.fill(25)
		waits := w.submit()
		w.send = fullFor(provider.QuotaDay, w.now.Add(time.Hour))
		w.sendOne()
		w.send = accepting
		w.now = w.now.Add(time.Hour)
		c := w.capacity()
		day := c.Limits[1]
		if day.Max != 25 || day.Usual != 40 || !day.LearnedUntil.Equal(w.now.Add(-time.Hour+7*provider.Day)) || *c.Today != 0 || c.Limits[0].Max != 6000 {
			t.Errorf("capacity: %+v", c)
		}
		if want := "learned on " + w.now.Add(-time.Hour).Format(time.DateOnly) + " from daily_limit; 40 by a page"; day.Source != want {
			t.Errorf("source %q, want %q", day.Source, want)
		}
		if got, err := w.claim(t.Context(), simTeam, worldAccount, room{limit: 1}); err != nil || len(got.claims) != 0 || got.blocked == nil {
			t.Fatalf("claimed %+v, %v", got, err)
		}
		x, err := w.Explain(t.Context(), w.grant, waits)
		w.must(err)
		if !strings.Contains(x.Next, "limit of 25 messages per day of the mailbox (learned on ") || x.NextAt.IsZero() {
			t.Errorf("explained: %q at %s", x.Next, x.NextAt)
		}
		w.must(w.ForgetLearned(t.Context(), simTeam, worldAccount))
		w.AccountChanged(simTeam, worldAccount)
		if c = w.capacity(); c.Limits[1].Max != 40 || c.Limits[1].Source != "a page" || !c.Limits[1].LearnedUntil.IsZero() {
			t.Errorf("forgotten: %+v", c.Limits[1])
		}
		w.sendOne()
	})
}

// A rate is not a day's limit: where none of its span is known one is learned, which
// ends after an hour.
func TestALimitIsLearnedWhereNoneIsKnown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.now = time.Now().UTC().Truncate(time.Minute)
		w.must(w.beat(t.Context()))
		w.rates = []provider.Rate{perDay(1000)}
		w.fill(20)
		w.submit()
		w.send = fullFor(provider.QuotaRate, w.now.Add(10*time.Second))
		w.sendOne()
		w.send = accepting
		w.now = w.now.Add(10 * time.Second)
		c := w.capacity()
		if len(c.Limits) != 2 || c.Limits[0].Max != 1000 || c.Limits[1].Max != 20 || c.Limits[1].Used != 20 || c.Limits[1].Usual != 0 || c.Limits[1].Name != "messages per minute" {
			t.Fatalf("learned: %+v", c)
		}
		if w.now = w.now.Add(40 * time.Second); *w.capacity().Now == 0 {
			t.Error("the minute does not pass")
		}
		w.sendOne()
		if w.now = w.now.Add(time.Hour); len(w.capacity().Limits) != 1 {
			t.Errorf("after an hour: %+v", w.capacity())
		}
	})
}

// Answers that say nothing of what may be sent in a time teach nothing.
func TestOtherParksTeachNothing(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	w.rates = []provider.Rate{perMinute(60), perDay(40)}
	w.fill(5)
	w.submit()
	w.send = fullFor(provider.QuotaNone, w.now.Add(time.Second))
	w.sendOne()
	if c := w.capacity(); c.Limits[0].Max != 60 || c.Limits[1].Max != 40 {
		t.Errorf("learned: %+v", c)
	}
}

// Of what is known, the limits are lowered that a quota may be about.
func TestWhichLimitsAQuotaMeans(t *testing.T) {
	limit := func(scope string, window time.Duration) store.Limit {
		return store.Limit{Key: store.LimitKey(scope, "m", window), Scope: scope, Window: window}
	}
	user, project := limit(provider.RateOfAccount, time.Minute), limit(provider.RateOfProject, time.Minute)
	hour, day, week := limit(provider.RateOfRelay, time.Hour), limit(provider.RateOfMailbox, provider.Day), limit(provider.RateOfMailbox, 7*provider.Day)
	for _, c := range []struct {
		quota provider.Quota
		known []store.Limit
		want  []store.Limit
	}{
		{provider.QuotaRate, []store.Limit{user, project, hour, day}, []store.Limit{user, project}},
		{provider.QuotaRate, []store.Limit{hour, day}, []store.Limit{hour}},
		{provider.QuotaRate, []store.Limit{day}, nil},
		{provider.QuotaProject, []store.Limit{user, project, day}, []store.Limit{project}},
		{provider.QuotaProject, []store.Limit{user}, nil},
		{provider.QuotaDay, []store.Limit{user, day, week}, []store.Limit{day, week}},
		{provider.QuotaDay, []store.Limit{user}, nil},
	} {
		got := meant(c.known, c.quota)
		if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] {
			t.Errorf("%s among %d: %+v", c.quota, len(c.known), got)
		}
	}
}

// A refusal for the rate that names no time parks the account for the window of the
// limit, where that is known to be a short one; else for a minute.
func TestParkOfAShortWindow(t *testing.T) {
	for window, want := range map[time.Duration]time.Duration{
		time.Second: time.Second, 100 * time.Millisecond: time.Second, 10 * time.Second: 10 * time.Second, time.Hour: time.Minute, 0: time.Minute,
	} {
		w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
		if window > 0 {
			w.rates = []provider.Rate{{Scope: provider.RateOfAccount, Unit: provider.UnitMessages, Max: 50, Window: window}}
			w.fill(10)
		}
		w.send = fullFor(provider.QuotaRate, time.Time{})
		w.submit()
		w.sendOne()
		a, err := w.cfg.Store.Account(t.Context(), simTeam, worldAccount)
		w.must(err)
		if got := a.ParkedUntil.Sub(w.now); got != want {
			t.Errorf("with a window of %s: parked for %s, want %s", window, got, want)
		}
		for _, l := range w.capacity().Limits {
			if lowered := l.Max < 50; lowered != (window >= time.Minute) {
				t.Errorf("with a window of %s: %d are left of 50", window, l.Max)
			}
		}
	}
}

// A refusal of a mailbox that has hardly sent teaches nothing, and above all not a limit
// that others of the project have used.
func TestARefusalThatNoUseExplains(t *testing.T) {
	project := provider.Rate{Scope: provider.RateOfProject, Of: "shop", Unit: provider.UnitMessages, Max: 100, Window: time.Minute, Source: "a page"}
	for name, c := range map[string]struct {
		sent  int // by another account of the project
		quota provider.Quota
		want  int64 // what the project's limit is then
	}{
		"others have sent":        {30, provider.QuotaRate, 100},
		"it is the project's":     {30, provider.QuotaProject, 50},
		"the project's is likely": {60, provider.QuotaRate, 60},
		"hardly anything":         {5, provider.QuotaProject, 100},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
			w.must(w.cfg.Store.AddAccount(t.Context(), &store.Account{Team: simTeam, ID: bob, Address: "bob@acme.example", Transport: "world", Config: []byte("{}"), CreatedAt: simStart}))
			w.AccountChanged(simTeam, bob)
			w.rates = []provider.Rate{perMinute(600), project}
			for range c.sent {
				sub := toBob()
				sub.Account = worldAccount
				w.take(sub)
				w.sendOne()
				w.now = w.now.Add(700 * time.Millisecond)
			}
			w.send = fullFor(c.quota, w.now.Add(time.Second))
			sub := toBob()
			sub.Account = bob
			w.take(sub)
			got, err := w.claim(t.Context(), simTeam, bob, room{limit: 1})
			w.must(err)
			w.settleWith(got.claims[0], w.attempt(t.Context(), got.claims[0]))
			all, _, err := w.Capacities(t.Context(), w.grant)
			w.must(err)
			for _, a := range all {
				if a.Limits[0].Max != 600 || a.Limits[1].Max != c.want {
					t.Errorf("%s: %d of the account, %d of the project, want %d", a.Address, a.Limits[0].Max, a.Limits[1].Max, c.want)
				}
			}
		})
	}
}
