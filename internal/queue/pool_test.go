package queue

import (
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

// poolWorld has three accounts: ada and bob may send as shop, cora may not.
type poolWorld struct {
	*world
	mu   sync.Mutex
	sent []string // whose address was MAIL FROM, by attempt
	says map[string]*provider.Error
}

const (
	ada  = worldAccount
	bob  = "acc_2"
	cora = "acc_3"
)

func newPoolWorld(t *testing.T, opt store.Options, change func(*Config), p store.Pool) *poolWorld {
	w := &poolWorld{says: map[string]*provider.Error{}}
	w.world = newWorld(t, opt, func(env email.Envelope, _ email.Content) (provider.Receipt, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.sent = append(w.sent, env.From)
		if err := w.says[env.From]; err != nil {
			return provider.Receipt{}, err
		}
		return provider.AcceptedBy(env, "", "250 OK"), nil
	}, change)
	st := w.cfg.Store
	for id, address := range map[email.ID]string{bob: "bob@acme.example", cora: "cora@acme.example"} {
		w.must(st.AddAccount(t.Context(), &store.Account{Team: simTeam, ID: id, Address: address, Transport: "world", Config: []byte("{}"), CreatedAt: simStart}))
	}
	for _, id := range []email.ID{ada, bob} {
		w.allow(id, "shop@acme.example")
	}
	p.Team, p.ID, p.Name, p.CreatedAt = simTeam, "pool_1", "Shop", simStart
	if p.Members == nil {
		p.Members = []store.PoolMember{member(ada, 1), member(bob, 1), member(cora, 1)}
	}
	w.must(st.AddPool(t.Context(), &p))
	w.PoolChanged(simTeam)
	return w
}

// allow changes whom an account may send as.
func (w *poolWorld) allow(id email.ID, senders ...string) {
	w.t.Helper()
	w.must(w.cfg.Store.UpdateAccount(w.t.Context(), simTeam, id, w.now, func(a *store.Account) { a.Senders = senders }, nil))
	w.AccountChanged(simTeam, id)
}

func toShop() Submission {
	sub := toBob()
	from, _ := email.ParseAddress("shop@acme.example")
	sub.Account, sub.From = "shop", &from
	return sub
}

// claims lets an account claim what it may.
func (w *poolWorld) claims(id email.ID) []claimed {
	w.t.Helper()
	w.accounts.forget(simTeam, "") // what is known of accounts may be a second old
	c, err := w.claim(w.t.Context(), simTeam, id, room{limit: 10})
	w.must(err)
	return c.claims
}

// turn lets an account send what it may, and tells how much that was.
func (w *poolWorld) turn(id email.ID) int {
	w.t.Helper()
	all := w.claims(id)
	for _, c := range all {
		w.settleWith(c, w.attempt(w.t.Context(), c))
		w.hand.put(c.Entry)
	}
	return len(all)
}

func (w *poolWorld) change(id email.ID, c store.AccountChange) {
	w.t.Helper()
	var err error
	c.Began = w.now
	c.Event, err = w.event(email.EventAccountHeld, store.EventData{Cause: "test"})
	w.must(err, w.cfg.Store.ChangeAccount(w.t.Context(), simTeam, id, c))
}

func (w *poolWorld) message(id email.ID) *store.Message {
	w.t.Helper()
	m, err := w.cfg.Store.Message(w.t.Context(), simTeam, id)
	w.must(err)
	return m
}

var down = &provider.Error{Class: provider.Retry, Scope: provider.ScopeAccount, Cause: "connection_refused", Text: "The provider refused the connection."}

// The first that can sends; bounces come to its address, and the message is its own.
func TestFailover(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Failover})
		one := w.take(toShop())
		if one.Account != "pool_1" || w.message(one.ID).Account != "pool_1" {
			t.Errorf("submitted %+v", one)
		}
		if n := w.turn(bob) + w.turn(cora); n != 0 {
			t.Errorf("%d went to others than the first", n)
		}
		if w.turn(ada) != 1 || w.message(one.ID).Account != ada || w.message(one.ID).MailFrom != "ada@acme.example" {
			t.Errorf("sent by %v: %+v", w.sent, w.message(one.ID))
		}
		paused := w.take(toShop()).ID
		pause := store.Pause{Team: simTeam, Account: ada, Lane: store.EveryLane, At: w.now}
		w.must(w.cfg.Store.Pause(t.Context(), pause))
		if w.turn(ada) != 0 || w.turn(bob) != 1 || w.message(paused).Account != bob {
			t.Errorf("while the first is paused: %+v", w.message(paused))
		}
		w.must(w.cfg.Store.Resume(t.Context(), simTeam, ada, store.EveryLane))
		two := w.take(toShop()).ID
		w.change(ada, store.AccountChange{Hold: true})
		if n := w.turn(ada) + w.turn(cora); n != 0 {
			t.Errorf("%d went through a held account, or one that may not send as From", n)
		}
		if w.turn(bob) != 1 || w.message(two).Account != bob || w.state(two) != email.Accepted {
			t.Errorf("sent by %v: %+v", w.sent, w.message(two))
		}
		if want := []string{"ada@acme.example", "bob@acme.example", "bob@acme.example"}; !slices.Equal(w.sent, want) {
			t.Errorf("MAIL FROM %v, want %v", w.sent, want)
		}
	})
}

// What has not left goes back to the pool, and another member may take it.
func TestBackToThePool(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Failover})
		id := w.take(toShop()).ID
		w.says["ada@acme.example"] = &provider.Error{Class: provider.Park, Scope: provider.ScopeAccount, Cause: "quota", Text: "full", Until: w.now.Add(time.Hour)}
		w.turn(ada)
		if e := w.message(id).Entry; e.State != email.Queued || store.PoolOf(e.Route) != "pool_1" {
			t.Errorf("after a refusal: %+v", e)
		}
		if w.turn(bob) != 1 || w.state(id) != email.Accepted || w.message(id).Account != bob {
			t.Errorf("%+v", w.message(id))
		}
		held := w.take(toShop()).ID
		w.says["bob@acme.example"] = &provider.Error{Class: provider.Hold, Scope: provider.ScopeMessage, Cause: "odd", Text: "odd"}
		w.turn(bob)
		delete(w.says, "bob@acme.example")
		w.must(w.Release(t.Context(), w.grant, held))
		if w.turn(bob) != 1 || w.state(held) != email.Accepted {
			t.Errorf("released: %+v", w.message(held))
		}
	})
}

// An unknown outcome stays with the account that tried, which alone has the copy.
func TestUnknownStaysWithItsAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Failover})
		id := w.take(toShop()).ID
		w.says["ada@acme.example"] = &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "no_answer", Text: "no answer"}
		w.turn(ada)
		if e := w.message(id).Entry; e.State != email.Unknown || e.Route != ada {
			t.Fatalf("%+v", e)
		}
		w.change(ada, store.AccountChange{Hold: true})
		if w.turn(bob) != 0 {
			t.Error("another account sent it before anybody had looked")
		}
		w.looks()
		if w.turn(bob) != 1 || w.state(id) != email.Accepted {
			t.Errorf("after the last look: %+v", w.message(id))
		}
	})
}

// A member that may not send as From never does, also when its rules change
// between the claim and the attempt.
func TestSendersOfMembers(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Headroom})
	id := w.take(toShop()).ID
	if w.turn(cora) != 0 {
		t.Error("cora sent as shop")
	}
	c := w.claims(ada)
	w.allow(ada)
	o := w.attempt(t.Context(), c[0])
	w.settleWith(c[0], o)
	if len(w.sent) > 0 || o.err == nil || o.err.Cause != "sender_not_allowed" {
		t.Errorf("sent %v, %v", w.sent, o.err)
	}
	w.now = w.now.Add(time.Minute)
	if w.turn(ada) != 0 || w.turn(bob) != 1 || w.state(id) != email.Accepted {
		t.Errorf("%+v", w.message(id))
	}
}

// What no member could send is refused at once, by the tightest limits.
func TestPoolSubmissions(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Sticky, StickyBy: ByThread, Members: []store.PoolMember{member(ada, 1), member(bob, 1, "b.example")}})
	for name, c := range map[string]struct {
		change func(*Submission)
		field  string
	}{
		"no from":          {func(s *Submission) { s.From = nil }, "from"},
		"nobody's address": {func(s *Submission) { s.From = &email.Address{Local: "eve", Domain: "acme.example"} }, "from"},
		"a conversation":   {func(s *Submission) { s.ThreadID = "t1" }, "thread_id"},
		"no such pool":     {func(s *Submission) { s.Account = "shops" }, "account"},
	} {
		sub := toShop()
		c.change(&sub)
		_, err := w.Submit(t.Context(), w.grant, sub)
		var wrong *Invalid
		if !errors.As(err, &wrong) || len(wrong.Problems) != 1 || wrong.Problems[0].Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	shard := func(change func(*Submission)) poolRoute {
		sub := toShop()
		change(&sub)
		r, _ := readRoute(w.message(w.take(sub).ID).Pooled)
		return r
	}
	first := shard(func(*Submission) {})
	var m store.Message
	for range 3 {
		sub := toShop()
		id := w.take(sub).ID
		m = *w.message(id)
		answer := shard(func(s *Submission) { s.InReplyTo = m.MessageID })
		later := shard(func(s *Submission) { s.InReplyTo, s.References = "<x@y>", []string{m.MessageID, "<x@y>"} })
		if r, _ := readRoute(m.Pooled); r.shard != answer.shard || r.shard != later.shard {
			t.Errorf("a conversation is spread: %+v, %+v, %+v", r, answer, later)
		}
	}
	if first.domain != "" || first.from != "shop@acme.example" {
		t.Errorf("%+v", first)
	}
	to, _ := email.ParseAddress("x@b.example")
	if r := shard(func(s *Submission) { s.To = []email.Address{to} }); r.domain != "b.example" {
		t.Errorf("%+v", r)
	}
	if l := tightest(provider.Limits{MaxSize: 5, MaxRecipients: 0, EightBit: true}, provider.Limits{MaxSize: 7, MaxRecipients: 3, HeaderDecides: true}); l.MaxSize != 5 || l.MaxRecipients != 3 || l.EightBit || !l.HeaderDecides {
		t.Errorf("%+v", l)
	}
}

// Five attempts in a row that meet trouble let the account rest; then one tries, and
// the others go elsewhere meanwhile.
func TestBreaker(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Failover})
		account := func() *store.Account {
			a, err := w.cfg.Store.Account(t.Context(), simTeam, ada)
			w.must(err)
			return a
		}
		w.says["ada@acme.example"] = down
		for range troubleInARow {
			w.take(toShop())
		}
		w.turn(ada)
		if a := account(); a.Rests != 1 || !a.RestingUntil.Equal(w.now.Add(firstRest)) || a.Cause != "server_trouble" {
			t.Fatalf("after %d attempts: %+v", troubleInARow, a)
		}
		w.now = w.now.Add(10 * time.Second)
		if n := w.turn(ada); n != 0 {
			t.Errorf("%d attempts while it rests", n)
		}
		if n := w.turn(bob); n != troubleInARow {
			t.Errorf("%d went to the next", n)
		}
		w.now = w.now.Add(firstRest)
		alone := toShop()
		alone.Account = "ada@acme.example"
		w.take(alone)
		w.take(alone)
		if n := w.turn(ada); n != 1 {
			t.Errorf("%d attempts tried whether it is well", n)
		}
		if a := account(); a.Rests != 2 || !a.RestingUntil.Equal(w.now.Add(2*firstRest)) {
			t.Errorf("after the trial: %+v", a)
		}
		w.now = w.now.Add(2 * firstRest)
		delete(w.says, "ada@acme.example")
		c := w.claims(ada)
		if len(c) != 1 || len(w.claims(ada)) != 0 {
			t.Errorf("%d attempts at once on trial", len(c))
		}
		w.settleWith(c[0], w.attempt(t.Context(), c[0]))
		if a := account(); a.Rests != 0 || !a.RestingUntil.IsZero() || a.Cause != "" {
			t.Errorf("well again: %+v", a)
		}
		if n := w.turn(ada); n != 1 {
			t.Errorf("%d left of 1", n)
		}
		var kinds []email.EventKind
		events, err := w.cfg.Store.Events(t.Context(), simTeam, ada)
		w.must(err)
		for _, e := range events {
			kinds = append(kinds, e.Kind)
		}
		if want := []email.EventKind{email.EventAccountResting, email.EventAccountResting, email.EventAccountWell}; !slices.Equal(kinds, want) {
			t.Errorf("events %v", kinds)
		}
	})
}

func TestRests(t *testing.T) {
	for times, want := range map[int]time.Duration{0: 30 * time.Second, 1: time.Minute, 4: 8 * time.Minute, 5: 10 * time.Minute, 99: 10 * time.Minute} {
		if got := restFor(times); got != want {
			t.Errorf("%d: %s, want %s", times, got, want)
		}
	}
}

// While mail waits for a pool it cannot be removed, and nobody takes the mail for
// stranded. What failed is tried again by the pool.
func TestPoolMailWaits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Random})
		id := w.take(toShop()).ID
		w.must(w.strand(t.Context()))
		var use *store.InUse
		if err := w.cfg.Store.DeletePool(t.Context(), simTeam, "pool_1"); !errors.As(err, &use) || use.Messages != 1 {
			t.Errorf("removed with mail: %v", err)
		}
		page, err := w.Messages(t.Context(), w.grant, MessageQuery{Status: email.Queued, Limit: 5})
		if err != nil || len(page.Messages) != 1 {
			t.Errorf("listed: %v, %v", page, err)
		}
		no := &provider.Error{Class: provider.Fail, Scope: provider.ScopeMessage, Cause: "refused", Text: "no"}
		w.says["ada@acme.example"], w.says["bob@acme.example"] = no, no
		if n := w.turn(ada) + w.turn(bob); n != 1 || w.state(id) != email.Failed {
			t.Fatalf("%d tries: %+v", n, w.message(id))
		}
		w.says = map[string]*provider.Error{}
		w.byHand(id)
		if e := w.message(id).Entry; store.PoolOf(e.Route) != "pool_1" {
			t.Errorf("tried again: %+v", e)
		}
		if n := w.turn(ada) + w.turn(bob); n != 1 || w.state(id) != email.Accepted {
			t.Errorf("%d tries: %+v", n, w.message(id))
		}
		w.must(w.cfg.Store.DeletePool(t.Context(), simTeam, "pool_1"))
	})
}

// The loops find who may send what waits for a pool, also when that changes.
func TestPoolLive(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, live, store.Pool{Strategy: Weighted})
		stop, ended := w.run()
		var ids []email.ID
		for range 20 {
			ids = append(ids, w.take(toShop()).ID)
		}
		later := toShop()
		later.SendAt = time.Now().Add(300 * time.Millisecond)
		ids = append(ids, w.take(later).ID)
		w.eventually("everything leaves", func() bool {
			return !slices.ContainsFunc(ids, func(id email.ID) bool { return w.state(id) != email.Accepted })
		})
		w.change(ada, store.AccountChange{Hold: true})
		w.accounts.forget(simTeam, "")
		for range 20 {
			ids = append(ids, w.take(toShop()).ID)
		}
		w.eventually("everything leaves by the other", func() bool {
			return !slices.ContainsFunc(ids, func(id email.ID) bool { return w.state(id) != email.Accepted })
		})
		for _, id := range ids[21:] {
			if m := w.message(id); m.Account != bob {
				t.Errorf("%s left by %s", id, m.Account)
			}
		}
		stop()
		w.must(<-ended)
	})
}

// Explain names the account that takes it, and in whose place.
func TestExplainPool(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Failover})
	id := w.take(toShop()).ID
	explain := func() ExplainedAccount {
		w.accounts.forget(simTeam, "")
		x, err := w.Explain(t.Context(), w.grant, id)
		w.must(err)
		return x.Account
	}
	if a := explain(); a.ID != ada || a.Status != "active" || a.Why != "the pool Shop, strategy failover: ada@acme.example" {
		t.Errorf("%+v", a)
	}
	w.change(ada, store.AccountChange{Rests: 1, Until: w.now.Add(time.Hour)})
	if a := explain(); a.ID != bob || a.Why != "the pool Shop, strategy failover: bob@acme.example in place of ada@acme.example (resting until 2026-11-21T10:00:00Z)" {
		t.Errorf("%+v", a)
	}
	w.change(bob, store.AccountChange{Hold: true})
	if a := explain(); a.ID != ada || a.Status != "resting" {
		t.Errorf("%+v", a)
	}
	w.allow(ada)
	w.allow(bob)
	if a := explain(); a.Why != "the pool Shop, strategy failover: no member may send as shop@acme.example" {
		t.Errorf("%+v", a)
	}
}

// A member whose limit of the day is used up is passed over; what it keeps for
// urgent mail is still there for that.
func TestPoolLimitOfTheDay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Failover})
		w.rates = []provider.Rate{{Scope: provider.RateOfAccount, Unit: provider.UnitMessages, Max: 3, Window: provider.Day}}
		w.AccountChanged(simTeam, ada)
		for _, c := range []struct{ ada, bob int }{{1, 0}, {1, 0}, {0, 1}} {
			w.take(toShop())
			if a, b := w.turn(ada), w.turn(bob); a != c.ada || b != c.bob {
				t.Errorf("%d and %d went, want %+v", a, b, c)
			}
		}
		urgent := toShop()
		urgent.Type = "otp"
		w.take(urgent)
		if n := w.turn(ada); n != 1 {
			t.Errorf("%d urgent messages went within what is kept for them", n)
		}
		w.take(urgent)
		if a, b := w.turn(ada), w.turn(bob); a != 0 || b != 1 {
			t.Errorf("%d and %d urgent messages went when nothing was left", a, b)
		}
	})
}

// A message that has more recipients than a member's day has left does not wait beside
// one that can take it, nor keeps others from it.
func TestPoolPassesLargeMessagesOn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Failover})
		w.rates = []provider.Rate{{Scope: provider.RateOfAccount, Unit: provider.UnitRecipients, Max: 10, Window: provider.Day}}
		w.AccountChanged(simTeam, ada)
		for _, c := range []struct{ recipients, ada, bob int }{{4, 1, 0}, {6, 0, 1}, {5, 1, 0}, {1, 0, 1}} {
			sub := toShop()
			sub.To = nil
			for i := range c.recipients {
				to, _ := email.ParseAddress(fmt.Sprintf("u%d@b.example", i))
				sub.To = append(sub.To, to)
			}
			w.take(sub)
			if a, b := w.turn(ada), w.turn(bob); a != c.ada || b != c.bob {
				t.Errorf("to %d: %d and %d went, want %+v", c.recipients, a, b, c)
			}
		}
	})
}

// While a person has paused a lane of a member, the others have that lane's mail.
func TestPoolWithALanePaused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Failover})
		p := Pause{Account: ada, Lane: email.Normal}
		_, err := w.Pause(t.Context(), w.grant, p)
		w.must(err)
		w.take(toShop())
		if a, b := w.turn(ada), w.turn(bob); a != 0 || b != 1 {
			t.Errorf("%d and %d went while normal mail of the first was paused", a, b)
		}
		_, err = w.Resume(t.Context(), w.grant, p)
		w.must(err)
		w.take(toShop())
		if b, a := w.turn(bob), w.turn(ada); a != 1 || b != 0 {
			t.Errorf("%d and %d went afterwards", a, b)
		}
	})
}

// What some recipients have a verdict on stays with the account that gave it: another
// member's provider may have no envelope, and would send to all of them again.
func TestPartlySentStaysWithItsAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Failover})
		sub := toShop()
		second, _ := email.ParseAddress("b@b.example")
		sub.To = append(sub.To, second)
		id := w.take(sub).ID
		answer := func(err *provider.Error) {
			t.Helper()
			c := w.claims(ada)
			if len(c) != 1 {
				t.Fatalf("claimed %d: %+v", len(c), w.message(id).Entry)
			}
			open, failed := w.cfg.Store.OpenRecipients(t.Context(), simTeam, id)
			w.must(failed)
			r := provider.Receipt{Recipients: make([]provider.Result, len(open))}
			r.Recipients[len(open)-1].Err = err
			w.settleWith(c[0], outcome{open: open, receipt: r})
			w.hand.put(c[0].Entry)
		}
		answer(&provider.Error{Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "grey", Text: "later"})
		w.change(ada, store.AccountChange{Hold: true})
		w.now = w.now.Add(time.Hour)
		if n := w.turn(bob); n != 0 {
			t.Errorf("another account sent it to those who were left")
		}
		ev, err := w.event(email.EventAccountReleased, store.EventData{})
		w.must(err, w.cfg.Store.ReleaseAccount(t.Context(), simTeam, ada, ev))
		answer(&provider.Error{Class: provider.Fail, Scope: provider.ScopeMessage, Cause: "refused", Text: "no"})
		w.byHand(id)
		if n := w.turn(bob); n != 0 {
			t.Errorf("another account tried it again with those who were left")
		}
		answer(nil)
		if m := w.message(id); m.Entry != nil || m.Account != ada {
			t.Errorf("%+v", m)
		}
	})
}

// A pool whose mail is being sent is not removed: what is refused for now comes back.
func TestPoolIsKeptForWhatMayComeBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Failover})
		id := w.take(toShop()).ID
		c := w.claims(ada)[0]
		var use *store.InUse
		if err := w.cfg.Store.DeletePool(t.Context(), simTeam, "pool_1"); !errors.As(err, &use) || use.Messages != 1 {
			t.Errorf("removed with mail on its way: %v", err)
		}
		w.settleWith(c, outcome{err: before(nil, "test", "refused for now")})
		w.must(w.strand(t.Context()))
		if w.state(id) != email.Queued {
			t.Errorf("%+v", w.message(id).Recipients)
		}
	})
}

// Urgent mail of a pool is found however many routes have older mail.
func TestUrgentMailOfAPoolWithManyRoutes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Headroom})
		w.allow(ada, "@acme.example")
		sub := toShop()
		for i := range mostRoutes {
			*sub.From, _ = email.ParseAddress(fmt.Sprintf("shop%d@acme.example", i))
			w.take(sub)
		}
		w.now = w.now.Add(time.Second)
		urgent := toShop()
		urgent.Type = "otp"
		id := w.take(urgent).ID
		w.accounts.forget(simTeam, "")
		got, err := w.claim(t.Context(), simTeam, ada, room{limit: 4, reserve: 2})
		w.must(err)
		if len(got.claims) == 0 || got.claims[0].Message != id {
			t.Errorf("claimed %d messages, and not the urgent one first", len(got.claims))
		}
	})
}

// A pause of a pool, or of a lane of it, keeps its mail, and no other mail of its
// accounts.
func TestPausedPool(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Failover})
		for _, lane := range []email.Lane{email.Normal, EveryLane} {
			p := Pause{Account: "pool_1", Lane: lane}
			_, err := w.Pause(t.Context(), w.grant, p)
			w.must(err)
			w.take(toShop())
			sub := toBob()
			sub.Account = ada
			own := w.take(sub).ID
			if n := w.turn(ada); n != 1 || w.state(own) != email.Accepted {
				t.Errorf("lane %d: %d messages went while the pool was paused", lane, n)
			}
			_, err = w.Resume(t.Context(), w.grant, p)
			w.must(err)
			if n := w.turn(ada); n != 1 {
				t.Errorf("lane %d: %d messages went when it was resumed", lane, n)
			}
		}
	})
}

// What ends before a member took it names the pool, as the request did.
func TestEventsNameThePool(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Failover})
	canceled := w.take(toShop()).ID
	w.must(w.Cancel(t.Context(), w.grant, canceled))
	sub := toShop()
	sub.ExpiresAt = w.now.Add(time.Minute)
	expired := w.take(sub).ID
	w.pass(2 * time.Minute)
	w.must(w.expire(t.Context()))
	for id, kind := range map[email.ID]email.EventKind{canceled: email.EventCanceled, expired: email.EventExpired} {
		events, err := w.cfg.Store.Events(t.Context(), simTeam, id)
		w.must(err)
		if ev := events[len(events)-1]; ev.Kind != kind || ev.Data.Account != "pool_1" {
			t.Errorf("%s names %q", ev.Kind, ev.Data.Account)
		}
	}
}
