package queue

import (
	"crypto/rand"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// A message whose outcome stays unknown is not handed over for ever: at the
// horizon it is held, and never said to have failed, since a copy may have left.
func TestUnknownOutcomesEndAtTheHorizon(t *testing.T) {
	for name, canLook := range map[string]bool{"Sent can tell": true, "nobody can tell": false} {
		t.Run(name, func(t *testing.T) {
			elapsed := time.Duration(0)
			e := New(Config{Now: func() time.Time { return simStart.Add(elapsed) }, Elapsed: func() time.Duration { return elapsed }, Random: rand.Reader})
			en := &store.Entry{Message: "msg_1", State: email.Sending, Unsettled: 1, OnUnknown: email.Retry}
			open := []store.OpenRecipient{{N: 0, Address: "a@b.example"}}
			for range 1000 {
				elapsed += time.Hour // past all looks
				f, err := e.settleUnknown(en, open, canLook)
				if err != nil || f.Next == nil || len(f.Verdicts) > 0 {
					t.Fatalf("settled as %+v, %v", f, err)
				}
				en.State, en.UnknownAt = f.Next.State, f.Next.UnknownAt
				en.Retries, en.RetryTime, en.Duplicate = f.Next.Retries, f.Next.RetryTime, f.Next.Duplicate
				switch {
				case en.State == email.Held && en.RetryTime >= e.cfg.Horizon:
					return
				case en.State == email.Held:
					t.Fatalf("held after %s", en.RetryTime)
				case en.State == email.Queued:
					en.State = email.Sending
				}
			}
			t.Errorf("still tried after %s", en.RetryTime)
		})
	}
}

// settleUnknown settles an attempt without an answer, or a look that found nothing.
func (e *Engine) settleUnknown(en *store.Entry, open []store.OpenRecipient, canLook bool) (*store.Finish, error) {
	if en.State == email.Unknown {
		return e.settleLook(en, lookResult{began: e.cfg.Now()}, open)
	}
	return e.settle(en, outcome{open: open, canLook: canLook, err: &provider.Error{Class: provider.Unknown, Cause: "no_answer"}})
}

// A provider that asks for a day of patience gets it: the horizon is about tries,
// not about waiting as told.
func TestLongRetryAfterIsWaitedFor(t *testing.T) {
	e := New(Config{Now: func() time.Time { return simStart }, Random: rand.Reader})
	en := &store.Entry{Message: "msg_1", State: email.Sending, Unsettled: 1, Retries: 1, RetryTime: 5 * time.Second}
	busy := &provider.Error{Class: provider.Retry, Cause: "busy", Until: simStart.Add(24 * time.Hour)}
	f, err := e.settle(en, outcome{open: []store.OpenRecipient{{}}, err: busy})
	if err != nil || f.Next == nil || !f.Next.DueAt.Equal(busy.Until) {
		t.Errorf("after 5 s of tries: %+v, %v", f, err)
	}
}
