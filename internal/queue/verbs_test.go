package queue

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// order carries one out, or fails the test.
func (w *world) order(o Order) *Ordered {
	w.t.Helper()
	out, err := w.Operate(w.t.Context(), w.grant, o)
	w.must(err)
	return out
}

// An order is counted before it is carried out, does what was counted, and does
// nothing when it comes again.
func TestOrderIsCountedThenDone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		const n = 2*orderedAtOnce + 5 // several groups
		for range n {
			w.submit()
		}
		sending := w.claimOne()
		for _, c := range []struct {
			verb  Verb
			state email.State
		}{{HoldMail, email.Held}, {ReleaseMail, email.Queued}, {CancelMail, email.Canceled}} {
			o := Order{Verb: c.verb, DryRun: true, Reason: "a test"}
			counted := w.order(o)
			if counted.Messages != n-1 || counted.Recipients != n-1 || len(counted.Waiting) != 1 {
				t.Errorf("%s would be done to %+v", c.verb, counted)
			}
			o.DryRun = false
			if done := w.order(o); done.Messages != n-1 || done.Next != "" || len(done.Skipped) != 0 {
				t.Errorf("%s was done to %+v", c.verb, done)
			}
			if again := w.order(o); again.Messages != 0 {
				t.Errorf("%s again was done to %+v", c.verb, again)
			}
		}
		if got := w.state(sending.Message); got != email.Sending {
			t.Errorf("what is being sent is %s", got)
		}
		counts, err := w.Counts(t.Context())
		w.must(err)
		if counts[email.Canceled] != n-1 || counts[email.Sending] != 1 || counts.Unaccounted() != 0 {
			t.Errorf("counts: %v", counts)
		}
	})
}

// A long order answers where to go on, and goes on there.
func TestLongOrderGoesOn(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, func(c *Config) {
		var calls time.Duration
		c.Elapsed = func() time.Duration { calls += orderTime; return calls }
	})
	for range orderedAtOnce + 1 {
		w.submit()
	}
	first := w.order(Order{Verb: HoldMail})
	if first.Messages != orderedAtOnce || first.Next == "" {
		t.Errorf("at first: %+v", first)
	}
	rest := w.order(Order{Verb: HoldMail, Selection: Selection{After: first.Next}})
	if rest.Messages != 1 || rest.Next != "" {
		t.Errorf("then: %+v", rest)
	}
}

// All that failed with a cause is tried again, and nothing else is.
func TestRetryByCause(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		failed := func(cause string) email.ID {
			w.send = func(email.Envelope, email.Content) (provider.Receipt, error) {
				return provider.Receipt{}, &provider.Error{Class: provider.Fail, Cause: cause, Text: "No."}
			}
			id := w.submit()
			w.sendOne()
			return id
		}
		blocked, unknown := failed("content_blocked"), failed("no_such_user")
		o := Order{Verb: RetryMail, Selection: Selection{Cause: "content_blocked"}, DryRun: true}
		if c := w.order(o); c.Messages != 1 || c.Waiting[0].Cause != "content_blocked" || c.Waiting[0].State != email.Failed {
			t.Errorf("would be done to %+v", c)
		}
		o.DryRun = false
		if done := w.order(o); done.Messages != 1 || w.state(blocked) != email.Queued || w.state(unknown) != email.Failed {
			t.Errorf("done: %+v", done)
		}
	})
}

const otherAccount = "acc_2"

// Mail is moved to an account that may send it, and to no other.
func TestMoveKeepsToTheRulesOfSenders(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		var from string
		w := newWorld(t, opt, nil, nil)
		w.send = func(env email.Envelope, msg email.Content) (provider.Receipt, error) {
			from = env.From
			return accepting(env, msg)
		}
		id := w.submit()
		w.must(w.cfg.Store.AddAccount(t.Context(), &store.Account{
			Team: simTeam, ID: otherAccount, Address: "bob@acme.example", Transport: "world", Config: []byte("{}"), CreatedAt: simStart,
		}))
		w.accounts.forget(simTeam, otherAccount)
		o := Order{Verb: MoveMail, To: otherAccount, DryRun: true}
		if c := w.order(o); c.Messages != 0 || c.Skipped["bob@acme.example may not send as ada@acme.example"] != 1 {
			t.Errorf("would be done to %+v", c)
		}
		o.DryRun = false
		if c := w.order(o); c.Messages != 0 || len(c.Skipped) != 1 || w.state(id) != email.Queued {
			t.Errorf("done to %+v", c)
		}
		w.must(w.cfg.Store.UpdateAccount(t.Context(), simTeam, otherAccount, simStart, func(a *store.Account) { a.Senders = []string{"@acme.example"} },
			func(*store.Account, store.Credential) (json.RawMessage, error) { return nil, nil }))
		w.accounts.forget(simTeam, otherAccount)
		stale, err := w.cfg.Store.Message(t.Context(), simTeam, id)
		w.must(err)
		if c := w.order(o); c.Messages != 1 || len(c.Skipped) != 0 {
			t.Errorf("done to %+v", c)
		}
		w.recent.put(&store.NewMessage{ID: id, MailFrom: stale.MailFrom, Recipients: []store.Recipient{{Address: "bob@example.com"}}}) // as on another node
		got, err := w.claim(t.Context(), simTeam, otherAccount, room{limit: 1})
		w.must(err)
		w.settleWith(got.claims[0], w.attempt(t.Context(), got.claims[0]))
		if from != "bob@acme.example" || w.state(id) != email.Accepted {
			t.Errorf("it left from %q and is %s", from, w.state(id))
		}
	})
}

// What an order cannot mean is refused before anything is done.
func TestOrdersThatAreRefused(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	w.submit()
	for field, o := range map[string]Order{
		"state":  {Verb: ReleaseMail, Selection: Selection{States: []email.State{email.Queued}}},
		"to":     {Verb: MoveMail, To: "acc_x"},
		"reason": {Verb: CancelMail, Reason: "two\nlines"},
	} {
		_, err := w.Operate(t.Context(), w.grant, o)
		var wrong *Invalid
		if !errors.As(err, &wrong) || len(wrong.Problems) != 1 || wrong.Problems[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for field, o := range map[string]Order{
		"to":    {Verb: CancelMail, To: worldAccount},
		"state": {Verb: RetryMail, Selection: Selection{States: []email.State{email.Queued}}},
	} {
		if _, err := w.Operate(t.Context(), w.grant, o); err == nil {
			t.Errorf("%s was taken", field)
		}
	}
	if x := w.waits(); x.State != email.Queued || x.Messages != 1 {
		t.Errorf("waiting: %+v", x)
	}
}

// Before held mail is released it is told how much of it may arrive twice.
func TestReleaseTellsWhatMayArriveTwice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.send = func(email.Envelope, email.Content) (provider.Receipt, error) {
			return provider.Receipt{}, &provider.Error{Class: provider.Unknown, Cause: "no_answer", Text: "No answer."}
		}
		w.submit()
		c := w.claimOne()
		o := w.attempt(t.Context(), c)
		o.canLook = false
		w.settleWith(c, o)
		w.submit()
		w.submit()
		w.order(Order{Verb: HoldMail})
		for cause, want := range map[string][2]int64{"": {3, 1}, "outcome_unknown": {1, 1}, "by_hand": {2, 0}} {
			o := w.order(Order{Verb: ReleaseMail, Selection: Selection{Cause: cause}, DryRun: true})
			if got := [2]int64{o.Messages, o.Twice}; got != want {
				t.Errorf("cause %q: %v would be released and may arrive twice, want %v", cause, got, want)
			}
		}
	})
}

// What a pause would keep is counted, and nothing is paused by that.
func TestPauseIsCountedFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.submit()
		w.submit()
		w.claimOne() // it comes to its end
		for _, c := range []struct {
			p    Pause
			want int64
		}{
			{Pause{Lane: EveryLane}, 1},
			{Pause{Lane: email.Normal}, 1},
			{Pause{Lane: email.Bulk}, 0},
			{Pause{Account: worldAccount, Lane: EveryLane}, 1},
			{Pause{Account: otherAccount, Lane: EveryLane}, 0},
		} {
			o, err := w.CountPaused(t.Context(), w.grant, c.p)
			w.must(err)
			if o.Messages != c.want {
				t.Errorf("%+v would keep %d messages, want %d", c.p, o.Messages, c.want)
			}
		}
		all, same, err := w.Pauses(t.Context(), w.grant, Pause{Lane: EveryLane})
		w.must(err)
		if len(all) != 0 || same != nil {
			t.Errorf("paused by counting: %+v", all)
		}
		_, err = w.Pause(t.Context(), w.grant, Pause{Lane: email.Bulk, Reason: "a test"})
		w.must(err)
		for lane, want := range map[email.Lane]bool{email.Bulk: true, EveryLane: false} {
			if _, same, err = w.Pauses(t.Context(), w.grant, Pause{Lane: lane}); err != nil || (same != nil) != want {
				t.Errorf("lane %d: %+v, %v", lane, same, err)
			}
		}
	})
}
