package store_test

import (
	"database/sql"
	"errors"
	"math/rand/v2"
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
	noDeadlocks(t, s, opt)
}

// noDeadlocks closes a store and asks the server.
func noDeadlocks(t *testing.T, s *store.Store, opt store.Options) {
	t.Helper()
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

// Many people cancel many messages in any order while the time of the same ones
// ends: two writers that have the same messages take them in one order.
func TestGroupsDoNotDeadlock(t *testing.T) {
	opt := store.Options{Dir: t.TempDir(), Database: storetest.Postgres(t)}
	s, err := store.Open(t.Context(), opt)
	must(t, err)
	route := addAccount(t, s)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 6 {
		var ms []*store.NewMessage
		for range 250 {
			m := newMessage(t, route, "a@b.example", "c@d.example")
			m.Shred, m.ExpiresAt = true, start.Add(time.Minute)
			ms = append(ms, m)
		}
		must(t, s.AddAll(t.Context(), ms))
		es, err := s.Expired(t.Context(), start.Add(time.Hour), 60)
		must(t, err)
		var all sync.WaitGroup
		for range 4 {
			for _, i := range rnd.Perm(len(ms)) {
				canceled := event(t, email.EventCanceled)
				all.Go(func() {
					err := s.Cancel(t.Context(), team, ms[i].ID, canceled)
					if err != nil && !errors.Is(err, store.ErrTooLate) {
						t.Error(err)
					}
				})
			}
		}
		for _, i := range rnd.Perm(len(es)) {
			f := store.FinishOf(es[i], start)
			f.Verdicts = []store.Verdict{{N: 0, State: email.Expired}, {N: 1, State: email.Expired}}
			f.Events = []store.Event{event(t, email.EventExpired)}
			all.Go(func() {
				if err := s.FinishAttempts(t.Context(), f)[0]; err != nil && !errors.Is(err, store.ErrFenced) {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	checkCounts(t, s)
	noDeadlocks(t, s, opt)
}

// Many people try messages again of which nothing waits any more, in any order.
func TestRetriesDoNotDeadlock(t *testing.T) {
	opt := store.Options{Dir: t.TempDir(), Database: storetest.Postgres(t)}
	s, err := store.Open(t.Context(), opt)
	must(t, err)
	route := addAccount(t, s)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 4 {
		var ms []*store.NewMessage
		for range 250 {
			ms = append(ms, newMessage(t, route, "a@b.example"))
		}
		must(t, s.AddAll(t.Context(), ms))
		es, err := s.Claim(t.Context(), claimRequest(route, len(ms)))
		must(t, err)
		for _, e := range es {
			finish(t, s, e, email.Failed)
		}
		var all sync.WaitGroup
		for range 3 {
			for _, i := range rnd.Perm(len(ms)) {
				r := store.Retry{Team: team, Message: ms[i].ID, KeepUntil: start.Add(day), Event: event(t, email.EventRetried)}
				all.Go(func() {
					if _, err := s.Retry(t.Context(), r); err != nil && !errors.Is(err, store.ErrNothingToRetry) {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		for _, m := range ms { // nothing is left for the next round
			must(t, s.Cancel(t.Context(), team, m.ID, event(t, email.EventCanceled)))
		}
	}
	checkCounts(t, s)
	noDeadlocks(t, s, opt)
}

// Attempts of several accounts note that they may leave drafts, in groups of two writers.
func TestDraftNotesDoNotDeadlock(t *testing.T) {
	opt := store.Options{Dir: t.TempDir(), Database: storetest.Postgres(t)}
	s, err := store.Open(t.Context(), opt)
	must(t, err)
	accounts := []email.ID{addAccount(t, s), addAccount(t, s), addAccount(t, s), addAccount(t, s), addAccount(t, s), addAccount(t, s)}
	for _, a := range accounts {
		must(t, s.NoteDrafts(t.Context(), team, a))
	}
	var all sync.WaitGroup
	for g := range 24 {
		all.Go(func() {
			for n := range 60 {
				if err := s.NoteDrafts(t.Context(), team, accounts[(g+n)%len(accounts)]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	noDeadlocks(t, s, opt)
}
