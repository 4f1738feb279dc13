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

// What was put off while the clock was ahead, of an attempt that began before, does not
// wait for it either.
func TestClockSetBackAfterAnAttemptFromBefore(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		elapsed := time.Duration(0)
		w := newWorld(t, opt, nil, func(c *Config) { c.Elapsed = func() time.Duration { return elapsed } })
		w.limits.HeaderDecides = true
		w.must(w.bringBack(t.Context()))
		pass := func(d time.Duration) { w.now, elapsed = w.now.Add(d), elapsed+d }

		w.send = func(email.Envelope, email.Content) (provider.Receipt, error) { return provider.Receipt{}, errNoAnswer }
		unknown := w.submit()
		w.sendOne()
		w.send = func(email.Envelope, email.Content) (provider.Receipt, error) {
			w.now = w.now.Add(time.Hour) // set forward during the attempt
			return provider.Receipt{}, &provider.Error{Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "busy"}
		}
		refused := w.submit()
		w.sendOne()
		pass(20 * time.Second)
		_, err := w.Engine.look(t.Context(), simTeam, worldAccount) // due by the wrong clock, and not decided by it
		w.must(err)
		pass(time.Minute)
		w.now = w.now.Add(-time.Hour)
		w.must(w.bringBack(t.Context()))
		for id, most := range map[email.ID]time.Duration{unknown: 10 * time.Minute, refused: firstBackoff} {
			m, err := w.cfg.Store.Message(t.Context(), simTeam, id)
			w.must(err)
			if d := m.Entry.DueAt.Sub(w.now); d > most {
				t.Errorf("%s is due in %s", m.Entry.State, d)
			}
		}
	})
}

// Nodes whose clocks differ go by the database's: none brings back, or takes for over,
// what is another's present.
func TestNodesGoByTheDatabasesClock(t *testing.T) {
	url := storetest.Postgres(t)
	node := func(name email.ID, off time.Duration) *Engine {
		opt := store.Options{Dir: storetest.Folder(t), Database: url, Now: func() time.Time { return time.Now().Add(off) }}
		w := newWorld(t, opt, nil, func(c *Config) { c.Node, c.Now, c.Elapsed = name, nil, nil })
		return w.Engine
	}
	right := node("node_right", 0)
	for name, off := range map[email.ID]time.Duration{"node_slow": -time.Hour, "node_fast": 3 * time.Minute} {
		other := node(name, off)
		if by := other.cfg.Now().Sub(right.cfg.Now()).Abs(); by > time.Second {
			t.Errorf("%s, off by %s, goes by a time that is %s off", name, off, by)
		}
	}
	if off := right.cfg.Store.Offset(); off != 0 {
		t.Errorf("a clock that is right is corrected by %s", off)
	}
}
