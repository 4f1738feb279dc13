package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// However many ask, the store writes once a second, and all get its answer.
func TestReadyWritesOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writes, full := 0, error(nil)
		r := newReadiness(func(context.Context) error {
			writes++
			time.Sleep(100 * time.Millisecond) // of the test's own clock
			return full
		})
		all := func(want error) {
			t.Helper()
			var wait sync.WaitGroup
			for range 50 {
				wait.Go(func() {
					if err := r.check(t.Context()); !errors.Is(err, want) {
						t.Errorf("%v, want %v", err, want)
					}
				})
			}
			wait.Wait()
		}
		all(nil)
		full = errors.New("the disk is full")
		all(nil)
		time.Sleep(readyEvery)
		all(full)
		if full = nil; writes != 2 {
			t.Errorf("%d writes", writes)
		}
		time.Sleep(readyEvery)
		all(nil)
	})
}

// Who goes away while the store is asked spoils the answer for nobody, and one that
// does not answer is given up.
func TestReadyOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReadiness(func(ctx context.Context) error {
			time.Sleep(100 * time.Millisecond)
			return ctx.Err()
		})
		gone, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := r.check(gone); err != nil {
			t.Error(err)
		}
		time.Sleep(readyEvery)
		r.ask = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		if err := r.check(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// The route asks by way of it.
func TestReadyIsShared(t *testing.T) {
	w := sqlite(t)
	w.get("/readyz", "Authorization", "").want(http.StatusOK)
	w.must(w.store.Close())
	refused := 0
	start := time.Now()
	w.until("unready", func() bool {
		r := w.get("/readyz", "Authorization", "")
		if r.status != http.StatusOK {
			r.problem(http.StatusServiceUnavailable, "busy")
			refused++
		}
		return refused > 0
	})
	if took := time.Since(start); took < readyEvery/2 {
		t.Errorf("asked again after %v", took)
	}
}
