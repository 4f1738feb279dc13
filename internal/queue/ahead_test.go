package queue

import (
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A clock that was an hour ahead is set right, while gatepost runs or while it does
// not: nothing waits for that hour.
func TestClockSetBackHoldsNothingUp(t *testing.T) {
	for name, restart := range map[string]bool{"while it runs": false, "while it does not": true} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, opt store.Options) {
				elapsed := time.Duration(0)
				w := newWorld(t, opt, nil, func(c *Config) { c.Elapsed = func() time.Duration { return elapsed } })
				w.limits.HeaderDecides = true
				answer := map[email.ID]error{}
				w.send = func(env email.Envelope, msg email.Content) (provider.Receipt, error) {
					return provider.AcceptedBy(env, "", "250 OK"), answer[idOf(msg)]
				}
				w.must(w.bringBack(t.Context())) // as a process does that starts
				w.now = w.now.Add(time.Hour)
				tried := w.submit()
				answer[tried] = &provider.Error{Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "busy"}
				w.sendOne()
				unknown := w.submit()
				answer[unknown] = errNoAnswer
				w.sendOne()
				fresh := w.submit()
				w.now = w.now.Add(-time.Hour)

				e := w.Engine
				if restart {
					e = New(w.cfg)
				}
				w.must(e.bringBack(t.Context()))
				due := func(id email.ID) time.Duration {
					t.Helper()
					m, err := w.cfg.Store.Message(t.Context(), simTeam, id)
					w.must(err)
					return m.Entry.DueAt.Sub(w.now)
				}
				if got := due(fresh); got != 0 {
					t.Errorf("what was just taken is due in %s", got)
				}
				if got := due(tried); got <= 0 || got > firstBackoff {
					t.Errorf("what is to be tried again is due in %s", got)
				}
				if got := due(unknown); got != 30*time.Second {
					t.Errorf("what is looked for is due in %s", got)
				}
				if c := w.claimOne(); c.Message != fresh {
					t.Errorf("claimed %s", c.Message)
				}
				n, err := w.Engine.look(t.Context(), simTeam, worldAccount)
				if w.must(err); n != 0 {
					t.Errorf("%d looks before their time", n)
				}
			})
		})
	}
}

// Mail that was scheduled, and let go by a clock that was ahead, leaves at its time.
func TestClockSetBackLeavesScheduledMail(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		sub := toBob()
		sub.SendAt = w.now.Add(time.Hour)
		id := w.take(sub).ID
		w.now = w.now.Add(2 * time.Hour)
		_, err := w.promote(t.Context(), simTeam, worldAccount)
		w.must(err)
		w.now = w.now.Add(-90 * time.Minute)
		w.must(New(w.cfg).bringBack(t.Context()))
		got, err := w.claim(t.Context(), simTeam, worldAccount, room{limit: 1})
		if w.must(err); len(got.claims) != 0 || w.state(id) != email.Queued {
			t.Errorf("claimed %d half an hour before its time; %s", len(got.claims), w.state(id))
		}
	})
}

// An account that rests for a minute by a clock that was ahead rests for a minute.
func TestClockSetBackDoesNotParkForLonger(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, func(email.Envelope, email.Content) (provider.Receipt, error) {
			return provider.Receipt{}, &provider.Error{Class: provider.Park, Scope: provider.ScopeAccount, Cause: "quota"}
		}, nil)
		w.now = w.now.Add(time.Hour)
		w.submit()
		w.sendOne()
		w.now = w.now.Add(-time.Hour)
		again := New(w.cfg)
		w.must(again.bringBack(t.Context()))
		a, err := again.accounts.get(t.Context(), simTeam, worldAccount)
		if w.must(err); !a.row.ParkedUntil.Equal(w.now.Add(usualPark)) {
			t.Errorf("parked until %s, it is %s", a.row.ParkedUntil, w.now)
		}
		w.now = w.now.Add(usualPark)
		w.claimOne()
	})
}

// What waits by right clocks goes on waiting.
func TestBringBackLeavesTheRestAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, func(email.Envelope, email.Content) (provider.Receipt, error) {
			return provider.Receipt{}, &provider.Error{Class: provider.Park, Scope: provider.ScopeMessage, Cause: "quota", Until: simStart.Add(5 * time.Hour)}
		}, nil)
		id := w.submit()
		w.sendOne()
		for _, past := range []time.Duration{0, -3 * time.Second, time.Minute} { // another node's clock may be a little behind
			b, err := w.cfg.Store.BringBack(t.Context(), w.now.Add(past))
			if w.must(err); b.Messages != 0 || len(b.Accounts) != 0 {
				t.Errorf("%s later: %+v", past, b)
			}
		}
		if w.state(id) != email.Queued {
			t.Error(w.state(id))
		}
	})
}
