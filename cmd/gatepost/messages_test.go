package main

import (
	"testing"
	"time"

	"gatepost/client"
)

// A next try is in the future; of mail that is due the explanation tells.
func TestNextTryIsNotInThePast(t *testing.T) {
	now := time.Date(2026, 1, 21, 14, 5, 0, 0, time.Local)
	at := func(d time.Duration) client.Message {
		return client.Message{MessageSummary: client.MessageSummary{ID: "msg_1", NextAt: &client.Time{Time: now.Add(d)}}}
	}
	for want, m := range map[string]client.Message{
		"":                 {},
		"2026-01-21 14:06": at(time.Minute),
		"due; for what it waits: gatepost messages explain msg_1": at(-time.Minute),
	} {
		if got := nextTry(m, now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
