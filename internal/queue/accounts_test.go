package queue

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// accountsWorld counts what is read of accounts, and notes whose provider is closed.
type accountsWorld struct {
	*world
	read    int // rows
	closed  []email.ID
	elapses func() time.Duration // nil: as the wall clock
}

func newAccountsWorld(t *testing.T, opt store.Options) *accountsWorld {
	w := &accountsWorld{}
	w.world = newWorld(t, opt, nil, func(c *Config) {
		k, elapsed := &c.Kinds[0], c.Elapsed
		limits, open := k.Limits, k.Open
		k.Limits = func(config json.RawMessage) provider.Limits {
			w.read++
			return limits(config)
		}
		k.Open = func(a provider.Account, d provider.Deps) (provider.Provider, error) {
			p, err := open(a, d)
			return closing{p.(worldProvider), func() { w.closed = append(w.closed, a.ID) }}, err
		}
		c.Elapsed = func() time.Duration {
			if w.elapses != nil {
				return w.elapses()
			}
			return elapsed()
		}
	})
	return w
}

func (w *accountsWorld) add(id email.ID, address string, senders ...string) {
	w.t.Helper()
	if err := w.cfg.Store.AddAccount(w.t.Context(), &store.Account{
		Team: simTeam, ID: id, Address: address, Senders: senders, Transport: "world", Config: []byte("{}"), CreatedAt: simStart,
	}); err != nil {
		w.t.Error(err)
	}
}

func (w *accountsWorld) allow(id email.ID, senders ...string) {
	w.t.Helper()
	w.must(w.cfg.Store.UpdateAccount(w.t.Context(), simTeam, id, w.now, func(a *store.Account) { a.Senders = senders }, nil))
	w.AccountChanged(simTeam, id)
}

func (w *accountsWorld) remove(id email.ID) {
	w.t.Helper()
	w.must(w.cfg.Store.DeleteAccount(w.t.Context(), simTeam, id))
	w.AccountChanged(simTeam, id)
}

// all is what is known, and of how many rows that was read now.
func (w *accountsWorld) all() (all []*account, read int) {
	w.t.Helper()
	w.read = 0
	all, err := w.accounts.list(w.t.Context(), simTeam)
	w.must(err)
	return all, w.read
}

// Of two thousand accounts one is added, changed and removed: it alone is read, that is
// known at once, and who had asked before keeps what he was told.
func TestOneOfManyAccounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newAccountsWorld(t, opt)
		const many = 2000
		var adding sync.WaitGroup
		for part := range 20 {
			adding.Go(func() {
				for n := part; n < many; n += 20 {
					w.add(fmt.Sprintf("acc_2_%04d", n), fmt.Sprintf("app%d@acme.example", n))
				}
			})
		}
		adding.Wait()
		before, read := w.all()
		if len(before) != many+1 || read != many+1 {
			t.Fatalf("%d accounts, %d rows", len(before), read)
		}
		const id = "acc_2_0999a"
		stand := func(what string, rows, accounts int, senders ...string) *account {
			t.Helper()
			all, read := w.all()
			if read != rows || len(all) != accounts || !slices.IsSortedFunc(all, func(a, b *account) int { return cmp.Compare(a.row.ID, b.row.ID) }) {
				t.Errorf("%s: %d rows were read, %d accounts are known", what, read, len(all))
			}
			a := withID(all, id)
			if (a != nil) != (accounts > many+1) || a != nil && !slices.Equal(a.row.Senders, senders) {
				t.Errorf("%s: the account is %+v", what, a)
			}
			if withID(all, "acc_2_1000") != withID(before, "acc_2_1000") {
				t.Errorf("%s: another account is another", what)
			}
			return a
		}
		w.add(id, "new@acme.example", "shop@acme.example")
		w.AccountChanged(simTeam, id)
		first := stand("added", 1, many+2, "shop@acme.example")
		held, _ := w.all()
		w.allow(id, "info@acme.example")
		stand("changed", 1, many+2, "info@acme.example")
		w.remove(id)
		stand("removed", 0, many+1)
		if !slices.Equal(w.closed, []email.ID{id}) {
			t.Errorf("closed: %v", w.closed)
		}
		if _, err := w.accounts.get(t.Context(), simTeam, id); !errors.Is(err, ErrNotFound) {
			t.Errorf("removed: %v", err)
		}
		if len(before) != many+1 || withID(before, id) != nil || withID(held, id) != first || first.row.Senders[0] != "shop@acme.example" {
			t.Error("a list that somebody holds was changed")
		}
		for n := range mostAlone + 1 {
			w.AccountChanged(simTeam, fmt.Sprintf("acc_2_%04d", n))
		}
		if _, read := w.all(); read != many+1 {
			t.Errorf("many were changed: %d rows were read", read)
		}
	})
}

// What changes while all is read is known afterwards, whenever it was.
func TestAccountsThatChangeDuringARead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newAccountsWorld(t, opt)
		w.add("acc_2_0", "gone@acme.example")
		for at := 1; ; at++ {
			old, now, sender := fmt.Sprintf("acc_2_%d", at-1), fmt.Sprintf("acc_2_%d", at), fmt.Sprintf("from%d@acme.example", at)
			w.accounts.forget(simTeam, "")
			w.all()
			calls, opened := 0, withID(w.mustTeam().list, worldAccount).opened
			w.elapses = func() time.Duration {
				if calls++; calls == at {
					w.add(now, now+"@acme.example")
					w.AccountChanged(simTeam, now)
					w.allow(worldAccount, sender)
					w.remove(old)
				}
				return 0
			}
			w.closed = nil
			w.accounts.forget(simTeam, "")
			w.all()
			w.elapses = nil
			if calls < at {
				if at < 4 {
					t.Errorf("only %d moments were tried", at-1)
				}
				return
			}
			a, err := w.accounts.get(t.Context(), simTeam, worldAccount)
			w.must(err)
			if a.row.Senders[0] != sender || a.opened != opened {
				t.Errorf("moment %d: the account may send as %s", at, a.row.Senders)
			}
			if _, err := w.accounts.get(t.Context(), simTeam, now); err != nil {
				t.Errorf("moment %d: %v", at, err)
			}
			if _, err := w.accounts.get(t.Context(), simTeam, old); !errors.Is(err, ErrNotFound) || !slices.Equal(w.closed, []email.ID{old}) {
				t.Errorf("moment %d: removed: %v; closed: %v", at, err, w.closed)
			}
		}
	})
}

func (w *accountsWorld) mustTeam() *teamAccounts {
	w.t.Helper()
	known, err := w.accounts.team(w.t.Context(), simTeam)
	w.must(err)
	return &known
}

// A limit of several accounts that a refusal has lowered is lower at once for all.
func TestLessonForOthers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newAccountsWorld(t, opt)
		w.rates = []provider.Rate{{Scope: provider.RateOfProject, Of: "shop", Unit: provider.UnitMessages, Max: 1000, Window: time.Hour}}
		w.add("acc_2", "bob@acme.example")
		known := w.mustTeam()
		w.must(w.cfg.Store.ChangeAccount(t.Context(), simTeam, worldAccount, store.AccountChange{
			Until: simStart.Add(time.Hour), Event: store.Event{ID: "evt_1", Kind: email.EventAccountParked, At: simStart},
			Learn: &store.Learn{Limits: known.list[0].opened.limits, Cause: "rate", At: simStart},
		}))
		w.accounts.forget(simTeam, worldAccount)
		all, _ := w.all()
		for _, a := range all {
			if most := a.opened.limits[0].Max; most != 500 {
				t.Errorf("%s: %d messages", a.row.ID, most)
			}
		}
		if known.list[1].opened.limits[0].Max != 1000 {
			t.Error("what somebody holds was changed")
		}
	})
}

// A pause is known at once, of an account and of a pool.
func TestPauseIsKnownAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Failover})
		stand := func(account, pool bool) {
			t.Helper()
			known, err := w.accounts.team(t.Context(), simTeam)
			w.must(err)
			if withID(known.list, ada).paused != account || known.still["pool_1"] != pool || withID(known.list, bob).paused {
				t.Errorf("the account is paused: %t, the pool: %t", withID(known.list, ada).paused, known.still["pool_1"])
			}
		}
		stand(false, false)
		for _, c := range []struct{ account, pool bool }{{true, false}, {true, true}} {
			_, err := w.Pause(t.Context(), w.grant, Pause{Account: map[bool]email.ID{false: ada, true: "pool_1"}[c.pool], Lane: EveryLane})
			w.must(err)
			stand(c.account, c.pool)
		}
		_, err := w.Resume(t.Context(), w.grant, Pause{Account: ada, Lane: EveryLane})
		w.must(err)
		stand(false, true)
	})
}

// Rows that take long to read are trusted for longer.
func TestAccountsAreTrusted(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0: time.Second, 10 * time.Millisecond: time.Second, 150 * time.Millisecond: 3 * time.Second, time.Minute: 10 * time.Second,
	} {
		if got := trustedFor(took); got != want {
			t.Errorf("%s: %s", took, got)
		}
	}
	w := newAccountsWorld(t, store.Options{Dir: storetest.Folder(t)})
	var elapsed time.Duration
	w.elapses = func() time.Duration {
		elapsed += 50 * time.Millisecond
		return elapsed
	}
	for _, c := range []struct {
		later time.Duration
		read  int
	}{{0, 1}, {1500 * time.Millisecond, 0}, {time.Minute, 1}} {
		w.now = w.now.Add(c.later)
		if _, read := w.all(); read != c.read {
			t.Errorf("after %s %d rows were read", c.later, read)
		}
	}
}

// An account is found by its id, its address and what else it may send as: of several
// the oldest, before those whose own address it is not.
func TestAccountsByAddress(t *testing.T) {
	w := newAccountsWorld(t, store.Options{Dir: storetest.Folder(t)})
	w.add("acc_2", "Ada@acme.example", "shop@acme.example", "bob@acme.example")
	w.add("acc_3", "bob@acme.example", "@acme.example", "SHOP@acme.example")
	w.add("acc_4", "cora@b.example", "@b.example", "@acme.example", "late@acme.example")
	known := w.mustTeam()
	for name, want := range map[string]email.ID{
		"acc_2": "acc_2", "ADA@acme.example": worldAccount, "bob@ACME.example": "acc_3", "acc_5": "", "": "", "@acme.example": "",
		"Cora <cora@b.example>": "", "shop@acme.example": "",
	} {
		if got := known.named(name); (got == nil) != (want == "") || got != nil && got.row.ID != want {
			t.Errorf("named %q: %+v", name, got)
		}
	}
	sends := func(from string, want email.ID) {
		t.Helper()
		address, err := email.ParseAddress(from)
		w.must(err)
		got := w.mustTeam().sending(address)
		if (got == nil) != (want == "") || got != nil && (got.row.ID != want || !got.maySendAs(address)) {
			t.Errorf("%s: %+v", from, got)
		}
	}
	sends("bob@acme.example", "acc_3")
	sends("Shop@acme.example", "acc_2")
	sends("any@acme.example", "acc_3")
	sends("late@acme.example", "acc_3")
	sends("any@b.example", "acc_4")
	sends("any@other.example", "")
	w.allow("acc_2")
	sends("shop@acme.example", "acc_3")
	w.allow("acc_3")
	sends("shop@acme.example", "acc_4")
}

// A client that goes on asking for what is not there does not have all accounts read each
// time.
func TestUnknownFromDoesNotReadAllEachTime(t *testing.T) {
	elapsed := time.Duration(0)
	w := newWorld(t, store.Options{Dir: t.TempDir(), Database: storetest.Postgres(t)}, nil, func(c *Config) {
		c.Elapsed = func() time.Duration { elapsed += time.Millisecond; return elapsed } // each read takes a while
	})
	sub := toBob()
	from, _ := email.ParseAddress("nobody@elsewhere.example")
	sub.From = &from
	reads, last := 0, (*account)(nil)
	for range 5 {
		if _, err := w.Submit(t.Context(), w.grant, sub); err == nil {
			t.Fatal("taken")
		}
		all, err := w.accounts.list(t.Context(), simTeam)
		if w.must(err); all[0] != last {
			reads, last = reads+1, all[0]
		}
	}
	if reads > 2 {
		t.Errorf("five submissions had all accounts read %d times", reads)
	}
}
