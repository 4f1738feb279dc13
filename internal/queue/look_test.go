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
