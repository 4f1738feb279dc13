package monitor

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

// TestEachTokenIsUsedOnce: two nodes use each token that nobody has used for days once,
// a few at a time, and none that was used.
func TestEachTokenIsUsedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		const n = keepAtOnce*2 + 5
		w := newWorld(t, opt)
		w.clock.set(time.Now()) // uses are dated by the database's clock
		w.users(time.Now().Add(-vault.IdleAfter-time.Hour), n)
		nodes := []*Watch{w.watch(w.store), w.watch(w.other())}
		round := func() {
			t.Helper()
			var both sync.WaitGroup
			for _, x := range nodes {
				both.Go(func() {
					if err := x.KeepAlive(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			both.Wait()
		}
		round()
		if all, most := w.end.calls(); all < 1 || all > 2*keepAtOnce || most != 1 {
			t.Errorf("at once: %d calls, %d with one token", all, most)
		}
		for range 6 {
			round()
		}
		if all, most := w.end.calls(); all != n || most != 1 {
			t.Errorf("%d calls, %d with one token; want %d, each once", all, most, n)
		}
		w.unused(time.Now().Add(-vault.IdleAfter - time.Minute))
		for range 6 {
			round()
		}
		if all, most := w.end.calls(); all != 2*n || most != 2 {
			t.Errorf("once more: %d calls, %d with one token; want %d", all, most, 2*n)
		}
	})
}

// TestTokenThatCannotBeUsed: trouble of the road is tried again in an hour, and no
// account hears of it; a refusal is told, and tried again after a day.
func TestTokenThatCannotBeUsed(t *testing.T) {
	w := newWorld(t, store.Options{Dir: t.TempDir()})
	w.clock.set(time.Now())
	w.users(time.Now().Add(-vault.IdleAfter-time.Hour), 1)
	var told []string
	x := w.watch(w.store, func(c *WatchConfig) {
		c.Refused = func(_ context.Context, _, credential email.ID, _ time.Time, err error) error {
			told = append(told, credential+" "+err.Error())
			return nil
		}
	})
	want := func(after time.Duration, calls, refusals int) {
		t.Helper()
		w.clock.set(w.clock.now().Add(after))
		w.must(x.KeepAlive(t.Context()))
		if all, _ := w.end.calls(); all != calls || len(told) != refusals {
			t.Fatalf("%d calls, want %d; told %q, want %d", all, calls, told, refusals)
		}
	}
	w.end.refuse(503, "")
	want(0, 1, 0)
	want(10*time.Minute, 1, 0)
	want(time.Hour, 2, 0)
	w.end.refuse(400, `{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`)
	want(time.Hour+time.Minute, 3, 1)
	want(2*time.Hour, 3, 1)
	want(day, 4, 2)
	w.end.refuse(0, "")
	want(day+time.Minute, 5, 2)
}

// TestOddRowsStandBeforeNobody: rows that cannot be read do not keep others from their
// turn.
func TestOddRowsStandBeforeNobody(t *testing.T) {
	w := newWorld(t, store.Options{Dir: t.TempDir()})
	for i := range keepAtOnce + 3 {
		w.credential(fmt.Sprintf("cred_odd%02d", i), vault.KindMicrosoftUser, vault.UserPublic{Email: "x"}, "r", start.Add(-60*day))
	}
	w.users(start.Add(-6*day), 1)
	w.credential("cred_ms", vault.KindMicrosoftUser, vault.UserPublic{Email: "x", Scopes: "https://graph.microsoft.com/Mail.Send", Client: "cred_none"}, "r", start.Add(-7*day))
	x := w.watch(w.store)
	for range 3 {
		w.must(x.KeepAlive(t.Context()))
	}
	if all, _ := w.end.calls(); all != 1 || !x.resting(start)["cred_ms"] {
		t.Errorf("%d calls, resting %v", all, x.resting(start))
	}
}

// TestTokenLeftToAnotherNode: nothing is used while another node is at it.
func TestTokenLeftToAnotherNode(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt)
		w.clock.set(time.Now())
		w.users(time.Now().Add(-30*day), 1)
		turn := store.Turn{Name: "duty keep refresh tokens in use", Holder: "another", Alone: true}
		if got, err := w.store.TakeTurn(t.Context(), turn, time.Minute); !got || err != nil {
			t.Fatal(got, err)
		}
		x := w.watch(w.store)
		w.must(x.KeepAlive(t.Context()))
		if all, _ := w.end.calls(); all != 0 {
			t.Errorf("%d calls", all)
		}
		w.must(w.store.EndTurn(t.Context(), turn))
		w.must(x.KeepAlive(t.Context()))
		if all, _ := w.end.calls(); all != 1 {
			t.Errorf("%d calls once it is free", all)
		}
	})
}
