package store_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func event(t testing.TB, kind email.EventKind) store.Event {
	return store.Event{ID: newID(t, email.PrefixEvent), Kind: kind, At: start}
}

// finish gives recipients of a claimed message their verdicts; the others wait on.
func finish(t *testing.T, s *store.Store, e *store.Entry, verdicts ...email.State) {
	t.Helper()
	f := store.FinishOf(e, start)
	for i, v := range verdicts {
		f.Verdicts = append(f.Verdicts, store.Verdict{N: i, State: v})
		ev := event(t, email.EventKind("message."+v))
		ev.Data.Attempt = e.Attempt
		f.Events = append(f.Events, ev)
	}
	if left := e.Unsettled - len(verdicts); left > 0 {
		f.Next = &store.Next{State: email.Queued, DueAt: start, Unsettled: left}
	}
	must(t, s.FinishAttempts(t.Context(), f)...)
}

func claimOne(t *testing.T, s *store.Store, route email.ID) *store.Entry {
	t.Helper()
	es, err := s.Claim(t.Context(), claimRequest(route, 1))
	must(t, err)
	if len(es) != 1 {
		t.Fatalf("claimed %d", len(es))
	}
	return es[0]
}

func states(t *testing.T, s *store.Store, id email.ID) (out []email.State) {
	t.Helper()
	m, err := s.Message(t.Context(), team, id)
	must(t, err)
	for _, r := range m.Recipients {
		out = append(out, r.State)
	}
	return out
}

func TestScheduledMailIsClaimedOnceItIsPromoted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		m := newMessage(t, route, "a@b.example", "c@d.example")
		m.SendAt = start.Add(time.Hour)
		must(t, s.AddMessage(t.Context(), m))
		if got := states(t, s, m.ID); got[0] != email.Scheduled {
			t.Errorf("at first: %v", got)
		}
		dues, err := s.Dues(t.Context())
		must(t, err)
		if len(dues) != 1 || !dues[0].Promote.Equal(m.SendAt) || !dues[0].Send.IsZero() {
			t.Errorf("due: %+v", dues)
		}
		late := claimRequest(route, 1)
		late.Now = m.SendAt
		for _, c := range []struct {
			at   time.Time
			want int
		}{{m.SendAt.Add(-time.Millisecond), 0}, {m.SendAt, 1}} {
			n, more, err := s.Promote(t.Context(), route, c.at)
			must(t, err)
			if n != c.want || more {
				t.Errorf("at %s: %d were promoted, more %v", c.at, n, more)
			}
			es, err := s.Claim(t.Context(), late)
			must(t, err)
			if len(es) != c.want {
				t.Errorf("at %s: %d were claimed", c.at, len(es))
			}
		}
		checkCounts(t, s)
	})
}

func TestExpiredFindsWhatWaits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		add := func(expires, send time.Time) *store.NewMessage {
			m := newMessage(t, route, "a@b.example")
			m.ExpiresAt, m.SendAt = expires, send
			must(t, s.AddMessage(t.Context(), m))
			return m
		}
		sending := add(start.Add(time.Minute), time.Time{})
		if e := claimOne(t, s, route); e.Message != sending.ID || !e.ExpiresAt.Equal(sending.ExpiresAt) {
			t.Fatalf("claimed %+v", e)
		}
		queued := add(start.Add(2*time.Minute), time.Time{})
		scheduled := add(start.Add(3*time.Minute), start.Add(time.Minute))
		add(start.Add(time.Hour), time.Time{})
		add(time.Time{}, time.Time{})
		es, err := s.Expired(t.Context(), start.Add(3*time.Minute), 10)
		must(t, err)
		if len(es) != 2 || es[0].Message != queued.ID || es[1].Message != scheduled.ID {
			t.Errorf("over: %+v", es)
		}
		m, err := s.Message(t.Context(), team, scheduled.ID)
		must(t, err)
		if !m.SendAt.Equal(scheduled.SendAt) || !m.ExpiresAt.Equal(scheduled.ExpiresAt) {
			t.Errorf("times: %+v", m)
		}
	})
}

// What waits for an account that is not there is found, whatever it waits for; what
// is being sent is not.
func TestStrandedFindsWhatHasNoAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		here := addAccount(t, s)
		must(t, s.AddMessage(t.Context(), newMessage(t, here, "a@b.example")))
		unknown := addAccount(t, s)
		looked := newMessage(t, unknown, "a@b.example")
		must(t, s.AddMessage(t.Context(), looked))
		f := store.FinishOf(claimOne(t, s, unknown), start)
		f.Next = &store.Next{State: email.Unknown, DueAt: start, UnknownAt: start, Unsettled: 1}
		must(t, s.FinishAttempts(t.Context(), f)...)
		sending := newMessage(t, unknown, "a@b.example")
		must(t, s.AddMessage(t.Context(), sending))
		claimOne(t, s, unknown)
		removeAccount(t, opt, unknown)
		queued := newMessage(t, "acc_gone", "a@b.example")
		must(t, s.AddMessage(t.Context(), queued))
		for limit, want := range map[int]int{1: 1, 10: 2} {
			es, err := s.Stranded(t.Context(), limit)
			must(t, err)
			if len(es) != want {
				t.Errorf("at most %d: found %d, want %d", limit, len(es), want)
			}
			for _, e := range es {
				if e.Message != looked.ID && e.Message != queued.ID {
					t.Errorf("found %+v", e)
				}
			}
		}
	})
}

// removeAccount takes an account away though messages wait for it.
func removeAccount(t *testing.T, opt store.Options, id email.ID) {
	t.Helper()
	driver, name := "sqlite", "file:"+filepath.Join(opt.Dir, store.DatabaseFile)+"?_pragma=busy_timeout(5000)"
	if opt.Database != "" {
		driver, name = "pgx", opt.Database
	}
	db, err := sql.Open(driver, name)
	must(t, err)
	defer db.Close()
	_, err = db.Exec("DELETE FROM accounts WHERE id = $1", id)
	must(t, err)
}

func TestCancelTakesBackWhatWaits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		m := newMessage(t, route, "a@b.example", "c@d.example")
		must(t, s.AddMessage(t.Context(), m))
		e := claimOne(t, s, route)
		if err := s.Cancel(t.Context(), team, m.ID, event(t, email.EventCanceled)); !errors.Is(err, store.ErrTooLate) || !strings.HasSuffix(err.Error(), ": it is being sent: wait for its outcome") {
			t.Errorf("while it is sent: %v", err)
		}
		finish(t, s, e, email.Accepted)
		must(t, s.Cancel(t.Context(), team, m.ID, event(t, email.EventCanceled)))
		must(t, s.Cancel(t.Context(), team, m.ID, event(t, email.EventCanceled))) // the answer may have been lost
		if got := states(t, s, m.ID); !cmp.Equal(got, []email.State{email.Accepted, email.Canceled}) {
			t.Errorf("states: %v", got)
		}
		if es, _ := s.Claim(t.Context(), claimRequest(route, 1)); len(es) != 0 {
			t.Error("it was claimed after it had been canceled")
		}
		events, err := s.Events(t.Context(), team, m.ID)
		must(t, err)
		if len(events) != 3 || events[2].Kind != email.EventCanceled || events[2].Seq != 3 {
			t.Errorf("events: %+v", events)
		}
		if err := s.Cancel(t.Context(), "team_2", m.ID, event(t, email.EventCanceled)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("by another team: %v", err)
		}
		done := newMessage(t, route, "a@b.example")
		must(t, s.AddMessage(t.Context(), done))
		finish(t, s, claimOne(t, s, route), email.Accepted)
		if err := s.Cancel(t.Context(), team, done.ID, event(t, email.EventCanceled)); !errors.Is(err, store.ErrTooLate) {
			t.Errorf("once it is final: %v", err)
		}
		checkCounts(t, s)
	})
}

// Of a cancel and a claim that meet, one wins: never both.
func TestCancelAndClaimRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		const n = 300
		var ids []email.ID
		for range n {
			m := newMessage(t, route, "a@b.example")
			must(t, s.AddMessage(t.Context(), m))
			ids = append(ids, m.ID)
		}
		var canceled, tooLate atomic.Int64
		claimed := map[email.ID]bool{}
		var all sync.WaitGroup
		all.Go(func() {
			for len(claimed) < n {
				es, err := s.Claim(context.Background(), claimRequest(route, 3))
				if err != nil || len(es) == 0 {
					return
				}
				for _, e := range es {
					claimed[e.Message] = true
				}
			}
		})
		for _, id := range ids {
			all.Go(func() {
				switch err := s.Cancel(context.Background(), team, id, event(t, email.EventCanceled)); {
				case err == nil:
					canceled.Add(1)
				case errors.Is(err, store.ErrTooLate):
					tooLate.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if c := int(canceled.Load()); c+len(claimed) != n || c+int(tooLate.Load()) != n {
			t.Errorf("%d canceled, %d too late, %d claimed, of %d", c, tooLate.Load(), len(claimed), n)
		}
		checkCounts(t, s)
	})
}

func TestRetryOfFailedRecipients(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		m := newMessage(t, route, "a@b.example", "c@d.example")
		m.Lane = email.Bulk
		must(t, s.AddMessage(t.Context(), m))
		try := func(id email.ID) error {
			_, err := s.Retry(t.Context(), store.Retry{Team: team, Message: id, KeepUntil: start.Add(time.Hour), Event: event(t, email.EventRetried)})
			return err
		}
		if err := try(m.ID); !errors.Is(err, store.ErrNothingToRetry) {
			t.Errorf("before anything failed: %v", err)
		}
		finish(t, s, claimOne(t, s, route), email.Accepted, email.Failed)
		must(t, try(m.ID))
		if got := states(t, s, m.ID); !cmp.Equal(got, []email.State{email.Accepted, email.Queued}) {
			t.Errorf("states: %v", got)
		}
		e := claimOne(t, s, route)
		if e.Attempt != 2 || e.Unsettled != 1 || e.Seq != 4 || e.Lane != email.Bulk || e.OnUnknown != email.Reconcile {
			t.Errorf("its place in the queue: %+v", e)
		}
		if err := try(m.ID); !errors.Is(err, store.ErrNothingToRetry) {
			t.Errorf("twice: %v", err)
		}
		f := store.FinishOf(e, start)
		f.Verdicts = []store.Verdict{{N: 1, State: email.Accepted}}
		f.Events = []store.Event{event(t, email.EventAccepted)}
		must(t, s.FinishAttempts(t.Context(), f)...)
		if err := try("msg_x"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no message: %v", err)
		}
		checkCounts(t, s)
	})
}

// Of many who have a message tried again at once, one does.
func TestRetriesAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		m := newMessage(t, route, "a@b.example")
		must(t, s.AddMessage(t.Context(), m))
		finish(t, s, claimOne(t, s, route), email.Failed)
		var done atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			ev := event(t, email.EventRetried)
			all.Go(func() {
				_, err := s.Retry(context.Background(), store.Retry{Team: team, Message: m.ID, KeepUntil: start, Event: ev})
				if err == nil {
					done.Add(1)
				} else if !errors.Is(err, store.ErrNothingToRetry) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if e := claimOne(t, s, route); done.Load() != 1 || e.Unsettled != 1 {
			t.Errorf("%d did, %d recipients wait", done.Load(), e.Unsettled)
		}
		checkCounts(t, s)
	})
}

// What was decided about a message before somebody had it tried again does not
// count any more: it knew of fewer recipients.
func TestRetryEndsOlderDecisions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		m := newMessage(t, route, "a@b.example", "c@d.example")
		m.ExpiresAt = start.Add(time.Hour)
		must(t, s.AddMessage(t.Context(), m))
		finish(t, s, claimOne(t, s, route), email.Failed)
		over, err := s.Expired(t.Context(), m.ExpiresAt, 1)
		must(t, err)
		_, err = s.Retry(t.Context(), store.Retry{Team: team, Message: m.ID, KeepUntil: start, Event: event(t, email.EventRetried)})
		must(t, err)
		late := store.FinishOf(over[0], start)
		late.Verdicts = []store.Verdict{{N: 1, State: email.Expired}}
		if err := s.FinishAttempts(t.Context(), late)[0]; !errors.Is(err, store.ErrFenced) {
			t.Errorf("a decision from before: %v", err)
		}
		if got := states(t, s, m.ID); !cmp.Equal(got, []email.State{email.Queued, email.Queued}) {
			t.Errorf("states: %v", got)
		}
		e := claimOne(t, s, route)
		_, err = s.Retry(t.Context(), store.Retry{Team: team, Message: m.ID, KeepUntil: start, Event: event(t, email.EventRetried)})
		if !errors.Is(err, store.ErrNothingToRetry) {
			t.Errorf("while it is sent: %v", err)
		}
		finish(t, s, e, email.Failed, email.Accepted)
		checkCounts(t, s)
	})
}

func TestRetryIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		try := func(id email.ID, at time.Time) error {
			ev := event(t, email.EventRetried)
			ev.At = at
			_, err := s.Retry(t.Context(), store.Retry{Team: team, Message: id, KeepUntil: at, Event: ev})
			return err
		}
		m := newMessage(t, route, "a@b.example", "c@d.example")
		m.ExpiresAt = start.Add(time.Minute)
		must(t, s.AddMessage(t.Context(), m))
		finish(t, s, claimOne(t, s, route), email.Failed)
		if err := try(m.ID, m.ExpiresAt); !errors.Is(err, store.ErrTooLate) {
			t.Errorf("after its time: %v", err)
		}
		claimOne(t, s, route)
		if err := try(m.ID, start); !errors.Is(err, store.ErrTooLate) {
			t.Errorf("on its way to the other: %v", err)
		}
		code := newMessage(t, route, "a@b.example")
		code.Shred = true
		must(t, s.AddMessage(t.Context(), code))
		finish(t, s, claimOne(t, s, route), email.Failed)
		if err := try(code.ID, start); !errors.Is(err, store.ErrShredded) {
			t.Errorf("without its content: %v", err)
		}
		checkCounts(t, s)
	})
}

// All messages of a batch are kept, or none of them.
func TestAddAllOrNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		first := newMessage(t, route, "a@b.example")
		first.IdempotencyKey, first.Fingerprint = "k", []byte("one")
		must(t, s.AddMessage(t.Context(), first))
		good, other, again := newMessage(t, route, "a@b.example"), newMessage(t, route, "a@b.example"), newMessage(t, route, "a@b.example")
		other.IdempotencyKey, other.Fingerprint = "k", []byte("two")
		again.IdempotencyKey, again.Fingerprint = "k", []byte("one")
		if err := s.AddAll(t.Context(), []*store.NewMessage{good, other}); !errors.Is(err, store.ErrOtherRequest) {
			t.Errorf("with another request under a key: %v", err)
		}
		if err := s.AddAll(t.Context(), []*store.NewMessage{good, first}); err != nil {
			t.Errorf("with one that is there: %v", err)
		}
		good = newMessage(t, route, "a@b.example")
		bad := newMessage(t, route, "a@b.example")
		bad.ID = first.ID
		if err := s.AddAll(t.Context(), []*store.NewMessage{good, bad}); err == nil {
			t.Error("a row that cannot be added was taken")
		}
		if _, err := s.Message(t.Context(), team, good.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the other one was kept: %v", err)
		}
		must(t, s.AddAll(t.Context(), []*store.NewMessage{good, again}))
		if again.Existing == nil || again.Existing.Message != first.ID {
			t.Errorf("the repetition: %+v", again.Existing)
		}
		checkCounts(t, s)
	})
}
