package queue

import (
	"crypto/rand"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// A look that is refused until a time is not made before it, and the account that
// is over its quota rests.
func TestRefusedLookWaitsAsToldAndParksTheAccount(t *testing.T) {
	e := New(Config{Now: func() time.Time { return simStart }, Random: rand.Reader})
	en := &store.Entry{Message: "msg_1", State: email.Unknown, Unsettled: 1, UnknownAt: simStart}
	until := simStart.Add(time.Hour)
	quota := &provider.Error{Class: provider.Park, Scope: provider.ScopeAccount, Cause: "quota", Until: until}
	f, err := e.settleLook(en, lookResult{began: simStart, err: quota}, []store.OpenRecipient{{}})
	if err != nil || f.Next == nil || f.Next.State != email.Unknown || f.Next.DueAt.Before(until) {
		t.Errorf("next: %+v, %v", f.Next, err)
	}
	if f.Account == nil || f.Account.Hold || !f.Account.Until.Equal(until) {
		t.Errorf("account: %+v", f.Account)
	}
}

// A look goes back further than the attempt: clocks differ. Where ours may have
// been set since, it goes back a day.
func TestLookGoesFurtherBackThanTheAttempt(t *testing.T) {
	wall, elapsed := simStart, time.Duration(0)
	e := New(Config{Now: func() time.Time { return wall }, Elapsed: func() time.Duration { return elapsed }})
	if got := e.lookMargin(wall.Add(-time.Minute)); got != 24*time.Hour {
		t.Errorf("of an attempt from before this process: %s", got)
	}
	wall, elapsed = wall.Add(time.Hour), elapsed+time.Hour
	if got := e.lookMargin(wall.Add(-time.Minute)); got != 15*time.Minute {
		t.Errorf("with a clock that ran evenly: %s", got)
	}
	wall = wall.Add(-time.Hour)
	if got := e.lookMargin(wall.Add(-time.Minute)); got != 24*time.Hour {
		t.Errorf("with a clock that was set back: %s", got)
	}
}
