package queue

import (
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A pool can send what its members can, together: what they share is counted once,
// and who cannot send now gives nothing.
func TestCapacityOfAPool(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Headroom, Members: []store.PoolMember{member(ada, 1), member(bob, 1)}})
		shared := provider.Rate{Scope: provider.RateOfRelay, Of: "both", Unit: provider.UnitMessages, Max: 100, Window: provider.Day}
		w.rates = append(perHour(40), shared)
		for _, id := range []email.ID{ada, bob, cora} {
			w.AccountChanged(simTeam, id)
		}
		w.take(toShop())
		w.turn(ada)
		pool := func() PoolCapacity {
			t.Helper()
			w.accounts.forget(simTeam, "")
			_, pools, err := w.Capacities(t.Context(), w.grant)
			w.must(err)
			return pools[0]
		}
		is := func(what string, now, today int64, next time.Time) {
			t.Helper()
			p := pool()
			if p.Now == nil || p.Today == nil || *p.Now != now || *p.Today != today || !p.NextAt.Equal(next) {
				t.Errorf("%s: %+v (now %v, today %v), want %d, %d, %s", what, p, *p.Now, *p.Today, now, today, next)
			}
		}
		if p := pool(); p.ID != "pool_1" || p.Name != "Shop" || len(p.Accounts) != 2 {
			t.Errorf("the pool: %+v", p)
		}
		next := simStart.Add(61 * time.Minute) // when what was sent counts no more
		is("one has sent", 38-1+38, 94, next)
		w.rates[1].Max = 60 // 57 for all but urgent mail
		w.restart()
		is("the shared limit holds", 56, 56, next)
		until := w.now.Add(10 * time.Minute)
		w.change(bob, store.AccountChange{Until: until})
		is("one is parked", 37, 56, until)
		w.change(ada, store.AccountChange{Until: until.Add(time.Hour)})
		is("both are", 0, 56, until)
		w.change(ada, store.AccountChange{Hold: true})
		is("one is held", 0, 56, until)
		w.change(bob, store.AccountChange{Hold: true})
		is("both are", 0, 0, time.Time{})
		w.rates = perHour(40)
		w.restart()
		if p := pool(); p.Now == nil || *p.Now != 0 || p.Today == nil {
			t.Errorf("held, with no limit of a day: %+v", p)
		}
	})
}

// restart makes the engine read the accounts' limits again.
func (w *poolWorld) restart() {
	w.accounts.close()
}

// An account at its limit tells when the next message fits, not when the first part
// of the window is free.
func TestCapacityTellsWhenTheNextFits(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	w.rates = perHour(1)
	w.submit()
	w.sendOne()
	if c := w.capacity(); *c.Now != 0 || !c.NextAt.Equal(simStart.Add(61*time.Minute)) || c.Today != nil {
		t.Errorf("at its limit: %+v", c)
	}
	w.now = w.now.Add(61 * time.Minute)
	if c := w.capacity(); *c.Now != 1 || !c.NextAt.IsZero() {
		t.Errorf("with room: %+v", c)
	}
}

// What may leave now is what a claim takes: normal mail by the even pace, urgent mail
// by the window. When more may is told with it.
func TestCapacityNowIsWhatLeavesAtOnce(t *testing.T) {
	for _, r := range []provider.Rate{
		{Unit: provider.UnitMessages, Max: 60, Window: time.Minute},
		{Unit: provider.UnitMessages, Max: 600, Window: time.Minute},
		{Unit: provider.UnitMessages, Max: 20, Window: time.Second},
		{Unit: provider.UnitUnits, Max: 6000, Window: time.Minute, Cost: 100},
		{Unit: provider.UnitMessages, Max: 1, Window: time.Minute},
		{Unit: provider.UnitMessages, Max: 3, Window: time.Hour},
	} {
		w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
		r.Scope = provider.RateOfAccount
		w.rates = []provider.Rate{r, perDay(2000)}
		for range 40 {
			w.submit()
		}
		leaves := func() int64 {
			t.Helper()
			got, err := w.claim(t.Context(), simTeam, worldAccount, room{limit: 100})
			w.must(err)
			for _, c := range got.claims {
				w.settleWith(c, w.attempt(t.Context(), c))
				w.hand.put(c.Entry)
			}
			return int64(len(got.claims))
		}
		c := w.capacity()
		if *c.Urgent != r.Max/max(1, r.Cost) || !c.NextAt.IsZero() {
			t.Errorf("%d %s per %s, unused: %d urgent, more at %s", r.Max, r.Unit, r.Window, *c.Urgent, c.NextAt)
		}
		for range 4 {
			c = w.capacity()
			if n := leaves(); n != *c.Now {
				t.Errorf("%d %s per %s: %d left, told were %d", r.Max, r.Unit, r.Window, n, *c.Now)
			}
			if c = w.capacity(); *c.Now != 0 || c.NextAt.IsZero() || leaves() != 0 {
				t.Fatalf("%d %s per %s, used up: %d, more at %s", r.Max, r.Unit, r.Window, *c.Now, c.NextAt)
			}
			more := c.NextAt
			w.now = more.Add(-time.Millisecond)
			if c = w.capacity(); *c.Now != 0 {
				t.Errorf("%d %s per %s: %d before %s", r.Max, r.Unit, r.Window, *c.Now, more)
			}
			w.now = more
			if c = w.capacity(); *c.Now == 0 {
				t.Errorf("%d %s per %s: none at %s", r.Max, r.Unit, r.Window, more)
			}
		}
	}
}
