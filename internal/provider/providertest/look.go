package providertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// testLook: what is in Sent is found by gatepost's own header, wherever it
// stands in the list, and what is not there is not claimed.
func testLook(t *testing.T, h Harness) {
	p := h.Open(t, Options{})
	looker, ok := p.(provider.Looker)
	if !ok {
		if !h.Envelope {
			t.Error("the account may look and does not implement provider.Looker")
		}
		return
	}
	start := time.Now()
	oldest, middle := sendOne(t, h, p, "ann@world.example"), sendOne(t, h, p, "fault.new_message_id@world.example")
	for range 120 { // more than a page
		sendOne(t, h, p, "ann@world.example")
	}
	newest := sendOne(t, h, p, "ann@world.example")
	unsent := newLetter(t, h).id

	for name, known := range map[string]bool{"all headers": false, "known ones skipped": true} {
		t.Run(name, func(t *testing.T) {
			q := provider.LookQuery{IDs: map[email.ID]bool{oldest: true, middle: true, newest: true, unsent: true}, Since: start}
			if known {
				q.Known = allBut(t, h, oldest, middle, newest)
			}
			found, err := lookOn(t, looker, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range []email.ID{oldest, middle, newest} {
				if want := h.id(taken(t, h.World, id)[0]); found[id] != want {
					t.Errorf("%s is %q, want %q", id, found[id], want)
				}
			}
			if got, ok := found[unsent]; ok {
				t.Errorf("a message that was never sent was found as %q", got)
			}
		})
	}
	t.Run("late copy", func(t *testing.T) {
		id := sendOne(t, h, p, "fault.late_sent.600@world.example")
		q := provider.LookQuery{IDs: map[email.ID]bool{id: true}, Since: start}
		found, err := lookOn(t, looker, q)
		if err != nil || len(found) != 0 {
			t.Errorf("at once: %v %v, want nothing yet", found, err)
		}
		for end := time.Now().Add(patience); len(found) == 0; time.Sleep(50 * time.Millisecond) {
			if found, err = lookOn(t, looker, q); err != nil || time.Now().After(end) {
				t.Fatalf("later: %v %v, want it found", found, err)
			}
		}
	})
}

func sendOne(t *testing.T, h Harness, p provider.Provider, to string) email.ID {
	t.Helper()
	l := newLetter(t, h, to)
	env := l.envelope(to)
	receipt, err := p.Send(within(t, patience), env, l.bytes())
	wantAccepted(t, env, receipt, err)
	return l.id
}

// allBut knows every message but those wanted.
func allBut(t *testing.T, h Harness, wanted ...email.ID) func(context.Context, []string) (map[string]bool, error) {
	t.Helper()
	unknown := map[string]bool{}
	for _, id := range wanted {
		unknown[h.id(taken(t, h.World, id)[0])] = true
	}
	return func(_ context.Context, ids []string) (map[string]bool, error) {
		known := map[string]bool{}
		for _, id := range ids {
			known[id] = !unknown[id]
		}
		return known, nil
	}
}

// lookOn looks until a look has come to its end: one may read so much of Sent and no more.
func lookOn(t *testing.T, looker provider.Looker, q provider.LookQuery) (map[email.ID]string, error) {
	t.Helper()
	for {
		found, err := looker.Look(within(t, patience), q)
		if e, ok := errors.AsType[*provider.Error](err); ok && e.Cause == provider.CauseLookUnfinished {
			continue
		}
		return found, err
	}
}
