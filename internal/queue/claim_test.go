package queue

import (
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A claim that was committed after its answer had been given up is sent by
// nobody: it goes back into the queue. One that is in hand is left alone.
func TestClaimWhoseAnswerWasLostIsTakenBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, func(c *Config) { c.Lease = time.Hour }) // on PostgreSQL, by its clock
		inHand := w.submit()
		w.claimOne()
		lost := w.submit()
		_, err := w.cfg.Store.Claim(t.Context(), store.ClaimRequest{
			Team: simTeam, Route: worldAccount, Node: w.cfg.Node, Epoch: w.epoch, Now: w.now, Limit: 1,
		})
		w.must(err, w.rescue(t.Context()))
		if got := w.state(lost); got != email.Sending {
			t.Errorf("at once: %s", got)
		}
		w.now = w.now.Add(3*time.Hour + time.Second)
		w.must(w.rescue(t.Context()))
		if got := w.state(lost); got != email.Queued {
			t.Errorf("after three leases: %s", got)
		}
		if got := w.state(inHand); got != email.Sending {
			t.Errorf("a claim in hand: %s", got)
		}
	})
}

// A data folder on SQLite may be restored under another node name: what the old
// one was sending is settled when the new one enters.
func TestSendsOfAnEarlierNameAreSettled(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	id := w.submit()
	w.claimOne()
	cfg := w.cfg
	cfg.Node = "node_b"
	w.must(New(cfg).Enter(t.Context()))
	if got := w.state(id); got == email.Sending {
		t.Errorf("still %s, and nobody will settle it", got)
	}
}

// A refusal of an account that began before a person released it says nothing
// about the account as it is now. One that began after it holds.
func TestLateRefusalDoesNotHoldAReleasedAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.submit()
		w.submit()
		first, late := w.claimOne(), w.claimOne()
		refused := outcome{
			open: []store.OpenRecipient{{N: 0, Address: "bob@example.com"}},
			err:  &provider.Error{Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "credential_refused"},
		}
		held := func(when string, want bool) {
			t.Helper()
			if a, err := w.cfg.Store.Account(t.Context(), simTeam, worldAccount); err != nil || a.Held != want {
				t.Errorf("%s: held %v, %v", when, a.Held, err)
			}
		}
		w.settleWith(first, refused)
		held("after a refusal", true)
		w.now = w.now.Add(time.Second)
		ev, err := w.event(email.EventAccountReleased, store.EventData{})
		w.must(err, w.cfg.Store.ReleaseAccount(t.Context(), simTeam, worldAccount, ev))
		w.settleWith(late, refused)
		held("after a refusal from before the release", false)
		w.now = w.now.Add(time.Second)
		w.settleWith(w.claimOne(), refused)
		held("after a refusal since the release", true)
	})
}

// A release that seems to lie in the future, because a clock was set back since,
// does not keep a refused login from holding its account.
func TestClockSetBackAfterAReleaseLetsTheAccountBeHeld(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		w.submit()
		refused := outcome{
			open: []store.OpenRecipient{{N: 0, Address: "bob@example.com"}},
			err:  &provider.Error{Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "credential_refused"},
		}
		w.settleWith(w.claimOne(), refused)
		now := w.now
		w.now = now.Add(time.Hour)
		ev, err := w.event(email.EventAccountReleased, store.EventData{})
		w.must(err, w.cfg.Store.ReleaseAccount(t.Context(), simTeam, worldAccount, ev))
		w.now = now.Add(time.Minute)
		w.settleWith(w.claimOne(), refused)
		a, err := w.cfg.Store.Account(t.Context(), simTeam, worldAccount)
		w.must(err)
		if !a.Held {
			t.Error("the account is not held: its mail would be tried again and again")
		}
	})
}
