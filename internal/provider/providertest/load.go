package providertest

import (
	"errors"
	"sync"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// testMany: a provider is used by many goroutines, with cancelled sends among
// them.
func testMany(t *testing.T, h Harness) {
	p := h.Open(t, Options{})
	const senders, each = 16, 8
	ids := make(chan email.ID, senders*each)
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for range each {
				l := newLetter(t, h, "ann@world.example")
				env := l.envelope("ann@world.example")
				receipt, err := p.Send(within(t, patience), env, l.bytes())
				if err != nil || receipt.Recipients[0].Err != nil {
					t.Errorf("Send: %v %v", receipt, err)
					return
				}
				ids <- l.id
			}
		})
	}
	wg.Wait()
	close(ids)
	for id := range ids {
		wantTaken(t, h.World, id, 1)
	}
}

func testCheck(t *testing.T, h Harness) {
	if err := h.Open(t, Options{}).Check(within(t, patience)); err != nil {
		t.Errorf("Check of a good account: %v", err)
	}
	for name, o := range map[string]Options{"bad credential": {BadCredential: true}, "unknown authority": {Distrust: true}} {
		err := h.Open(t, o).Check(within(t, patience))
		e, ok := errors.AsType[*provider.Error](err)
		if !ok || e.Class != provider.Hold || e.Fix == "" {
			t.Errorf("%s: Check: %v, want hold with a fix", name, err)
		}
	}
}
