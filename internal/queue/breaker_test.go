package queue

import (
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// later is a server's answer that it cannot work, at a stage.
func later(stage provider.Stage) *provider.Error {
	return provider.Classify(provider.Answer{Stage: stage, Code: 451, Reason: "4.3.0", Text: "Try later"}, simStart)
}

// A server that says it cannot work is in trouble as one that cannot be reached: the
// account rests, and the pool's mail goes through the next one.
func TestAServerThatCannotWorkIsInTrouble(t *testing.T) {
	for _, err := range []*provider.Error{
		later(provider.StageMail), later(provider.StageBody),
		provider.Classify(provider.Answer{Stage: provider.StageSend, Code: 503, Reason: "backendError"}, simStart),
	} {
		w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Failover})
		w.says["ada@acme.example"] = err
		for range troubleInARow {
			w.take(toShop())
		}
		w.turn(ada)
		a, failed := w.cfg.Store.Account(t.Context(), simTeam, ada)
		w.must(failed)
		if a.Rests != 1 || a.Cause != "server_trouble" {
			t.Errorf("%s: %+v", err, a)
		}
		if w.now = w.now.Add(20 * time.Second); err.Class == provider.Retry && w.turn(bob) != troubleInARow {
			t.Errorf("%s: the pool's mail waits", err)
		}
	}
}

// An answer to recipients is the server's trouble where each of them got it.
func TestTroubleOfEveryRecipient(t *testing.T) {
	trouble, grey := later(provider.StageRcpt), provider.Classify(provider.Answer{Stage: provider.StageRcpt, Code: 450, Reason: "4.2.0"}, simStart)
	for _, c := range []struct {
		answers []*provider.Error
		want    bool
	}{
		{[]*provider.Error{trouble, trouble}, true},
		{[]*provider.Error{trouble, nil}, false},
		{[]*provider.Error{grey, trouble}, false},
		{[]*provider.Error{grey}, false},
		{[]*provider.Error{nil}, false},
	} {
		o := outcome{}
		for _, err := range c.answers {
			o.receipt.Recipients = append(o.receipt.Recipients, provider.Result{Err: err})
		}
		if got, known := serverTrouble(o); got != c.want || !known {
			t.Errorf("%v: %v, %v", c.answers, got, known)
		}
	}
}

// A message at which a server fails each time makes the account rest once; then the
// next message tells, and no rest grows for the one.
func TestAMessageAtWhichAServerFails(t *testing.T) {
	w := newPoolWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, store.Pool{Strategy: Failover})
	w.says["ada@acme.example"] = later(provider.StageBody)
	sub := toBob()
	sub.Account = ada
	bad := w.take(sub).ID
	try := func() *store.Account {
		w.now = w.message(bad).Entry.DueAt.Add(firstRest)
		if n := w.turn(ada); n != 1 {
			t.Fatalf("%d tries", n)
		}
		a, err := w.cfg.Store.Account(t.Context(), simTeam, ada)
		w.must(err)
		return a
	}
	for range troubleInARow - 1 {
		if a := try(); a.Rests != 0 {
			t.Fatalf("too soon: %+v", a)
		}
	}
	if a := try(); a.Rests != 1 || !a.RestingUntil.Equal(w.now.Add(firstRest)) {
		t.Fatalf("after %d: %+v", troubleInARow, a)
	}
	if a := try(); a.Rests != 1 || a.RestingUntil.After(w.now) {
		t.Errorf("the same message lengthened the rest: %+v", a)
	}
	delete(w.says, "ada@acme.example")
	good := w.take(sub).ID
	w.turn(ada)
	if a, err := w.cfg.Store.Account(t.Context(), simTeam, ada); err != nil || a.Rests != 0 || w.state(good) != email.Accepted {
		t.Errorf("well again: %+v, %v", a, err)
	}
}
