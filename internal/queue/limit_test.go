package queue

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// perHour is a limit of messages whose window is too long to be paced, so that a
// test sees the count alone.
func perHour(most int64) []provider.Rate {
	return []provider.Rate{{Scope: provider.RateOfAccount, Unit: provider.UnitMessages, Max: most, Window: time.Hour, Source: "a test"}}
}

func TestExplainNamesTheLimit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.rates = perHour(2)
		w.submit()
		w.now = simStart.Add(time.Millisecond) // so that one is the first
		waits := w.submit()
		w.now = simStart
		w.sendOne()
		w.now = simStart.Add(time.Second)
		got, err := w.claim(t.Context(), simTeam, worldAccount, room{limit: 5})
		w.must(err)
		want := simStart.Add(61 * time.Minute)
		if len(got.claims) != 0 || got.blocked == nil || !got.blocked.Until.Equal(want) || got.wait != longestBlock {
			t.Fatalf("claimed %d, blocked %+v for %s", len(got.claims), got.blocked, got.wait)
		}
		x, err := w.Explain(t.Context(), w.grant, waits)
		w.must(err)
		if !x.NextAt.Equal(want) || !strings.Contains(x.Next, "limit of 2 messages per hour") {
			t.Errorf("explained: next %q at %s", x.Next, x.NextAt)
		}
		w.now = want
		w.sendOne()
		if w.state(waits) != email.Accepted {
			t.Errorf("when the window has room: %s", w.state(waits))
		}
	})
}

func TestCapacityTellsWhatIsLeft(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.rates = append(perHour(40), provider.Rate{Scope: provider.RateOfMailbox, Of: "ada", Unit: provider.UnitRecipients, Max: 100, Window: provider.Day})
		w.submit()
		w.submit()
		w.sendOne()
		w.claimOne()
		all, _, err := w.Capacities(t.Context(), w.grant)
		w.must(err)
		c := all[0]
		if len(all) != 1 || c.Status != "active" || *c.Now != 36 || *c.Today != 93 {
			t.Errorf("capacity: now %d, today %d, %+v", *c.Now, *c.Today, c)
		}
		if l := c.Limits[0]; l.Used != 2 || l.Left != 38 || l.Reserved != 2 || l.Name != "messages per hour" || !l.FreesAt.Equal(simStart.Add(61*time.Minute)) {
			t.Errorf("limit: %+v", l)
		}
		w.must(w.cfg.Store.ChangeAccount(t.Context(), simTeam, worldAccount, store.AccountChange{
			Until: simStart.Add(time.Hour), Event: store.Event{ID: "evt_1", Kind: email.EventAccountParked, At: simStart},
		}))
		w.accounts.forget(simTeam, worldAccount)
		if all, _, err = w.Capacities(t.Context(), w.grant); err != nil || all[0].Status != "parked" || *all[0].Now != 0 || *all[0].Today != 93 {
			t.Errorf("parked: %+v, %v", all, err)
		}
		if _, _, err := w.Capacities(t.Context(), access.Grant{Team: simTeam}); err == nil {
			t.Error("a key without the scope is told")
		}
	})
}

// An attempt from which nothing left takes nothing of a limit; what a stop gives
// back neither.
func TestWhatDidNotLeaveIsGivenBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, func(email.Envelope, email.Content) (provider.Receipt, error) {
			return provider.Receipt{}, &provider.Error{Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "busy"}
		}, nil)
		w.rates = perHour(10)
		id := w.submit()
		used := func() int64 {
			t.Helper()
			all, _, err := w.Capacities(t.Context(), w.grant)
			w.must(err)
			return all[0].Limits[0].Used
		}
		c := w.claimOne()
		if used() != 1 {
			t.Errorf("under way: %d", used())
		}
		w.must(w.giveBack(t.Context(), c))
		if used() != 0 || w.state(id) != email.Queued {
			t.Errorf("given back: %d, %s", used(), w.state(id))
		}
		w.sendOne()
		if used() != 0 {
			t.Errorf("refused: %d", used())
		}
	})
}

func TestPaceSpreadsAWindow(t *testing.T) {
	now := time.Duration(0)
	p := newPaces(func() time.Duration { return now })
	l := store.Limit{Key: "k", Max: 60, Window: time.Minute, Cost: 1, Paced: true} // 57 for all but urgent mail
	sent := 0
	for now = 0; now < 10*time.Minute; now += 100 * time.Millisecond {
		credit := p.credit([]store.Limit{l})[0].Credit
		if now == 0 && credit != 3 {
			t.Errorf("at once: %d, want the twentieth part", credit)
		}
		if credit <= 0 {
			if wait := p.wait(&l); wait <= 0 || wait > 1100*time.Millisecond {
				t.Fatalf("at %s: wait %s", now, wait)
			}
			continue
		}
		p.until["k"] = max(p.until["k"], now) + step(&l)
		sent++
	}
	if sent < 565 || sent > 575 {
		t.Errorf("%d were sent in ten minutes of 57", sent)
	}
}

// One place is kept for urgent mail, and it goes first; where there is one place
// alone it is everybody's.
func TestDeskKeepsAPlaceForUrgentMail(t *testing.T) {
	fill := func(places int) (k *desk, began []email.Lane) {
		k = &desk{}
		k.woken(places)
		r, calls, ok := k.room()
		if !ok || r.reserve != 2*places || r.limit-r.reserve != 2*max(1, places-1) {
			t.Errorf("%d places have room for %+v", places, r)
		}
		var got gained
		for range r.limit - r.reserve {
			got.claims = append(got.claims, claimed{Entry: &store.Entry{Lane: email.Bulk}})
		}
		k.add(got, r, calls)
		for c, ok := k.begin(); ok; c, ok = k.begin() {
			began = append(began, c.Lane)
		}
		return k, began
	}
	if _, began := fill(1); len(began) != 1 {
		t.Errorf("one place: %v began", began)
	}
	k, began := fill(3)
	if len(began) != 2 {
		t.Errorf("three places: %v of bulk began", began)
	}
	k.woken(3)
	r, calls, ok := k.room()
	if !ok || r.limit != r.reserve {
		t.Errorf("woken while others lie ready: %+v, %v", r, ok)
	}
	k.add(gained{claims: []claimed{{Entry: &store.Entry{Lane: email.Urgent}}}}, r, calls)
	if c, ok := k.begin(); !ok || c.Lane != email.Urgent {
		t.Error("urgent mail waits behind bulk")
	}
	k.end(email.Bulk, 50*time.Millisecond, false)
	if k.open() != 3 {
		t.Errorf("%d places for bulk where sends are quick", k.open())
	}
	for range 20 {
		k.sending[1]++
		k.end(email.Bulk, time.Second, false)
	}
	if k.open() != 2 {
		t.Errorf("%d places for bulk where sends are slow", k.open())
	}
}

// What stops an account calls back what lies ready, and nothing begins until the
// store knows.
func TestDeskCallsBackWhenTheAccountStops(t *testing.T) {
	k := &desk{}
	k.woken(2)
	r, calls, _ := k.room()
	two := gained{claims: []claimed{{Entry: &store.Entry{Lane: email.Normal}}, {Entry: &store.Entry{Lane: email.Normal}}}}
	k.add(two, r, calls)
	k.begin()
	k.woken(2)
	r, calls, _ = k.room() // a claim is under way
	k.end(email.Normal, time.Second, true)
	k.add(two, r, calls)
	if back := k.recalled(); len(back) != 3 {
		t.Errorf("%d were called back, want what lay ready and what the claim brought", len(back))
	}
	if _, ok := k.begin(); ok {
		t.Error("a send began on an account that is to stop")
	}
	if _, _, ok := k.room(); ok {
		t.Error("a claim began on an account that is to stop")
	}
	k.resume()
	if _, _, ok := k.room(); !ok {
		t.Error("it does not go on once the outcome is in the store")
	}
}

// Accounts of credentials of the same project share its limit.
func TestProjectIsSharedByItsCredentials(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	add := func(id email.ID, public string) {
		w.must(w.cfg.Store.AddCredential(t.Context(), store.Credential{Team: simTeam, ID: id, Public: []byte(public), Sealed: []byte("s"), CreatedAt: simStart}))
	}
	add("cred_1", `{"project": "p"}`)
	add("cred_2", `{"client": "cred_1"}`)
	add("cred_3", `{}`)
	for id, want := range map[email.ID]string{"cred_1": "p", "cred_2": "p", "cred_3": "cred_3", "cred_4": "cred_4"} {
		if got := w.project(simTeam, id); got != want {
			t.Errorf("%s is of the project %q", id, got)
		}
	}
}

// The queue tells what an explanation tells: the limit that keeps mail longest, not
// a pace that is not used up.
func TestQueueNamesTheLimitThatExplainNames(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	minute := provider.Rate{Scope: provider.RateOfAccount, Unit: provider.UnitMessages, Max: 60, Window: time.Minute, Source: "a test"}
	w.rates = append([]provider.Rate{minute}, perHour(2)...)
	w.submit()
	if x := w.waits(); x.Why != WhyTurn {
		t.Errorf("with room in all limits: %+v", x)
	}
	w.sendOne()
	id := w.submit()
	x, err := w.Explain(t.Context(), w.grant, id)
	w.must(err)
	if got := w.waits(); got.Why != WhyLimit || got.Until.IsZero() || !got.Until.Equal(x.NextAt) || "it waits "+got.Text != x.Next || !strings.Contains(got.Text, "per hour") {
		t.Errorf("the queue %+v, an explanation %q at %s", got, x.Next, x.NextAt)
	}
}

func (w *world) project(team, credential email.ID) string {
	w.t.Helper()
	project, err := w.accounts.project(team, credential)
	w.must(err)
	return project
}

// An account whose project could not be read at first is not counted apart for ever.
func TestProjectIsAskedForAgain(t *testing.T) {
	opt := store.Options{Dir: storetest.Folder(t)}
	w := newWorld(t, opt, nil, nil)
	w.rates = []provider.Rate{{Scope: provider.RateOfProject, Unit: provider.UnitMessages, Max: 5, Window: time.Hour}}
	w.must(w.cfg.Store.AddCredential(t.Context(), store.Credential{
		Team: simTeam, ID: "cred_1", Kind: "k", Name: "n", Public: []byte(`{"Project": "shop"}`), Sealed: []byte{1}, CreatedAt: simStart, UpdatedAt: simStart,
	}))
	w.must(w.cfg.Store.AddAccount(t.Context(), &store.Account{
		Team: simTeam, ID: otherAccount, Address: "bob@acme.example", Transport: "world", Credential: "cred_1", Config: []byte("{}"), CreatedAt: simStart,
	}))
	db, err := sql.Open("sqlite", filepath.Join(opt.Dir, store.DatabaseFile))
	w.must(err)
	defer db.Close()
	for i, rename := range []string{"credentials RENAME TO away", "away RENAME TO credentials"} {
		_, err = db.Exec("ALTER TABLE " + rename)
		w.must(err)
		w.accounts.forget(simTeam, otherAccount)
		a, err := w.accounts.get(t.Context(), simTeam, otherAccount)
		w.must(err)
		if key := a.opened.limits[0].Key; strings.Contains(key, ":shop/") != (i == 1) {
			t.Errorf("%s: counted as %s", rename, key)
		}
	}
}

// Limits that go by addresses name the message that waits for them, and let go what
// takes nothing of them.
func TestLimitsThatGoByAddresses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.rates = []provider.Rate{
			{Scope: provider.RateOfMailbox, Of: "ada", Unit: provider.UnitExternal, Max: 2, Window: provider.Day, Own: "acme.example"},
			{Scope: provider.RateOfMailbox, Of: "ada", Unit: provider.UnitUnique, Max: 3, Window: provider.Day},
		}
		to := func(address string) email.ID {
			t.Helper()
			a, err := email.ParseAddress(address)
			w.must(err)
			sub := toBob()
			sub.To = []email.Address{a}
			w.now = w.now.Add(time.Second)
			return w.take(sub).ID
		}
		to("bob@example.com")
		w.sendOne()
		to("eve@acme.example")
		w.sendOne()
		c := w.capacity()
		if c.Limits[0].Used != 1 || c.Limits[1].Used != 2 || c.Limits[0].Name != "external recipients per day of the mailbox" || c.Limits[1].Name != "unique recipients per day of the mailbox" {
			t.Errorf("capacity: %+v", c.Limits)
		}
		id := to("cat@example.com")
		x, err := w.Explain(t.Context(), w.grant, id)
		w.must(err)
		if got, err := w.claim(t.Context(), simTeam, worldAccount, room{limit: 1}); err != nil || len(got.claims) != 0 || !strings.Contains(x.Next, "limit of 2 external recipients per day") {
			t.Errorf("claimed %+v, %v; explained %q", got, err, x.Next)
		}
		w.must(w.Cancel(t.Context(), w.grant, id))
		to("eve@acme.example")
		w.sendOne()
	})
}
