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

func (w *poolWorld) explained(id email.ID) *Explanation {
	w.t.Helper()
	w.accounts.forget(simTeam, "")
	x, err := w.Explain(w.t.Context(), w.grant, id)
	w.must(err)
	return x
}

// Where no account of the pool sends it, the summary says so, and what to do.
func TestExplainWhereNoMemberCanOrMay(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Failover})
	id := w.take(toShop()).ID
	until := w.now.Add(time.Hour)
	w.change(ada, store.AccountChange{Until: until})
	w.change(bob, store.AccountChange{Hold: true})
	if x := w.explained(id); !strings.Contains(x.Summary, "for an account of the pool Shop that can send: ada@acme.example (parked until") ||
		!x.NextAt.Equal(until) || !strings.Contains(x.Fix, "release") {
		t.Errorf("none can: %+v", x)
	}
	w.allow(ada)
	w.allow(bob)
	if x := w.explained(id); !strings.Contains(x.Summary, "that may send as shop@acme.example: none may") || !x.NextAt.IsZero() ||
		!strings.Contains(x.Fix, "--senders") || x.Account.ID != "pool_1" || x.Account.Address != "" {
		t.Errorf("none may: %+v", x)
	}
}

// An explanation and a list of the queue say the same of the same message.
func TestExplainSaysWhatTheQueueSays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Random})
		sub := toBob()
		sub.Account = bob
		id := w.take(sub).ID
		same := func(why string, until time.Time) *Explanation {
			t.Helper()
			x, got := w.explained(id), w.waits()
			if got.Why != why || !got.Until.Equal(until) || !x.NextAt.Equal(until) || x.Next != "it waits "+got.Text {
				t.Errorf("want %s until %s: the queue %+v, an explanation %q at %s", why, until, got, x.Next, x.NextAt)
			}
			return x
		}
		rested := w.now.Add(time.Minute)
		w.change(bob, store.AccountChange{Rests: 1, Until: rested})
		if x := same(WhyResting, rested); x.Account.Status != "resting" {
			t.Errorf("of a resting account: %+v", x.Account)
		}
		parked := w.now.Add(time.Hour)
		w.change(bob, store.AccountChange{Until: parked})
		same(WhyParked, parked)
		w.change(bob, store.AccountChange{Hold: true})
		same(WhyAccountHeld, time.Time{})
		_, err := w.Pause(t.Context(), w.grant, Pause{Account: bob, Lane: email.Normal, Reason: "a price"})
		w.must(err)
		if x := same(WhyPaused, time.Time{}); !strings.HasSuffix(x.Fix, `POST /v1/queue/resume with {"account":"bob@acme.example","lane":"normal"}`) {
			t.Errorf("how to end a pause: %q", x.Fix)
		}
	})
}

// An explanation, and what can still be sent, say the same of an account that is paused
// whole, at once or lane by lane.
func TestExplainTellsOfAPausedAccount(t *testing.T) {
	for name, lanes := range map[string][]email.Lane{
		"at once": {EveryLane}, "lane by lane": {email.Urgent, email.Normal, email.Bulk}, "no": {email.Urgent, email.Bulk},
	} {
		w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Random})
		sub := toBob()
		sub.Account = bob
		id := w.take(sub).ID
		w.change(bob, store.AccountChange{Until: w.now.Add(time.Hour)})
		for _, l := range lanes {
			_, err := w.Pause(t.Context(), w.grant, Pause{Account: bob, Lane: l, Reason: "a price"})
			w.must(err)
		}
		status, cause, reason := "paused", "paused", "a person paused it: a price"
		if name == "no" {
			status, cause, reason = "parked", "test", ""
		}
		all, _, err := w.Capacities(t.Context(), w.grant)
		w.must(err)
		a := w.explained(id).Account
		if a.Status != status || a.Cause != cause || a.Reason != reason || all[1].ID != bob || all[1].Status != status {
			t.Errorf("%s: explained %+v, capacity %s, want %s", name, a, all[1].Status, status)
		}
	}
}

// Scheduled mail whose time will find a pause says both: it does not leave then.
func TestScheduledMailTellsOfAPause(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Random})
		sub := toShop()
		sub.SendAt = w.now.Add(time.Hour)
		id := w.take(sub).ID
		if x := w.waits(); x.Why != WhySchedule || !x.Until.Equal(sub.SendAt) {
			t.Errorf("without a pause: %+v", x)
		}
		_, err := w.Pause(t.Context(), w.grant, Pause{Lane: EveryLane, Reason: "a price"})
		w.must(err)
		x := w.waits()
		if x.Why != WhyPaused || x.State != email.Scheduled || !x.Until.Equal(sub.SendAt) || x.Text != "for its time, and then until it is resumed (paused: a price)" {
			t.Errorf("with one: %+v", x)
		}
		if e := w.explained(id); !e.NextAt.Equal(sub.SendAt) || e.Next != "it waits "+x.Text || e.Fix != "when it may go on, POST /v1/queue/resume" {
			t.Errorf("explained: %+v", e)
		}
		_, err = w.Resume(t.Context(), w.grant, Pause{Lane: EveryLane})
		w.must(err)
		w.change(ada, store.AccountChange{Until: w.now.Add(time.Minute)})
		w.change(bob, store.AccountChange{Until: w.now.Add(time.Minute)})
		w.accounts.forget(simTeam, "")
		if x := w.waits(); x.Why != WhySchedule {
			t.Errorf("what may be over by then: %+v", x)
		}
	})
}

// Who moved mail is why it is this account, not what was asked for at first.
func TestExplainTellsOfAMove(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Failover})
	id := w.take(toShop()).ID
	w.order(Order{Verb: MoveMail, To: ada})
	if x := w.explained(id); x.Account.ID != ada || x.Account.Why != "a person moved it here" {
		t.Errorf("moved: %+v", x.Account)
	}
	w.order(Order{Verb: MoveMail, To: bob, Reason: "a new mailbox"})
	if x := w.explained(id); x.Account.ID != bob || x.Account.Why != "a person moved it here: a new mailbox" {
		t.Errorf("with a reason: %+v", x.Account)
	}
}

// From without an account is the account that has the address for its own, however
// old another one is that may send as it.
func TestOwnAddressComesFirst(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Failover})
	w.allow(ada, "@acme.example")
	sub := toBob()
	for from, want := range map[string]email.ID{"Bob@acme.example": bob, "ada@acme.example": ada, "else@acme.example": ada} {
		a, err := email.ParseAddress(from)
		w.must(err)
		sub.From = &a
		m := w.take(sub)
		if m.Account != want {
			t.Errorf("from %s: %s, want %s", from, m.Account, want)
		}
		if why := w.explained(m.ID).Account.Why; want == bob && why != "bob@acme.example is its own address" && why != "Bob@acme.example is its own address" {
			t.Errorf("why: %s", why)
		}
	}
}

// Where a learned limit of the day outlasts the pause that came with it, the limit's
// time is told: mail cannot leave before.
func TestTheLongestWaitIsTold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.rates = []provider.Rate{perDay(40)}
		w.fill(25)
		id := w.submit()
		parked := w.now.Add(time.Hour)
		w.send = fullFor(provider.QuotaDay, parked)
		w.sendOne()
		w.accounts.forget(simTeam, "")
		x, err := w.Explain(t.Context(), w.grant, id)
		w.must(err)
		got := w.waits()
		if got.Why != WhyLimit || got.Until.Before(simStart.Add(provider.Day)) || !x.NextAt.Equal(got.Until) || x.Account.Status != "parked" {
			t.Errorf("parked until %s: the queue %+v, explained %q at %s", parked, got, x.Next, x.NextAt)
		}
		sub := toBob()
		sub.SendAt = w.now.Add(2 * time.Hour)
		if x, err = w.Explain(t.Context(), w.grant, w.take(sub).ID); err != nil || !x.NextAt.Equal(got.Until) || !strings.HasPrefix(x.Next, "it waits for its time, and then for the limit of 25") {
			t.Errorf("scheduled: %q at %s, %v", x.Next, x.NextAt, err)
		}
	})
}

// Mail that expires before it can leave says so, and what to do.
func TestMailThatExpiresBeforeItCanLeave(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Random})
		sub := toBob()
		sub.Account, sub.ExpiresAt = bob, w.now.Add(time.Hour)
		id := w.take(sub).ID
		if x := w.explained(id); x.Fix != "" || !x.NextAt.IsZero() || strings.Contains(x.Next, "expires") {
			t.Errorf("due: %+v", x)
		}
		w.change(bob, store.AccountChange{Until: sub.ExpiresAt.Add(-time.Minute)})
		if x, got := w.explained(id), w.waits(); strings.Contains(x.Next+got.Text, "expire") {
			t.Errorf("it leaves before: %+v, %+v", x, got)
		}
		until := sub.ExpiresAt.Add(time.Hour)
		w.change(bob, store.AccountChange{Until: until})
		x, got := w.explained(id), w.waits()
		if !x.NextAt.Equal(sub.ExpiresAt) || !strings.HasPrefix(x.Next, "it expires then, before it can leave: it waits while the account is parked") ||
			!strings.Contains(x.Next, until.Format(time.RFC3339)) || !strings.Contains(x.Fix, "submit it anew") {
			t.Errorf("explained: %q at %s; %q", x.Next, x.NextAt, x.Fix)
		}
		if !got.Until.Equal(until) || !strings.HasSuffix(got.Text, "; it expires before, at "+sub.ExpiresAt.Format(time.RFC3339)) {
			t.Errorf("the queue: %+v", got)
		}
		sub.ExpiresAt = time.Time{}
		w.take(sub)
		if got = w.waits(); got.Messages != 2 || !strings.Contains(got.Text, "; some expire before, the first at ") {
			t.Errorf("beside another: %+v", got)
		}
		w.change(bob, store.AccountChange{Hold: true})
		if x = w.explained(id); !strings.Contains(x.Next, "; unless it leaves before, it expires at ") || !x.NextAt.IsZero() {
			t.Errorf("held: %q at %s", x.Next, x.NextAt)
		}
	})
}

// After an overflow the explanation still tells in whose place the account stood and
// why, and which account made each try.
func TestExplainKeepsAnOverflow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newPoolWorld(t, opt, nil, store.Pool{Strategy: Failover})
		w.says["ada@acme.example"] = down
		id := w.take(toShop()).ID
		w.turn(ada)
		rests := w.now.Add(time.Hour)
		w.change(ada, store.AccountChange{Rests: 1, Until: rests})
		w.now = w.message(id).Entry.DueAt
		if n := w.turn(bob); n != 1 {
			t.Fatalf("%d by the other", n)
		}
		w.now = rests.Add(time.Minute)
		x := w.explained(id)
		want := "the pool Shop, strategy failover: bob@acme.example in place of ada@acme.example (resting until " + rests.Format(time.RFC3339) + ")"
		if x.Account.ID != bob || x.Account.Why != want {
			t.Errorf("why: %q, want %q", x.Account.Why, want)
		}
		if len(x.Attempts) != 2 || x.Attempts[0].Address != "ada@acme.example" || x.Attempts[0].Account != ada || x.Attempts[1].Address != "bob@acme.example" {
			t.Errorf("tries: %+v", x.Attempts)
		}
		w.says = map[string]*provider.Error{}
		next := w.take(toShop()).ID
		w.turn(ada)
		if x = w.explained(next); x.Account.Why != "a member of the pool Shop, named in the request" {
			t.Errorf("without an overflow: %q", x.Account.Why)
		}
	})
}

// A claim that was given back is no try: the first try is the first that began.
func TestTriesAreThoseThatBegan(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Failover})
	id := w.take(toShop()).ID
	w.must(w.giveBack(t.Context(), w.claims(ada)...))
	w.turn(ada)
	if x := w.explained(id); len(x.Attempts) != 1 || x.Attempts[0].Number != 1 || x.Attempts[0].Outcome != "accepted" {
		t.Errorf("%+v", x.Attempts)
	}
}

// Each limit of the account says what is used of it by all.
func TestExplainTellsWhatIsUsed(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	w.rates = []provider.Rate{perDay(40)}
	w.fill(3)
	x, err := w.Explain(t.Context(), w.grant, w.submit())
	w.must(err)
	if l := x.Limits[len(x.Limits)-1]; l.Limit != 40 || l.Used != 1 || l.InUse == nil || *l.InUse != 3 {
		t.Errorf("%+v", l)
	}
	for _, l := range x.Limits[:len(x.Limits)-1] {
		if l.InUse != nil {
			t.Errorf("holds for each message: %+v", l)
		}
	}
}

// Of an account without Sent mail it is not said that this cannot tell.
func TestWordsOfAnAccountWithoutSent(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, func(email.Envelope, email.Content) (provider.Receipt, error) {
		return provider.Receipt{}, &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "no_answer", Text: "No answer."}
	}, nil)
	sub := toBob()
	sub.OnUnknown = email.Reconcile
	id := w.take(sub).ID
	c := w.claimOne()
	o := w.attempt(t.Context(), c)
	o.canLook = false
	w.settleWith(c, o)
	x, err := w.Explain(t.Context(), w.grant, id)
	w.must(err)
	if x.Status != "held" || !strings.Contains(x.Summary, "the account has no Sent mail in which gatepost may look") {
		t.Errorf("%s: %s", x.Status, x.Summary)
	}
}
