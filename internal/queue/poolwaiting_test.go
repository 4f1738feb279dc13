package queue

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// Mail of a pool is counted under the pool, whatever parts it is in, with what keeps
// it.
func TestQueueOfAPool(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Random})
		for range 20 {
			w.take(toShop())
		}
		waits := func() Waiting {
			t.Helper()
			w.accounts.forget(simTeam, "")
			x := w.waits()
			if x.Account != "pool_1" || x.Address != "Shop" || x.Messages != 20 || x.Recipients != 20 {
				t.Errorf("waiting: %+v", x)
			}
			return x
		}
		if x := waits(); x.Why != WhyTurn {
			t.Errorf("of a healthy pool: %+v", x)
		}
		until := w.now.Add(time.Hour)
		w.change(ada, store.AccountChange{Until: until})
		if x := waits(); x.Why != WhyTurn {
			t.Errorf("with one that can: %+v", x)
		}
		w.change(bob, store.AccountChange{Hold: true})
		if x := waits(); x.Why != WhyParked || !x.Until.Equal(until) || !strings.Contains(x.Text, "bob@acme.example (held)") {
			t.Errorf("with none that can: %+v", x)
		}
		w.allow(ada)
		w.allow(bob)
		if x := waits(); x.Why != WhyNoMember || !strings.Contains(x.Text, "may send as shop@acme.example") {
			t.Errorf("with none that may: %+v", x)
		}
	})
}

// The limit is told that keeps all members, with its time.
func TestQueueOfAPoolAtItsLimits(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Headroom})
	w.rates = perHour(2)
	w.AccountChanged(simTeam, ada)
	for range 3 {
		w.take(toShop())
	}
	if w.turn(ada) != 1 {
		t.Fatal("none left")
	}
	if x := w.waits(); x.Why != WhyTurn {
		t.Errorf("bob has room: %+v", x)
	}
	w.turn(bob)
	if x := w.waits(); x.Why != WhyLimit || !x.Until.Equal(simStart.Add(61*time.Minute)) {
		t.Errorf("nobody has: %+v", x)
	}
}

// A person says the pool and means all that waits for it, and what failed of it.
func TestOrdersAboutAPool(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Random})
		var ids []email.ID
		for range 5 {
			ids = append(ids, w.take(toShop()).ID)
		}
		own := toShop()
		own.Account = ada
		alone := w.take(own).ID
		for _, name := range []string{"pool_1", "shop"} {
			id, err := w.Named(t.Context(), simTeam, name)
			w.must(err)
			q, err := w.Queue(t.Context(), w.grant, Selection{Route: id})
			w.must(err)
			if len(q.Waiting) != 1 || q.Waiting[0].Messages != 5 {
				t.Errorf("%s: %+v", name, q.Waiting)
			}
		}
		sel := Selection{Route: "pool_1"}
		if o := w.order(Order{Verb: HoldMail, Selection: sel}); o.Messages != 5 || w.state(alone) != email.Queued {
			t.Errorf("held: %+v", o)
		}
		if o := w.order(Order{Verb: ReleaseMail, Selection: sel}); o.Messages != 5 {
			t.Errorf("released: %+v", o)
		}
		no := &provider.Error{Class: provider.Fail, Scope: provider.ScopeMessage, Cause: "refused", Text: "no"}
		w.says["ada@acme.example"], w.says["bob@acme.example"] = no, no
		w.turn(ada)
		w.turn(bob)
		if slices.ContainsFunc(ids, func(id email.ID) bool { return w.state(id) != email.Failed }) {
			t.Fatal("not all have failed")
		}
		if o := w.order(Order{Verb: RetryMail, Selection: sel}); o.Messages != 5 || w.state(alone) != email.Failed {
			t.Errorf("tried again: %+v", o)
		}
	})
}
