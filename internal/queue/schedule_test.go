package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func TestTimesOfAMessage(t *testing.T) {
	now := simStart.Add(300 * time.Microsecond)
	in := func(d time.Duration) time.Time { return now.Add(d) }
	ms := func(d time.Duration) time.Time { return simStart.Add(d) }
	for name, c := range map[string]struct {
		sub           Submission
		send, expires time.Time
		wrong         string // field
	}{
		"general lives for ever":         {sub: Submission{}},
		"a code lives ten minutes":       {sub: Submission{Type: "otp"}, expires: ms(10 * time.Minute)},
		"made shorter":                   {sub: Submission{Type: "otp", ExpiresAt: ms(time.Minute)}, expires: ms(time.Minute)},
		"made longer":                    {sub: Submission{Type: "otp", ExpiresAt: in(12 * time.Minute)}, wrong: "expires_at"},
		"longer by the clock only":       {sub: Submission{Type: "otp", ExpiresAt: in(10*time.Minute + 30*time.Second)}, expires: ms(10 * time.Minute)},
		"life begins with its time":      {sub: Submission{Type: "otp", SendAt: ms(time.Hour)}, send: ms(time.Hour), expires: ms(70 * time.Minute)},
		"a time in the past is now":      {sub: Submission{Type: "otp", SendAt: ms(-time.Hour)}, send: ms(-time.Hour), expires: ms(10 * time.Minute)},
		"never a part of a second early": {sub: Submission{SendAt: simStart.Add(time.Hour + 100*time.Microsecond)}, send: ms(time.Hour + time.Millisecond)},
		"nor late":                       {sub: Submission{ExpiresAt: simStart.Add(time.Hour + 999*time.Microsecond)}, expires: ms(time.Hour)},
		"over already":                   {sub: Submission{ExpiresAt: ms(0)}, wrong: "expires_at"},
		"over before it leaves":          {sub: Submission{SendAt: ms(time.Hour), ExpiresAt: ms(time.Hour)}, wrong: "expires_at"},
		"too far ahead":                  {sub: Submission{SendAt: in(367 * 24 * time.Hour)}, wrong: "send_at"},
		"bulk":                           {sub: Submission{Lane: "bulk"}},
		"bulk codes":                     {sub: Submission{Type: "otp", Lane: "bulk"}, expires: ms(10 * time.Minute), wrong: "lane"},
		"normal codes":                   {sub: Submission{Type: "otp", Lane: "normal"}, expires: ms(10 * time.Minute), wrong: "lane"},
		"no lane":                        {sub: Submission{Lane: "fast"}, wrong: "lane"},
	} {
		d := &draft{e: New(Config{Now: func() time.Time { return now }}), sub: c.sub}
		d.checkPolicy()
		var wrong string
		if len(d.problems) > 0 {
			wrong = d.problems[0].Field
		}
		if wrong != c.wrong || wrong == "" && (!d.times.send.Equal(c.send) || !d.times.expires.Equal(c.expires)) {
			t.Errorf("%s: send %s, expires %s, wrong %v", name, d.times.send, d.times.expires, d.problems)
		}
	}
}

func TestScheduledMailLeavesInTime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		left := make(chan time.Time, 1)
		w := newWorld(t, opt, func(env email.Envelope, msg email.Content) (provider.Receipt, error) {
			left <- time.Now()
			return accepting(env, msg)
		}, live)
		sub := toBob()
		sub.SendAt = time.Now().Add(3 * time.Second) // longer than any commit takes
		s := w.take(sub)
		if s.Status != email.Scheduled || s.SendAt.Before(sub.SendAt) || w.state(s.ID) != email.Scheduled {
			t.Errorf("submitted: %+v, %s", s, w.state(s.ID))
		}
		stop, ended := w.run()
		select {
		case at := <-left:
			if at.Before(sub.SendAt) {
				t.Errorf("it left %s early", sub.SendAt.Sub(at))
			}
		case <-time.After(10 * time.Second):
			t.Error("it did not leave")
		}
		stop()
		w.must(<-ended)
	})
}

// A clock that jumps ahead does not let scheduled mail go, nor end what waits;
// once it is set back, or the process started again, it is believed.
func TestClockSetForwardIsNotBelieved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		elapsed := time.Duration(0)
		w := newWorld(t, opt, nil, func(c *Config) { c.Elapsed = func() time.Duration { return elapsed } })
		sub := toBob()
		sub.SendAt = simStart.Add(time.Hour)
		scheduled := w.take(sub).ID
		sub = toBob()
		sub.ExpiresAt = simStart.Add(time.Hour)
		ends := w.take(sub).ID
		work := func(e *Engine) {
			_, err := e.promote(t.Context(), simTeam, worldAccount)
			w.must(err, e.expire(t.Context()))
		}
		want := func(when string, a, b email.State) {
			t.Helper()
			if w.state(scheduled) != a || w.state(ends) != b {
				t.Errorf("%s: %s and %s, want %s and %s", when, w.state(scheduled), w.state(ends), a, b)
			}
		}
		w.clock.even()
		w.now = simStart.Add(2 * time.Hour) // set; nothing has passed
		work(w.Engine)
		want("after the clock was set forward", email.Scheduled, email.Queued)
		c := w.claimOne()
		if o := w.attempt(t.Context(), c); o.err == nil || o.err.Cause != "expired" {
			t.Errorf("it was sent though its time may be over: %v", o.err)
		} else {
			w.settleWith(c, o)
		}
		want("after an attempt", email.Scheduled, email.Queued)
		elapsed, w.now = elapsed+time.Hour, w.now.Add(time.Hour)
		work(w.Engine)
		want("an hour later", email.Queued, email.Expired)

		next := toBob()
		next.SendAt = w.now.Add(time.Hour)
		scheduled = w.take(next).ID
		w.now = w.now.Add(2 * time.Hour)
		again := New(w.cfg)
		w.must(again.Enter(t.Context()))
		work(again)
		want("started again", email.Queued, email.Expired)
	})
}

// What waits ends with its time, whatever it waits for.
func TestWhatWaitsExpires(t *testing.T) {
	mistake := func(c provider.Class, s provider.Scope) *provider.Error {
		return &provider.Error{Class: c, Scope: s, Cause: "cause", Text: "text"}
	}
	for name, c := range map[string]struct {
		err  *provider.Error
		want email.State
	}{
		"for its turn":           {nil, email.Queued},
		"for its next try":       {mistake(provider.Retry, provider.ScopeMessage), email.Queued},
		"for a held account":     {mistake(provider.Hold, provider.ScopeAccount), email.Queued},
		"for a parked account":   {mistake(provider.Park, provider.ScopeAccount), email.Queued},
		"for a person":           {mistake(provider.Hold, provider.ScopeMessage), email.Held},
		"for a person, who asks": {mistake(provider.Unknown, provider.ScopeMessage), email.Held},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, opt store.Options) {
				w := newWorld(t, opt, nil, nil)
				sub := toBob()
				sub.Type, sub.OnUnknown = "otp", email.Hold
				id := w.take(sub).ID
				if c.err != nil {
					w.settleWith(w.claimOne(), outcome{open: []store.OpenRecipient{{N: 0, Address: "bob@example.com"}}, err: c.err})
				}
				w.now = w.now.Add(10*time.Minute - time.Millisecond)
				w.must(w.expire(t.Context()))
				if got := w.state(id); got != c.want {
					t.Errorf("before its end: %s, want %s", got, c.want)
				}
				w.now = w.now.Add(time.Millisecond)
				w.must(w.expire(t.Context()))
				if got := w.state(id); got != email.Expired {
					t.Errorf("at its end: %s", got)
				}
				if _, err := w.Content(t.Context(), w.grant, id); !errors.Is(err, ErrShredded) {
					t.Errorf("its content: %v", err)
				}
			})
		})
	}
}

// An attempt that is under way when the time ends still has its outcome; one that
// is unknown is looked for, and never sent again.
func TestUnknownOutcomeOfExpiredMail(t *testing.T) {
	for name, c := range map[string]struct {
		found bool
		want  email.State
	}{"found": {true, email.Accepted}, "not found": {false, email.Expired}} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, opt store.Options) {
				w := newWorld(t, opt, nil, nil)
				sub := toBob()
				sub.Type = "otp"
				id := w.take(sub).ID
				w.look = func(context.Context) (map[email.ID]string, error) {
					if c.found {
						return map[email.ID]string{id: "p1"}, nil
					}
					return nil, nil
				}
				unknown := outcome{open: []store.OpenRecipient{{N: 0, Address: "bob@example.com"}}, canLook: true, err: &provider.Error{Class: provider.Unknown, Cause: "no_answer"}}
				claim := w.claimOne()
				w.now = w.now.Add(11 * time.Minute)
				w.settleWith(claim, unknown)
				w.must(w.expire(t.Context()))
				if got := w.state(id); got != email.Unknown {
					t.Fatalf("after its time: %s", got)
				}
				for range 5 {
					w.now = w.now.Add(5 * time.Minute)
					_, err := w.Engine.look(t.Context(), simTeam, worldAccount)
					w.must(err)
				}
				if got := w.state(id); got != c.want {
					t.Errorf("in the end: %s, want %s", got, c.want)
				}
			})
		})
	}
}

// A message whose time ends in the middle of its attempt is not handed over.
func TestGuardEndsWithTheTime(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	sub := toBob()
	sub.ExpiresAt = simStart.Add(time.Minute)
	w.take(sub)
	c := w.claimOne()
	w.must(w.guard(c))
	w.now = w.now.Add(time.Minute)
	if err := w.guard(c); !errors.Is(err, ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
}

// Where a provider shows no steps, its check is the proof.
func TestProofs(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	for what, prove := range map[string]func() ([]provider.Step, error){
		"an account": func() ([]provider.Step, error) { return w.Prove(t.Context(), simTeam, worldAccount) },
		"a credential": func() ([]provider.Step, error) {
			return w.ProveCredential(t.Context(), simTeam, "cred_1", "world", "ada@acme.example", nil)
		},
	} {
		if steps, err := prove(); err != nil || len(steps) != 1 || steps[0].Err != nil {
			t.Errorf("%s: %+v, %v", what, steps, err)
		}
	}
	if _, err := w.Aliases(t.Context(), simTeam, worldAccount); !errors.Is(err, ErrNoAliases) {
		t.Errorf("aliases: %v", err)
	}
	if _, err := w.Prove(t.Context(), simTeam, "acc_x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("no account: %v", err)
	}
}

// Urgent mail leaves first, bulk last.
func TestLanesOfTypes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		var order []email.Lane
		for _, sub := range []Submission{{Lane: "bulk"}, {Type: "invoice"}, {Type: "otp"}} {
			full := toBob()
			full.Lane, full.Type = sub.Lane, sub.Type
			w.take(full)
		}
		for range 3 {
			order = append(order, w.claimOne().Lane)
		}
		if want := []email.Lane{email.Urgent, email.Normal, email.Bulk}; !slices.Equal(order, want) {
			t.Errorf("left in the order %v", order)
		}
	})
}

// The subject of a security type is nowhere in the rows, and its content goes.
func TestSecretsAreNotKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		sub := toBob()
		sub.Type, sub.Subject = "otp", "Your code is 123456"
		id := w.take(sub).ID
		if c, err := w.Content(t.Context(), w.grant, id); err != nil || c.Size() == 0 {
			t.Errorf("before it left: %v, %v", c, err)
		}
		w.sendOne()
		m, _, err := w.Message(t.Context(), w.grant, id)
		w.must(err)
		if m.Subject != "" || m.ShreddedAt.IsZero() || m.Recipients[0].State != email.Accepted {
			t.Errorf("the row: %+v", m)
		}
		if _, err := w.Content(t.Context(), w.grant, id); !errors.Is(err, ErrShredded) {
			t.Errorf("its content: %v", err)
		}
		if err := w.RetryMessage(t.Context(), w.grant, id); !errors.Is(err, ErrNothingToRetry) {
			t.Errorf("tried again: %v", err)
		}
	})
}

// Other content is kept as long as its type says, counted from the last verdict.
func TestContentIsKeptByType(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		for kind, keep := range map[string]time.Duration{"general": 30 * day, "invoice": 90 * day} {
			t.Run(kind, func(t *testing.T) {
				opt := opt
				if opt.Dir = t.TempDir(); opt.Database != "" {
					opt.Database = storetest.Postgres(t)
				}
				w := newWorld(t, opt, nil, nil)
				sub := toBob()
				sub.Type = kind
				id := w.take(sub).ID
				w.now = w.now.Add(40 * day) // it has waited for long
				w.must(w.retain(t.Context()))
				w.sendOne()
				there := func(after time.Duration, want bool) {
					t.Helper()
					w.now = simStart.Add(40*day + after)
					w.must(w.retain(t.Context()))
					if _, err := w.Content(t.Context(), w.grant, id); (err == nil) != want {
						t.Errorf("after %s: %v", after, err)
					}
				}
				there(time.Hour, true)
				there(keep-time.Second, true)
				there(keep+day, false)
			})
		}
	})
}

// A thread that the provider keeps goes along, and what it answers is told.
func TestThreadsGoAlong(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		var threads []string
		w := newWorld(t, opt, func(env email.Envelope, _ email.Content) (provider.Receipt, error) {
			threads = append(threads, env.Thread)
			r := provider.AcceptedBy(env, "p1", "")
			r.ThreadID = "t2"
			return r, nil
		}, nil)
		sub := toBob()
		sub.ThreadID = "t1"
		if _, err := w.Submit(t.Context(), w.grant, sub); !wrongField(err, "thread_id") {
			t.Errorf("an account without threads: %v", err)
		}
		w.limits.Threads = true
		w.accounts.forget(simTeam, worldAccount)
		id := w.take(sub).ID
		w.sendOne()
		w.take(sub)
		w.recent = newRecent() // the second is read from the store
		w.sendOne()
		if want := []string{"t1", "t1"}; !slices.Equal(threads, want) {
			t.Errorf("threads: %v", threads)
		}
		m, events, err := w.Message(t.Context(), w.grant, id)
		w.must(err)
		if last := events[len(events)-1]; m.Thread != "t1" || last.Data.ThreadID != "t2" {
			t.Errorf("told: %s, %+v", m.Thread, last)
		}
	})
}

// wrongField tells whether a submission was refused for one field alone.
func wrongField(err error, field string) bool {
	var wrong *Invalid
	return errors.As(err, &wrong) && len(wrong.Problems) == 1 && wrong.Problems[0].Field == field
}

func TestCancelAndRetry(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		sent := 0
		refuse := true
		w := newWorld(t, opt, func(env email.Envelope, msg email.Content) (provider.Receipt, error) {
			if refuse {
				return provider.Receipt{}, &provider.Error{Class: provider.Fail, Scope: provider.ScopeMessage, Cause: "refused", Reply: "550 no"}
			}
			sent++
			return accepting(env, msg)
		}, nil)
		sub := toBob()
		sub.SendAt = simStart.Add(time.Hour)
		id := w.take(sub).ID
		w.must(w.Cancel(t.Context(), w.grant, id))
		w.now = w.now.Add(2 * time.Hour)
		_, err := w.promote(t.Context(), simTeam, worldAccount)
		w.must(err)
		if got := w.state(id); got != email.Canceled {
			t.Errorf("canceled, and then %s", got)
		}
		failed := w.submit()
		w.sendOne()
		if err := w.Cancel(t.Context(), w.grant, failed); !errors.Is(err, ErrTooLate) {
			t.Errorf("cancel of what failed: %v", err)
		}
		refuse = false
		w.must(w.RetryMessage(t.Context(), w.grant, failed))
		w.sendOne()
		m, events, err := w.Message(t.Context(), w.grant, failed)
		w.must(err)
		if sent != 1 || m.Recipients[0].State != email.Accepted || events[2].Kind != email.EventRetried || events[3].Data.Attempt != 2 {
			t.Errorf("sent %d, %+v, %+v", sent, m.Recipients, events)
		}
		for what, err := range map[string]error{
			"cancel":  w.Cancel(t.Context(), w.grant, "msg_x"),
			"retry":   w.RetryMessage(t.Context(), w.grant, "msg_x"),
			"content": second(w.Content(t.Context(), w.grant, "msg_x")),
			"explain": second(w.Explain(t.Context(), w.grant, "msg_x")),
		} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s of no message: %v", what, err)
			}
		}
		none := w.grant
		none.Scopes = nil
		for what, err := range map[string]error{
			"cancel":  w.Cancel(t.Context(), none, id),
			"retry":   w.RetryMessage(t.Context(), none, id),
			"content": second(w.Content(t.Context(), none, id)),
			"explain": second(w.Explain(t.Context(), none, id)),
			"batch":   second(w.SubmitBatch(t.Context(), none, []Submission{toBob()}, true)),
			"upload":  second(w.AddUpload(t.Context(), none, NewUpload{Filename: "a.txt"})),
		} {
			if !errors.Is(err, ErrForbidden) {
				t.Errorf("%s without the scope: %v", what, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestExplain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		busy := true
		w := newWorld(t, opt, func(env email.Envelope, msg email.Content) (provider.Receipt, error) {
			if busy {
				return provider.Receipt{}, &provider.Error{Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "greylisted", Text: "come back later", Reply: "451 4.7.1 greylisted", Fix: "wait"}
			}
			return accepting(env, msg)
		}, nil)
		w.limits.MaxRecipients = 100
		sub := toBob()
		sub.SendAt = simStart.Add(time.Hour)
		id := w.take(sub).ID
		explain := func() *Explanation {
			t.Helper()
			x, err := w.Explain(t.Context(), w.grant, id)
			w.must(err)
			return x
		}
		x := explain()
		if x.Status != "scheduled" || !x.NextAt.Equal(sub.SendAt) || x.Account.Why != "the only account" || len(x.Attempts) != 0 ||
			x.Policy.Lane != "normal" || x.Policy.Kept != "30 days after every recipient is final" || x.Limits[0].Limit != 100 || x.Limits[0].Used != 1 {
			t.Errorf("scheduled: %+v", x)
		}
		w.now = w.now.Add(time.Hour)
		_, err := w.promote(t.Context(), simTeam, worldAccount)
		w.must(err)
		w.sendOne()
		x = explain()
		if x.Status != "queued" || len(x.Attempts) != 1 || x.Attempts[0].Outcome != "delayed" || x.Attempts[0].Reply != "451 4.7.1 greylisted" ||
			x.Fix != "wait" || !x.NextAt.After(w.now) || x.Summary != "The message waits in the queue for its recipient. Last: come back later. Next: it is tried again." {
			t.Errorf("delayed: %+v", x)
		}
		ev, err := w.event(email.EventAccountHeld, store.EventData{Cause: "credential_refused", Text: "Google refused the key", Fix: "replace it"})
		w.must(err, w.cfg.Store.ChangeAccount(t.Context(), simTeam, worldAccount, store.AccountChange{Hold: true, Began: w.now, Event: ev}))
		w.AccountChanged(simTeam, worldAccount)
		if x = explain(); x.Account.Status != "held" || x.Fix != "Google refused the key: replace it" {
			t.Errorf("held account: %+v", x)
		}
		ev, err = w.event(email.EventAccountReleased, store.EventData{})
		w.must(err, w.cfg.Store.ReleaseAccount(t.Context(), simTeam, worldAccount, ev))
		w.AccountChanged(simTeam, worldAccount)
		busy, w.now = false, w.now.Add(time.Minute)
		w.sendOne()
		if x = explain(); x.Status != "accepted" || len(x.Attempts) != 2 || x.Attempts[1].Number != 2 || x.Attempts[1].Outcome != "accepted" || x.Next != "" {
			t.Errorf("accepted: %+v", x)
		}
	})
}

func TestBatches(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		many := func(n int) (subs []Submission) {
			for i := range n {
				sub := toBob()
				sub.Subject = fmt.Sprint(i)
				subs = append(subs, sub)
			}
			return subs
		}
		kept := func() int {
			t.Helper()
			c, err := w.Counts(t.Context())
			w.must(err)
			return int(c[CountSubmitted])
		}
		out, err := w.SubmitBatch(t.Context(), w.grant, many(MaxBatch), true)
		w.must(err)
		if len(out) != MaxBatch || kept() != MaxBatch || out[999].Submitted.Status != email.Queued {
			t.Fatalf("%d results, %d kept", len(out), kept())
		}
		if _, err := w.SubmitBatch(t.Context(), w.grant, many(MaxBatch+1), true); !wrongField(err, "messages") {
			t.Errorf("too many: %v", err)
		}
		if _, err := w.SubmitBatch(t.Context(), w.grant, nil, true); !wrongField(err, "messages") {
			t.Errorf("none: %v", err)
		}
		mixed := many(3)
		mixed[1].To = nil
		before := kept()
		var wrong *BatchInvalid
		out, err = w.SubmitBatch(t.Context(), w.grant, mixed, true)
		if !errors.As(err, &wrong) || len(out[1].Problems) != 1 || out[0].Submitted != nil || kept() != before {
			t.Errorf("all or nothing: %+v, %v, %d kept", out, err, kept()-before)
		}
		out, err = w.SubmitBatch(t.Context(), w.grant, mixed, false)
		if err != nil || len(out[1].Problems) != 1 || out[0].Submitted == nil || out[2].Submitted == nil || kept() != before+2 {
			t.Errorf("each by itself: %+v, %v, %d kept", out, err, kept()-before)
		}
	})
}

// Idempotency keys hold within a batch, and between batches.
func TestKeysOfABatch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		for _, all := range []bool{true, false} {
			t.Run(fmt.Sprint("all ", all), func(t *testing.T) {
				opt := opt
				if opt.Dir = t.TempDir(); opt.Database != "" {
					opt.Database = storetest.Postgres(t)
				}
				w := newWorld(t, opt, nil, nil)
				a, twin, other := toBob(), toBob(), toBob()
				a.IdempotencyKey, twin.IdempotencyKey, other.IdempotencyKey, other.Text = "k", "k", "k", "other"
				first, err := w.SubmitBatch(t.Context(), w.grant, []Submission{a, twin, toBob()}, all)
				w.must(err)
				if id := first[0].Submitted.ID; first[1].Submitted.ID != id || !first[1].Submitted.Replayed || first[2].Submitted.ID == id {
					t.Errorf("twins: %+v", first)
				}
				again, err := w.SubmitBatch(t.Context(), w.grant, []Submission{twin}, all)
				if err != nil || again[0].Submitted.ID != first[0].Submitted.ID || !again[0].Submitted.Replayed {
					t.Errorf("again: %+v, %v", again, err)
				}
				var wrong *BatchInvalid
				out, err := w.SubmitBatch(t.Context(), w.grant, []Submission{toBob(), other}, all)
				if errors.As(err, &wrong) != all || !errors.Is(out[1].Err, ErrKeyReused) || (out[0].Submitted == nil) != all {
					t.Errorf("another request: %+v, %v", out, err)
				}
			})
		}
	})
}

// A message that came while its account was being removed does not wait for ever.
func TestMailWithoutAnAccountFails(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		here, gone := w.submit(), w.submit()
		w.must(w.strand(t.Context()))
		if got := w.state(gone); got != email.Queued {
			t.Errorf("while the account is there: %s", got)
		}
		w.must(w.Cancel(t.Context(), w.grant, here), w.Cancel(t.Context(), w.grant, gone))
		w.must(w.cfg.Store.DeleteAccount(t.Context(), simTeam, worldAccount))
		late := w.submit() // by a list of accounts that was read before
		w.must(w.strand(t.Context()))
		m, _, err := w.Message(t.Context(), w.grant, late)
		w.must(err)
		if r := m.Recipients[0]; r.State != email.Failed || r.Cause != "account_removed" {
			t.Errorf("once it is gone: %+v", r)
		}
		if err := w.RetryMessage(t.Context(), w.grant, late); !errors.Is(err, ErrTooLate) {
			t.Errorf("tried again: %v", err)
		}
		w.AccountChanged(simTeam, worldAccount)
		if x, err := w.Explain(t.Context(), w.grant, late); err != nil || x.Account.Reason != "the account has been removed" {
			t.Errorf("explained: %+v, %v", x, err)
		}
	})
}
