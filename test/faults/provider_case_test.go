package faults

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/client"
)

// seen is what a user sees of a fault that one message meets, and what is kept.
type seen struct {
	outcome string        // of the first attempt; empty: nothing is told but that it was accepted
	cause   string        // of that attempt
	says    []string      // stands in what explain tells of the attempt or the account
	account string        // the account's state after it; empty: active
	parked  time.Duration // how long it is parked or rests from then on, at most; 0: it is not
	then    []string      // outcomes after the first
	end     string        // the recipient's state at last; empty: accepted
	mark    bool          // a possible duplicate is marked
	copies  int           // how many arrived at last
}

// patient is longer than an attempt, the looks after it and a pause.
const patient = 4*patience + 40*time.Second

// meets follows a message through a fault. Where that holds the account, heal ends the
// fault, and the account is released as a user does.
func (o *office) meets(t *testing.T, id string, want seen, copies func() []copied, heal func()) {
	t.Helper()
	x := o.firstAttempt(t, id, want)
	if x.Account.Status != orActive(want.account) && len(want.then) == 0 && want.outcome != "" {
		t.Errorf("the account is %s, want %s", x.Account.Status, orActive(want.account))
	}
	checkPause(t, x, want)
	if want.account == "held" {
		o.heldMailIsKept(t, x)
		heal()
		if _, err := o.api.ReleaseAccount(t.Context(), x.Account.ID); err != nil {
			t.Fatal(err)
		}
	}
	end := want.end
	if end == "" {
		end = "accepted"
	}
	until(t, fmt.Sprintf("%s is %s (%s)", id, end, o.summary(t, id)), patient, func() bool { x = o.explain(t, id); return x.Status == end })
	o.checkEnd(t, x, want, copies())
}

func orActive(state string) string {
	if state == "" {
		return "active"
	}
	return state
}

// firstAttempt waits for the outcome of the first attempt and compares it.
func (o *office) firstAttempt(t *testing.T, id string, want seen) client.Explanation {
	t.Helper()
	var x client.Explanation
	until(t, "the first attempt has an outcome", patient, func() bool {
		x = o.explain(t, id)
		if len(x.Attempts) == 0 || x.Attempts[0].Outcome == "sending" {
			return false
		}
		return want.account == "" || x.Account.Status == want.account // what is known of accounts may be a second old
	})
	first := x.Attempts[0]
	if want.outcome == "" {
		return x
	}
	if first.Outcome != want.outcome || first.Cause != want.cause {
		t.Errorf("the first attempt: %s %s, want %s %s (%s)", first.Outcome, first.Cause, want.outcome, want.cause, first.Text)
	}
	told := strings.Join([]string{x.Summary, first.Text, first.Fix, first.Reply, x.Fix, x.Account.Reason}, "\n")
	for _, words := range want.says {
		if !strings.Contains(told, words) {
			t.Errorf("nothing says %q:\n%s", words, told)
		}
	}
	if first.Text == "" || len(first.Reply) > 512 || strings.Contains(told, "token-") {
		t.Errorf("text %q, reply of %d bytes: %s", first.Text, len(first.Reply), told)
	}
	return x
}

// checkPause compares until when the account waits.
func checkPause(t *testing.T, x client.Explanation, want seen) {
	t.Helper()
	switch {
	case want.parked == 0:
	case x.Account.ParkedUntil == nil:
		t.Errorf("the account is %s and tells no time", x.Account.Status)
	default:
		if left := x.Account.ParkedUntil.Sub(x.Attempts[0].At.Time); left <= 0 || left > want.parked {
			t.Errorf("parked for %s, want at most %s", left, want.parked)
		}
	}
}

// heldMailIsKept: it stays queued, says who has to do what, and nobody tries it.
func (o *office) heldMailIsKept(t *testing.T, x client.Explanation) {
	t.Helper()
	a := o.account(t, x.Account.ID)
	if x.Status != "queued" || x.Next == "" || x.Fix == "" || a.Status != "held" || a.Cause == "" || a.Reason == "" {
		t.Errorf("held mail is %s: %q, %q; account %s %s %q", x.Status, x.Next, x.Fix, a.Status, a.Cause, a.Reason)
	}
	if n := len(x.Attempts); n != 1 {
		t.Errorf("tried %d times though the account is held", n)
	}
}

func (o *office) checkEnd(t *testing.T, x client.Explanation, want seen, copies []copied) {
	t.Helper()
	var then []string
	marked := false
	for _, a := range x.Attempts[1:] {
		then = append(then, a.Outcome)
		marked = marked || a.PossibleDuplicate
	}
	if want.then != nil && !slices.Equal(then, want.then) {
		t.Errorf("after the first attempt: %v, want %v", then, want.then)
	}
	if marked != want.mark {
		t.Errorf("marked as a possible duplicate: %v", marked)
	}
	if len(copies) != want.copies {
		t.Errorf("%d copies arrived, want %d: %s", len(copies), want.copies, x.Summary)
	}
}

func (o *office) summary(t *testing.T, id string) string {
	t.Helper()
	return o.explain(t, id).Summary
}

// atOnce are cases that run beside each other, all of them: most of their time is
// waiting, and the flag -parallel would let two run.
type atOnce map[string]func(t *testing.T)

func (cases atOnce) run(t *testing.T) {
	var all sync.WaitGroup
	for name, one := range cases {
		all.Go(func() { t.Run(name, one) })
	}
	all.Wait()
}
