package queue

import (
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A message at which gatepost fails each time is held after three tries, with the
// cause, and other mail flows.
func TestPoisonedMessageIsHeld(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		tries := 0
		w.send = func(email.Envelope, email.Content) (provider.Receipt, error) {
			tries++
			panic("poison")
		}
		id := w.submit()
		for range 2 {
			for try := 1; try <= poisonAfter; try++ {
				w.sendOne()
				if got := w.state(id); got != email.Unknown {
					t.Fatalf("after try %d: %s", try, got)
				}
				w.looks()
			}
			m, events, err := w.Message(t.Context(), w.grant, id)
			w.must(err)
			if last := events[len(events)-1]; m.Entry == nil || m.Entry.State != email.Held || m.Entry.Cause != causePanic || last.Data.Cause != causePanic || last.Data.Fix == "" {
				t.Fatalf("after three tries: %+v, %+v", m.Entry, last)
			}
			w.must(w.Release(t.Context(), w.grant, id)) // a person may let it be tried again
		}
		if tries != 2*poisonAfter {
			t.Errorf("it was tried %d times", tries)
		}
		w.send = accepting
		w.now = w.now.Add(time.Second)
		w.sendOne()
		if got := w.state(id); got != email.Accepted {
			t.Errorf("once that is mended: %s", got)
		}
	})
}

// Where Sent cannot be read, and what is unknown is sent again, it is held too.
func TestPoisonedMessageIsHeldWithoutLooks(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, func(email.Envelope, email.Content) (provider.Receipt, error) { panic("poison") }, nil)
	sub := toBob()
	sub.OnUnknown = email.Retry
	id := w.take(sub).ID
	for range poisonAfter {
		c := w.claimOne()
		o := w.attempt(t.Context(), c)
		o.canLook = false
		w.settleWith(c, o)
		w.now = w.now.Add(time.Hour)
	}
	if got := w.state(id); got != email.Held {
		t.Errorf("after three tries it is %s", got)
	}
}

// A panic before the message was handed over is an attempt at which nothing left.
func TestPanicWhileTheMessageIsRead(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	id := w.submit()
	for try := range poisonAfter {
		c := w.claimOne()
		vault := w.cfg.Vault
		w.recent.drop(id)
		w.cfg.Vault = nil
		o := w.attempt(t.Context(), c)
		w.cfg.Vault = vault
		if o.err == nil || o.err.Class != provider.Retry || o.err.Cause != causePanic {
			t.Fatalf("try %d: %+v", try+1, o.err)
		}
		w.settleWith(c, o)
		w.now = w.now.Add(time.Hour)
	}
	m, _, err := w.Message(t.Context(), w.grant, id)
	w.must(err)
	if m.Entry.State != email.Held || !m.Entry.UnknownAt.IsZero() {
		t.Errorf("after three tries: %+v", m.Entry)
	}
}
