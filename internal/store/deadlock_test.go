package store_test

import (
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// Somebody tries a message again while somebody else cancels it or its outcome is
// written: one comes after the other, and neither waits for the server to notice
// that they wait for each other.
func TestRetryAndCancelDoNotDeadlock(t *testing.T) {
	opt := store.Options{Dir: t.TempDir(), Database: storetest.Postgres(t)}
	s, err := store.Open(t.Context(), opt)
	must(t, err)
	route := addAccount(t, s)
	for range 60 {
		m := newMessage(t, route, "a@b.example", "c@d.example")
		m.Shred = true
		must(t, s.AddMessage(t.Context(), m))
		f := store.FinishOf(claimOne(t, s, route), start)
		f.Verdicts = []store.Verdict{{N: 0, State: email.Failed}}
		f.Next = &store.Next{State: email.Queued, DueAt: start.Add(time.Hour), Unsettled: 1}
		f.Events = []store.Event{event(t, email.EventFailed)}
		must(t, s.FinishAttempts(t.Context(), f)...)
		retried, canceled := event(t, email.EventRetried), event(t, email.EventCanceled)
		var both sync.WaitGroup
		both.Go(func() {
			_, err := s.Retry(t.Context(), store.Retry{Team: team, Message: m.ID, KeepUntil: start.Add(day), Event: retried})
			if err != nil && !errors.Is(err, store.ErrShredded) {
				t.Error(err)
			}
		})
		both.Go(func() {
			if err := s.Cancel(t.Context(), team, m.ID, canceled); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
	}
	checkCounts(t, s)
	must(t, s.Close()) // its connections hand in their statistics
	db, err := sql.Open("pgx", opt.Database)
	must(t, err)
	defer db.Close()
	var n int
	must(t, db.QueryRow(`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`).Scan(&n))
	if n > 0 {
		t.Errorf("the server had to end %d deadlocks", n)
	}
}
