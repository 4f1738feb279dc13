package queue

import (
	"crypto/rand"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// settled is what a decision came to, for comparison.
type settled struct {
	verdict email.State // of all recipients, or "" where they wait
	next    email.State
	cause   string
	due     time.Duration // from now; -1: later than now
	marked  bool
	held    bool // the account
	parked  time.Duration
	events  int
}

func TestWhatAnAnswerMeans(t *testing.T) {
	mistake := func(c provider.Class, s provider.Scope) *provider.Error {
		return &provider.Error{Class: c, Scope: s, Cause: "cause", Text: "text"}
	}
	until := func(e *provider.Error, d time.Duration) *provider.Error {
		e.Until = simStart.Add(d)
		return e
	}
	message, account := provider.ScopeMessage, provider.ScopeAccount
	for name, c := range map[string]struct {
		err       *provider.Error
		canLook   bool
		policy    email.OnUnknown
		retryTime time.Duration
		want      settled
	}{
		"accepted":               {want: settled{verdict: email.Accepted, events: 1}},
		"refused":                {err: mistake(provider.Fail, message), want: settled{verdict: email.Failed, events: 1}},
		"busy":                   {err: mistake(provider.Retry, message), want: settled{next: email.Queued, cause: "cause", due: -1, events: 1}},
		"busy until a time":      {err: until(mistake(provider.Retry, message), 2*time.Hour), want: settled{next: email.Queued, cause: "cause", due: 2 * time.Hour, events: 1}},
		"busy for a day":         {err: mistake(provider.Retry, message), retryTime: 24 * time.Hour, want: settled{verdict: email.Failed, events: 1}},
		"account over its quota": {err: until(mistake(provider.Park, account), time.Hour), want: settled{next: email.Queued, cause: "cause", parked: time.Hour, events: 1}},
		"quota without a time":   {err: mistake(provider.Park, account), want: settled{next: email.Queued, cause: "cause", parked: usualPark, events: 1}},
		"message over a quota":   {err: until(mistake(provider.Park, message), time.Hour), want: settled{next: email.Queued, cause: "cause", due: time.Hour, events: 1}},
		"credential refused":     {err: mistake(provider.Hold, account), want: settled{next: email.Queued, cause: "cause", held: true, events: 1}},
		"refused after a day":    {err: mistake(provider.Hold, account), retryTime: 24 * time.Hour, want: settled{next: email.Queued, cause: "cause", held: true, events: 1}},
		"message damaged":        {err: mistake(provider.Hold, message), want: settled{next: email.Held, cause: "cause", events: 1}},
		"unknown, Sent can tell": {err: mistake(provider.Unknown, message), canLook: true, policy: email.Retry, want: settled{next: email.Unknown, cause: "cause", due: 30 * time.Second, events: 1}},
		"unknown, retry":         {err: mistake(provider.Unknown, message), policy: email.Retry, want: settled{next: email.Queued, cause: "cause", due: -1, marked: true, events: 1}},
		"unknown, hold":          {err: mistake(provider.Unknown, message), policy: email.Hold, want: settled{next: email.Held, cause: "outcome_unknown", events: 2}},
		"unknown, reconcile":     {err: mistake(provider.Unknown, message), policy: email.Reconcile, want: settled{next: email.Held, cause: "outcome_unknown", events: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			e := New(Config{Now: func() time.Time { return simStart }, Elapsed: func() time.Duration { return time.Hour }, Random: rand.Reader})
			en := &store.Entry{Message: "msg_1", State: email.Sending, Attempt: 1, Unsettled: 1, OnUnknown: c.policy, RetryTime: c.retryTime}
			o := outcome{open: []store.OpenRecipient{{N: 0, Address: "a@b.example"}}, err: c.err, canLook: c.canLook}
			if c.err == nil {
				o.receipt = provider.AcceptedBy(email.Envelope{Recipients: []string{"a@b.example"}}, "", "250 OK")
			}
			f, err := e.settle(en, o)
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(f); got != c.want {
				t.Errorf("\n got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func describe(f *store.Finish) settled {
	d := settled{events: len(f.Events)}
	if len(f.Verdicts) > 0 {
		d.verdict = f.Verdicts[0].State
	}
	if n := f.Next; n != nil {
		d.next, d.cause, d.marked = n.State, n.Cause, n.Duplicate
		if d.due = n.DueAt.Sub(simStart); d.due > 0 && d.due < 10*time.Second {
			d.due = -1
		}
	}
	if a := f.Account; a != nil {
		d.held = a.Hold
		if !a.Hold {
			d.parked = a.Until.Sub(simStart)
		}
	}
	return d
}

// Of several recipients each gets its own verdict; those without one wait on
// together.
func TestVerdictsPerRecipient(t *testing.T) {
	e := New(Config{Now: func() time.Time { return simStart }, Random: rand.Reader})
	en := &store.Entry{Message: "msg_1", State: email.Sending, Attempt: 1, Unsettled: 3}
	env := email.Envelope{Recipients: []string{"a@b.example", "c@d.example", "e@f.example"}}
	o := outcome{receipt: provider.AcceptedBy(env, "", "250 OK")}
	for i, a := range env.Recipients {
		o.open = append(o.open, store.OpenRecipient{N: i, Address: a})
	}
	o.receipt.Recipients[1].Err = &provider.Error{Class: provider.Fail, Cause: "no_such_mailbox"}
	o.receipt.Recipients[2].Err = &provider.Error{Class: provider.Retry, Cause: "greylisted"}
	f, err := e.settle(en, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Verdicts) != 2 || f.Next == nil || f.Next.Unsettled != 1 || f.Next.Cause != "greylisted" || len(f.Events) != 3 {
		t.Errorf("verdicts %+v, next %+v, %d events", f.Verdicts, f.Next, len(f.Events))
	}
	for _, ev := range f.Events {
		if len(ev.Data.Recipients) != 1 {
			t.Errorf("%s names %v", ev.Kind, ev.Data.Recipients)
		}
	}
}

// A wall clock that was set does not shorten the wait for a copy in Sent, whatever
// else a look has found.
func TestLooksWaitByAClockThatNobodySets(t *testing.T) {
	for name, x := range map[string]struct {
		found lookResult
		want  email.State
	}{
		"nothing":        {lookResult{}, email.Queued},
		"no draft":       {lookResult{drafts: map[email.ID]draftLook{"msg_1": {gone: true}}}, email.Held},
		"others' copies": {lookResult{sent: map[email.ID]*sent{"msg_1": {copies: []string{"p1"}, needed: 2}}}, email.Held},
	} {
		wall, elapsed := simStart, time.Hour
		e := New(Config{Now: func() time.Time { return wall }, Elapsed: func() time.Duration { return elapsed }, Random: rand.Reader})
		pass := func(d time.Duration) { wall, elapsed = wall.Add(d), elapsed+d }
		en := &store.Entry{Message: "msg_1", State: email.Unknown, Unsettled: 1, UnknownAt: simStart, OnUnknown: email.Reconcile}
		look := func(want email.State, when string) {
			t.Helper()
			x.found.began = wall
			f, err := e.settleLook(en, x.found, []store.OpenRecipient{{}})
			if err != nil {
				t.Fatal(err)
			}
			if f.Next.State != want {
				t.Errorf("found %s, %s: %s", name, when, f.Next.State)
			}
		}
		pass(time.Minute)
		wall = wall.Add(3 * time.Hour) // set forward
		look(email.Unknown, "a minute after the attempt, with the clock set three hours ahead")
		pass(9 * time.Minute)
		look(email.Unknown, "nine minutes after the clock was set")
		pass(time.Minute)
		look(x.want, "after the whole wait")
	}
}

// A claim of an earlier epoch that a database server commits late, after the node
// has entered again, still finds somebody who takes it on.
func TestLateClaimOfAnEarlierEpochIsTakenOn(t *testing.T) {
	s := newSimulation(t, 1, simTemplate(t))
	s.calm, s.rates = true, rates{}
	n, ctx := s.nodes[0], t.Context()
	s.submit(n)
	dead := n.engine
	s.start(n)
	for _, route := range simRoutes {
		if _, err := dead.claim(ctx, simTeam, route, room{limit: 1}); err != nil { // the server finishes what the dead process asked for
			t.Fatal(err)
		}
	}
	if err := n.engine.rescue(ctx); err != nil {
		t.Fatal(err)
	}
	counts, err := s.store.Recount(ctx)
	if err != nil || counts[email.Sending] != 0 {
		t.Errorf("%d recipients are still being sent by nobody, %v", counts[email.Sending], err)
	}
}
