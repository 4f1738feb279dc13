package store_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

var waiting = []email.State{email.Scheduled, email.Queued, email.Held}

// items are messages with an event each.
func items(t *testing.T, kind email.EventKind, ids ...email.ID) (out []store.Item) {
	for _, id := range ids {
		out = append(out, store.Item{Message: id, Event: event(t, kind)})
	}
	return out
}

// added keeps a message, changed before.
func added(t *testing.T, s *store.Store, route email.ID, change func(*store.NewMessage)) email.ID {
	t.Helper()
	m := newMessage(t, route, "a@b.example", "c@d.example")
	if change != nil {
		change(m)
	}
	must(t, s.AddMessage(t.Context(), m))
	return m.ID
}

func waits(t *testing.T, s *store.Store, id email.ID) *store.Entry {
	t.Helper()
	m, err := s.Message(t.Context(), team, id)
	must(t, err)
	if m.Entry == nil {
		t.Fatalf("%s does not wait", id)
	}
	return m.Entry
}

// newest is the newest event of a message.
func newest(t *testing.T, s *store.Store, id email.ID) store.Event {
	t.Helper()
	events, err := s.Events(t.Context(), team, id)
	must(t, err)
	return events[len(events)-1]
}

// What is held by hand waits for a person. Released, a message is due, and one that
// was scheduled is scheduled again as it was: it never leaves early.
func TestHeldByHandAndReleased(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route, later := addAccount(t, s), start.Add(time.Hour)
		sending := added(t, s, route, nil)
		claimOne(t, s, route)
		queued := added(t, s, route, nil)
		scheduled := added(t, s, route, func(m *store.NewMessage) { m.SendAt = later })
		sel := store.Selection{Route: route, States: waiting[:2]}
		errs, err := s.HoldEach(t.Context(), team, sel, items(t, email.EventHeld, sending, queued, scheduled))
		must(t, err, errs[1], errs[2])
		if !errors.Is(errs[0], store.ErrNotSelected) {
			t.Errorf("one that is being sent: %v", errs[0])
		}
		for _, id := range []email.ID{queued, scheduled} {
			if e, ev := waits(t, s, id), newest(t, s, id); e.State != email.Held || e.Cause != store.CauseByHand || e.Seq != 2 ||
				ev.Kind != email.EventHeld || ev.Seq != 2 || ev.Data.Cause != store.CauseByHand {
				t.Errorf("held: %+v, %+v", e, ev)
			}
		}
		checkCounts(t, s)
		held := store.Selection{States: waiting[2:], Cause: store.CauseByHand}
		for i, err := range s.ReleaseEach(t.Context(), team, held, items(t, email.EventReleased, queued, scheduled, sending)) {
			if (err != nil) != (i == 2) {
				t.Errorf("released: %d: %v", i, err)
			}
		}
		if e := waits(t, s, queued); e.State != email.Queued || !e.DueAt.Equal(start) || e.Cause != "" {
			t.Errorf("released: %+v", e)
		}
		if e := waits(t, s, scheduled); e.State != email.Scheduled || !e.DueAt.Equal(later) {
			t.Errorf("released before its time: %+v", e)
		}
		checkCounts(t, s)
	})
}

func TestCancelOfMany(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		sending := added(t, s, route, nil)
		e := claimOne(t, s, route)
		queued, other := added(t, s, route, nil), added(t, s, route, nil)
		errs := s.CancelEach(t.Context(), team, store.Selection{States: waiting}, items(t, email.EventCanceled, sending, queued, "msg_x"))
		if errs[1] != nil || !errors.Is(errs[0], store.ErrNotSelected) || !errors.Is(errs[2], store.ErrNotSelected) {
			t.Errorf("%v", errs)
		}
		if got := states(t, s, queued); !cmp.Equal(got, []email.State{email.Canceled, email.Canceled}) || newest(t, s, queued).Kind != email.EventCanceled {
			t.Errorf("canceled: %v", got)
		}
		if got := states(t, s, other); got[0] != email.Queued {
			t.Errorf("one that was not named: %v", got)
		}
		finish(t, s, e, email.Accepted, email.Accepted)
		checkCounts(t, s)
	})
}

// Those recipients are tried again that failed with the cause, and no others; a
// message that cannot be tried again does not keep the others from it.
func TestRetryOfManyByCause(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		failed := func(change func(*store.NewMessage), causes ...string) email.ID {
			id := added(t, s, route, change)
			f := store.FinishOf(claimOne(t, s, route), start)
			for i, cause := range causes {
				f.Verdicts = append(f.Verdicts, store.Verdict{N: i, State: email.Failed, Cause: cause})
			}
			f.Events = []store.Event{event(t, email.EventFailed)}
			must(t, s.FinishAttempts(t.Context(), f)...)
			return id
		}
		both, one := failed(nil, "gave_up", "no_such_user"), failed(nil, "gave_up", "gave_up")
		neither := failed(nil, "no_such_user", "no_such_user")
		shredded := failed(func(m *store.NewMessage) { m.Shred = true }, "gave_up", "gave_up")
		over := failed(func(m *store.NewMessage) { m.ExpiresAt = start }, "gave_up", "gave_up")
		sel := store.Selection{Cause: "gave_up", Limit: 10}
		groups, err := s.FailedGroups(t.Context(), team, sel, start)
		must(t, err)
		if len(groups) != 1 || groups[0].Messages != 2 || groups[0].Recipients != 3 || groups[0].Route != route {
			t.Errorf("counted: %+v", groups)
		}
		found, err := s.SelectFailed(t.Context(), team, sel, start)
		must(t, err)
		if len(found) != 2 || found[0].Message != both || found[0].Unsettled != 1 || found[0].Recipients != 2 || found[1].Message != one {
			t.Errorf("selected: %+v", found)
		}
		errs, err := s.RetryEach(t.Context(), team, sel.Cause, start, items(t, email.EventRetried, both, one, neither, shredded, over))
		must(t, err, errs[0], errs[1])
		for i, want := range []error{store.ErrNothingToRetry, store.ErrShredded, store.ErrTooLate} {
			if !errors.Is(errs[2+i], want) {
				t.Errorf("%v, want %v", errs[2+i], want)
			}
		}
		if got := states(t, s, both); !cmp.Equal(got, []email.State{email.Queued, email.Failed}) {
			t.Errorf("states: %v", got)
		}
		page, err := s.Messages(t.Context(), team, store.MessageQuery{Status: email.Failed, Limit: 10})
		must(t, err)
		if len(page.Messages) != 4 {
			t.Errorf("%d messages are listed as failed for somebody", len(page.Messages))
		}
		claims, err := s.Claim(t.Context(), claimRequest(route, 5))
		must(t, err)
		if len(claims) != 2 {
			t.Errorf("claimed %d", len(claims))
		}
		if errs, err = s.RetryEach(t.Context(), team, "", start, items(t, email.EventRetried, both, neither)); err != nil || errs[1] != nil || !errors.Is(errs[0], store.ErrTooLate) {
			t.Errorf("while it is on its way: %v, %v", errs, err)
		}
		checkCounts(t, s)
	})
}

// Moved messages leave by the other account, under its own address, and no longer
// by the first.
func TestMoveOfMany(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		from, to := addAccount(t, s), addAccount(t, s)
		id := added(t, s, from, func(m *store.NewMessage) { m.Thread = "thread" })
		held := added(t, s, from, nil)
		_, err := s.HoldEach(t.Context(), team, store.Selection{States: waiting}, items(t, email.EventHeld, held))
		must(t, err)
		there := added(t, s, to, nil)
		sel := store.Selection{States: waiting, Not: to}
		target := store.Target{Account: to, MailFrom: "other@acme.example"}
		errs, err := s.MoveEach(t.Context(), team, sel, target, items(t, email.EventMoved, id, held, there))
		must(t, err, errs[0], errs[1])
		if !errors.Is(errs[2], store.ErrNotSelected) {
			t.Errorf("one that is there: %v", errs[2])
		}
		if es, err := s.Claim(t.Context(), claimRequest(from, 5)); err != nil || len(es) != 0 {
			t.Errorf("the first account has %v, %v", es, err)
		}
		es, err := s.Claim(t.Context(), claimRequest(to, 5))
		must(t, err)
		if len(es) != 2 {
			t.Errorf("the other account has %+v", es)
		}
		m, err := s.Load(t.Context(), team, id)
		must(t, err)
		if m.MailFrom != "other@acme.example" || m.Thread != "" {
			t.Errorf("sent from %q in %q", m.MailFrom, m.Thread)
		}
		if e, ev := waits(t, s, held), newest(t, s, held); e.State != email.Held || e.Route != to || ev.Kind != email.EventMoved || ev.Data.Account != to {
			t.Errorf("a held one: %+v, %+v", e, ev)
		}
		checkCounts(t, s)
	})
}

// A decision about a message from before a person moved or held it has no effect.
func TestMoveEndsOlderDecisions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		from, to := addAccount(t, s), addAccount(t, s)
		id := added(t, s, from, func(m *store.NewMessage) { m.ExpiresAt = start.Add(time.Hour) })
		over, err := s.Expired(t.Context(), start.Add(time.Hour), 1)
		must(t, err)
		errs, err := s.MoveEach(t.Context(), team, store.Selection{States: waiting}, store.Target{Account: to}, items(t, email.EventMoved, id))
		must(t, err, errs[0])
		late := store.FinishOf(over[0], start)
		late.Verdicts = []store.Verdict{{N: 0, State: email.Expired}, {N: 1, State: email.Expired}}
		late.Events = []store.Event{event(t, email.EventExpired)}
		if err := s.FinishAttempts(t.Context(), late)[0]; !errors.Is(err, store.ErrFenced) {
			t.Errorf("a decision from before: %v", err)
		}
		checkCounts(t, s)
	})
}

// Whatever is done to the same messages at once, each is somewhere, and nobody waits
// for ever.
func TestVerbsAndClaimsAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		one, other := addAccount(t, s), addAccount(t, s)
		var ids []email.ID
		for range 60 {
			ids = append(ids, added(t, s, one, nil))
		}
		var all sync.WaitGroup
		do := func(kind email.EventKind, verb func(its []store.Item) ([]error, error)) {
			for part := range slices.Chunk(ids, 20) {
				its := items(t, kind, part...)
				slices.Reverse(its)
				all.Go(func() {
					errs, err := verb(its)
					for _, failed := range append(errs, err) {
						if failed != nil && !errors.Is(failed, store.ErrNotSelected) && !errors.Is(failed, store.ErrNothingToRetry) && !errors.Is(failed, store.ErrTooLate) {
							t.Error(failed)
						}
					}
				})
			}
		}
		ctx, sel := context.Background(), store.Selection{States: waiting}
		do(email.EventHeld, func(its []store.Item) ([]error, error) {
			return s.HoldEach(ctx, team, store.Selection{States: waiting[:2]}, its)
		})
		do(email.EventReleased, func(its []store.Item) ([]error, error) {
			return s.ReleaseEach(ctx, team, store.Selection{States: waiting[2:]}, its), nil
		})
		do(email.EventMoved, func(its []store.Item) ([]error, error) {
			return s.MoveEach(ctx, team, store.Selection{States: waiting, Not: other}, store.Target{Account: other}, its)
		})
		do(email.EventRetried, func(its []store.Item) ([]error, error) { return s.RetryEach(ctx, team, "", start, its) })
		do(email.EventCanceled, func(its []store.Item) ([]error, error) { return s.CancelEach(ctx, team, sel, its[:5]), nil })
		for _, route := range []email.ID{one, other} {
			all.Go(func() {
				for range 10 {
					claims, err := s.Claim(ctx, claimRequest(route, 5))
					if err != nil {
						t.Error(err)
					}
					for _, e := range claims {
						f := store.FinishOf(e, start)
						f.Verdicts = []store.Verdict{{N: 0, State: email.Failed}, {N: 1, State: email.Accepted}}[:e.Unsettled] // the first is the one tried again
						f.Events = []store.Event{event(t, email.EventFailed)}
						if err := s.FinishAttempts(ctx, f)[0]; err != nil && !errors.Is(err, store.ErrFenced) {
							t.Error(err)
						}
					}
				}
			})
		}
		all.Wait()
		checkCounts(t, s)
	})
}

// A selection counts and gives what fits all of it.
func TestSelectionOfWhatWaits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		one, other := addAccount(t, s), addAccount(t, s)
		urgent := email.Urgent
		code := added(t, s, one, func(m *store.NewMessage) { m.Lane, m.Type, m.Sender = email.Urgent, "otp", "x@acme.example" })
		plain := added(t, s, one, nil)
		later := added(t, s, one, func(m *store.NewMessage) { m.SendAt = start.Add(time.Hour) })
		away := added(t, s, other, nil)
		foreign := newMessage(t, one, "a@b.example")
		foreign.Team = "team_2"
		must(t, s.AddMessage(t.Context(), foreign))
		for name, c := range map[string]struct {
			sel  store.Selection
			want []email.ID
		}{
			"everything":   {store.Selection{}, []email.ID{code, plain, later, away}},
			"an account":   {store.Selection{Route: other}, []email.ID{away}},
			"not one":      {store.Selection{Not: other}, []email.ID{code, plain, later}},
			"a lane":       {store.Selection{Lane: &urgent}, []email.ID{code}},
			"a type":       {store.Selection{Type: "otp"}, []email.ID{code}},
			"a state":      {store.Selection{States: []email.State{email.Scheduled}}, []email.ID{later}},
			"a cause":      {store.Selection{Cause: "x"}, nil},
			"those after":  {store.Selection{After: slices.Max([]email.ID{code, plain, later, away})}, nil},
			"those before": {store.Selection{Before: time.Now().Add(-time.Hour)}, nil},
			"some":         {store.Selection{Route: one, States: waiting[1:2]}, []email.ID{code, plain}},
		} {
			slices.Sort(c.want) // ids of one millisecond are in any order
			c.sel.Limit = 10
			found, err := s.Select(t.Context(), team, c.sel)
			must(t, err)
			var got []email.ID
			for _, f := range found {
				got = append(got, f.Message)
			}
			groups, err := s.Groups(t.Context(), team, c.sel, start)
			must(t, err)
			var n, recipients int64
			for _, g := range groups {
				n, recipients = n+g.Messages, recipients+g.Recipients
			}
			if !cmp.Equal(got, c.want) || n != int64(len(c.want)) || recipients != 2*n {
				t.Errorf("%s: selected %v, counted %d with %d recipients", name, got, n, recipients)
			}
		}
		senders, err := s.Senders(t.Context(), team, store.Selection{Route: one})
		must(t, err)
		if want := map[string]int64{"x@acme.example": 1, "app@acme.example": 2}; !cmp.Equal(senders, want) {
			t.Errorf("senders: %v", senders)
		}
		groups, err := s.Groups(t.Context(), team, store.Selection{Type: "otp"}, start.Add(-time.Second))
		must(t, err)
		if g := groups[0]; !g.Later || !g.DueAt.Equal(start) || time.Since(g.Oldest) > time.Minute || g.Lane != email.Urgent || g.State != email.Queued {
			t.Errorf("counted %+v", g)
		}
	})
}
