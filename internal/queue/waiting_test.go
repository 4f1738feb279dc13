package queue

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func (w *world) refused(class provider.Class, scope provider.Scope, until time.Time) sendFunc {
	return func(email.Envelope, email.Content) (provider.Receipt, error) {
		return provider.Receipt{}, &provider.Error{Class: class, Scope: scope, Cause: "test", Text: "Not now.", Until: until}
	}
}

// waits is the only thing that is waited for.
func (w *world) waits() Waiting {
	w.t.Helper()
	q, err := w.Queue(w.t.Context(), w.grant, Selection{})
	w.must(err)
	if len(q.Waiting) != 1 {
		w.t.Fatalf("waiting: %+v", q.Waiting)
	}
	return q.Waiting[0]
}

// The queue tells for what mail waits, and until when.
func TestQueueTellsWhatMailWaitsFor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		expect := func(why string, state email.State, until time.Time) {
			t.Helper()
			if x := w.waits(); x.Why != why || x.State != state || !x.Until.Equal(until) || x.Messages != 1 || x.Recipients != 1 ||
				x.Address != "ada@acme.example" || x.Text == "" || x.OldestAt.IsZero() {
				t.Errorf("want %s until %s: %+v", why, until, x)
			}
		}
		id := w.submit()
		expect(WhyTurn, email.Queued, time.Time{})
		until := w.now.Add(time.Hour)
		w.send = w.refused(provider.Retry, provider.ScopeMessage, until)
		c := w.claimOne()
		expect(WhySending, email.Sending, time.Time{})
		w.settleWith(c, w.attempt(t.Context(), c))
		expect(WhyBackoff, email.Queued, until)
		w.now = until
		parked := w.now.Add(2 * time.Hour)
		w.send = w.refused(provider.Park, provider.ScopeAccount, parked)
		w.sendOne()
		w.accounts.forget(simTeam, worldAccount)
		expect(WhyParked, email.Queued, parked)
		_, err := w.Pause(t.Context(), w.grant, Pause{Lane: EveryLane, Reason: "maintenance"})
		w.must(err)
		expect(WhyPaused, email.Queued, time.Time{})
		x, err := w.Explain(t.Context(), w.grant, id)
		w.must(err)
		if !strings.Contains(x.Summary, "maintenance") || x.Fix == "" {
			t.Errorf("explained: %+v", x)
		}
		left, err := w.Resume(t.Context(), w.grant, Pause{Lane: EveryLane})
		w.must(err)
		if len(left) != 0 {
			t.Errorf("still paused: %+v", left)
		}
		w.now = parked
		w.send = w.refused(provider.Hold, provider.ScopeAccount, time.Time{})
		w.sendOne()
		w.accounts.forget(simTeam, worldAccount)
		expect(WhyAccountHeld, email.Queued, time.Time{})
		_, err = w.Operate(t.Context(), w.grant, Order{Verb: HoldMail})
		w.must(err)
		expect(WhyHeld, email.Held, time.Time{})
	})
}

// What is paused is not sent, and nothing else is kept; it leaves when resumed.
func TestPausedMailIsKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		urgent, bulk := toBob(), toBob()
		urgent.Type, bulk.Lane = "otp", "bulk"
		code, later := w.take(urgent).ID, w.take(bulk).ID
		lane := Pause{Lane: email.Bulk}
		for range 2 { // again is harmless
			list, err := w.Pause(t.Context(), w.grant, lane)
			w.must(err)
			if len(list) != 1 {
				t.Errorf("paused: %+v", list)
			}
		}
		if c := w.claimOne(); c.Message != code {
			t.Errorf("claimed %s", c.Message)
		}
		if c, err := w.claim(t.Context(), simTeam, worldAccount, room{limit: 5}); err != nil || len(c.claims) != 0 {
			t.Errorf("a paused lane: claimed %v, %v", c, err)
		}
		dues, err := w.cfg.Store.Dues(t.Context())
		w.must(err)
		if len(dues) != 1 || !dues[0].Send.IsZero() {
			t.Errorf("what is paused is due: %+v", dues)
		}
		account := Pause{Account: worldAccount, Lane: EveryLane}
		_, err = w.Pause(t.Context(), w.grant, account)
		w.must(err)
		_, err = w.Resume(t.Context(), w.grant, lane)
		w.must(err)
		if c, err := w.claim(t.Context(), simTeam, worldAccount, room{limit: 5}); err != nil || len(c.claims) != 0 {
			t.Errorf("a paused account: claimed %v, %v", c, err)
		}
		_, err = w.Resume(t.Context(), w.grant, account)
		w.must(err)
		if c := w.claimOne(); c.Message != later {
			t.Errorf("claimed %s", c.Message)
		}
	})
}

// Whoever may send may not stop the mail of others.
func TestVerbsNeedTheirScope(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	g := access.Grant{Team: simTeam, Scopes: []string{access.ScopeMessagesSend, access.ScopeMessagesRead}}
	_, paused := w.Pause(t.Context(), g, Pause{})
	_, resumed := w.Resume(t.Context(), g, Pause{})
	_, ordered := w.Operate(t.Context(), g, Order{Verb: CancelMail, DryRun: true})
	_, read := w.Queue(t.Context(), access.Grant{Team: simTeam, Scopes: []string{access.ScopeMessagesWrite}}, Selection{})
	for _, err := range []error{paused, resumed, ordered, read} {
		if !errors.Is(err, ErrForbidden) {
			t.Errorf("%v", err)
		}
	}
}

// Mail that waits for a limit is told of with it, and until when.
func TestQueueTellsOfALimit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.rates = []provider.Rate{{Scope: provider.RateOfAccount, Unit: provider.UnitMessages, Max: 2, Window: time.Hour, Cost: 1}}
		w.submit()
		w.sendOne()
		w.submit()
		x := w.waits()
		if x.Why != WhyLimit || x.Until.Before(w.now.Add(time.Hour)) || !strings.HasPrefix(x.Text, "for the limit of 2 messages per hour") {
			t.Errorf("waiting: %+v", x)
		}
	})
}

// Mail that may go now is not said to wait for the pace of a limit.
func TestDueMailWaitsForItsTurn(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	w.rates = []provider.Rate{{Scope: provider.RateOfAccount, Unit: provider.UnitMessages, Max: 60, Window: time.Minute}}
	w.submit()
	q, err := w.Queue(t.Context(), w.grant, Selection{})
	if err != nil || len(q.Waiting) != 1 || q.Waiting[0].Why != WhyTurn {
		t.Errorf("%+v, %v", q.Waiting, err)
	}
}

// What is not there cannot be paused, and its pause can be ended all the same: the
// account may have been removed since.
func TestPauseOfWhatIsNotThere(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	for _, id := range []email.ID{"acc_x", "pool_x", "ada"} {
		var wrong *Invalid
		if _, err := w.Pause(t.Context(), w.grant, Pause{Account: id, Lane: EveryLane}); !errors.As(err, &wrong) || wrong.Problems[0].Field != "account" {
			t.Errorf("%s: %v", id, err)
		}
		if _, err := w.Resume(t.Context(), w.grant, Pause{Account: id, Lane: EveryLane}); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}
