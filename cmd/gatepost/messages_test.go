package main

import (
	"bytes"
	"strings"
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

// Tries name their account, limits what is used of them.
func TestExplanationNamesAccountsAndUse(t *testing.T) {
	var out bytes.Buffer
	printing(&out).explanation(client.Explanation{
		ID: "msg_1", Status: "accepted",
		Limits: []client.ExplainedLimit{{Name: "recipients per message", Limit: 100, Used: 1}, {Name: "messages per day", Limit: 2000, Used: 1, InUse: new(int64(1822))}},
		Attempts: []client.Attempt{{
			Number: 1, Outcome: "accepted", Address: "b@example.com", At: client.Time{Time: time.Date(2026, 1, 21, 14, 5, 0, 0, time.Local)},
			Recipients: []string{"x@example.org"},
		}},
	})
	for _, want := range []string{
		"recipients per message: it takes 1, 100 allowed\n", "messages per day: it takes 1, 2000 allowed, 1822 of these used\n",
		"2026-01-21 14:05  by b@example.com  to x@example.org\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}
