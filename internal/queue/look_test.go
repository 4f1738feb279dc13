package queue

import (
	"crypto/rand"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
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

// A look goes back further than the attempt, by more than any wrong time zone: copies
// bear the provider's time.
func TestLookGoesFurtherBackThanTheAttempt(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	w.send = func(email.Envelope, email.Content) (provider.Receipt, error) { return provider.Receipt{}, errNoAnswer }
	w.submit()
	began := w.now
	w.sendOne()
	w.lookAfter(30 * time.Second)
	if w.asked.Since.IsZero() || w.asked.Since.After(began.Add(-24*time.Hour)) {
		t.Errorf("the attempt began at %s, the look goes back to %s", began, w.asked.Since)
	}
}
