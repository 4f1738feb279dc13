package queue

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// Looks come at 5, 15 and 40 % of a life where that is sooner; mail that must not be
// sent twice is looked for at the last of the usual times as well.
func TestLooksOfShortLives(t *testing.T) {
	e := New(Config{})
	for _, c := range []struct {
		life   time.Duration
		policy email.OnUnknown
		want   []time.Duration
	}{
		{0, email.Retry, []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute}},
		{24 * time.Hour, email.Reconcile, []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute}},
		{10 * time.Minute, email.Retry, []time.Duration{30 * time.Second, 90 * time.Second, 4 * time.Minute}},
		{5 * time.Minute, email.Retry, []time.Duration{15 * time.Second, 45 * time.Second, 2 * time.Minute}},
		{5 * time.Minute, email.Reconcile, []time.Duration{15 * time.Second, 45 * time.Second, 2 * time.Minute, 10 * time.Minute}},
		{20 * time.Minute, email.Hold, []time.Duration{30 * time.Second, 2 * time.Minute, 8 * time.Minute, 10 * time.Minute}},
	} {
		if d := cmp.Diff(c.want, e.looksOf(c.life, c.policy)); d != "" {
			t.Errorf("life %s, %s: %s", c.life, c.policy, d)
		}
	}
}

// A code whose copy is not in Sent when its time presses is sent again and marked:
// that the copy will not appear later is not known yet. Other mail waits until it is.
func TestEarlyLookIsNoCertainty(t *testing.T) {
	for _, c := range []struct {
		policy email.OnUnknown
		looks  []time.Duration // one after the other
		marked bool
	}{
		{email.Retry, []time.Duration{30 * time.Second, time.Minute, 150 * time.Second}, true},
		{email.Reconcile, []time.Duration{30 * time.Second, 90 * time.Second, 360 * time.Second, 120 * time.Second}, false},
	} {
		w := newWorld(t, store.Options{Dir: t.TempDir()}, nil, nil)
		sub := toBob()
		sub.OnUnknown, sub.ExpiresAt = c.policy, w.now.Add(20*time.Minute)
		if c.policy == email.Retry {
			sub.ExpiresAt = w.now.Add(10 * time.Minute)
		}
		id := w.take(sub).ID
		claim := w.claimOne()
		life, err := w.lifeOf(t.Context(), claim.Entry)
		w.must(err)
		w.settleWith(claim, outcome{open: []store.OpenRecipient{{Address: "bob@example.com"}}, canLook: true, life: life, err: errNoAnswer})
		for _, after := range c.looks {
			if got := w.state(id); got != email.Unknown {
				t.Fatalf("%s: %s before the last look", c.policy, got)
			}
			w.lookAfter(after)
		}
		m, err := w.cfg.Store.Message(t.Context(), simTeam, id)
		if err != nil || w.state(id) != email.Queued || m.Entry.Duplicate != c.marked {
			t.Errorf("%s: %s, marked %t, %v", c.policy, w.state(id), m.Entry.Duplicate, err)
		}
	}
}

// An outcome that is unknown by an attempt knows how long its message lives.
func TestUnknownOutcomeKnowsTheLife(t *testing.T) {
	w, b := newDraftWorld(t, store.Options{Dir: t.TempDir()}, nil)
	b.send = func(string) (bool, error) { return false, errNoAnswer }
	sub := toBob()
	sub.ExpiresAt = w.now.Add(5 * time.Minute)
	id := w.take(sub).ID
	w.sendOne()
	m, err := w.cfg.Store.Message(t.Context(), simTeam, id)
	if err != nil || m.Entry.DueAt.Sub(w.now) != 15*time.Second {
		t.Errorf("the first look is %s later, %v", m.Entry.DueAt.Sub(w.now), err)
	}
}
