package queue

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// While bulk waits on an account whose limit is 20 messages a second, an urgent
// message every 100 ms reaches the provider within 250 ms at the 99th percentile,
// and the limit is kept.
//
//	GATEPOST_URGENT=full   100,000 of bulk and a minute of urgent mail (make urgent)
func TestUrgentUnderBacklog(t *testing.T) {
	backlog, urgent, most := 1000, 50, 5*time.Second // not behind bulk, which takes 50 s: the figure is the long form's
	if os.Getenv("GATEPOST_URGENT") == "full" {
		backlog, urgent, most = 100_000, 600, 250*time.Millisecond
	}
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		var mu sync.Mutex
		var took []time.Time
		arrived := map[string]time.Time{}
		w := newWorld(t, opt, func(env email.Envelope, msg email.Content) (provider.Receipt, error) {
			mu.Lock()
			took = append(took, time.Now())
			arrived[env.Recipients[0]] = time.Now()
			mu.Unlock()
			time.Sleep(20 * time.Millisecond)
			return accepting(env, msg)
		}, live)
		w.limits.MaxParallel = 4
		w.rates = []provider.Rate{{Scope: provider.RateOfAccount, Unit: provider.UnitMessages, Max: 20, Window: time.Second}}
		w.backlog(backlog)
		stop, ended := w.run()
		w.eventually("bulk is sent", func() bool { mu.Lock(); defer mu.Unlock(); return len(took) > 5 })
		sent := map[string]time.Time{}
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range urgent {
			<-tick.C
			sub := toBob()
			to, err := email.ParseAddress(fmt.Sprintf("u%d@example.com", len(sent)))
			w.must(err)
			sub.To, sub.Type = []email.Address{to}, "otp"
			sent[to.Addr()] = time.Now()
			w.take(sub)
		}
		w.eventually("all urgent mail is sent", func() bool {
			mu.Lock()
			defer mu.Unlock()
			for to := range sent {
				if arrived[to].IsZero() {
					return false
				}
			}
			return true
		})
		stop()
		w.must(<-ended)
		var waits []time.Duration
		for to, at := range sent {
			waits = append(waits, arrived[to].Sub(at))
		}
		slices.Sort(waits)
		p99 := waits[len(waits)*99/100]
		t.Logf("%d of bulk went beside; urgent: median %s, p99 %s, most %s", len(took)-urgent, waits[len(waits)/2], p99, waits[len(waits)-1])
		if p99 > most {
			t.Errorf("urgent mail waited %s at the 99th percentile", p99)
		}
		for i := range took {
			if i+20 < len(took) && took[i+20].Sub(took[i]) < time.Second {
				t.Fatalf("21 messages within %s", took[i+20].Sub(took[i]))
			}
		}
		if len(took)-urgent < urgent/4 {
			t.Errorf("only %d of bulk went beside %d urgent ones", len(took)-urgent, urgent)
		}
	})
}

// backlog submits messages of the bulk lane.
func (w *world) backlog(n int) {
	w.t.Helper()
	var all sync.WaitGroup
	work := make(chan struct{}, 64)
	for range n {
		work <- struct{}{}
		all.Go(func() {
			defer func() { <-work }()
			sub := toBob()
			sub.Lane = "bulk"
			if _, err := w.Submit(context.Background(), w.grant, sub); err != nil {
				w.t.Error(err)
			}
		})
	}
	all.Wait()
}
