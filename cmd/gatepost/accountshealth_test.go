package main

import (
	"bytes"
	"testing"
	"time"

	"gatepost/client"
)

func TestAccountsHealth(t *testing.T) {
	_, f := sandboxed(t)
	ada := f.Accounts[0].Address
	says(t, f, 0, []string{ada + " could send for 100 % of the time from "}, "accounts", "health", ada)
	says(t, f, 2, []string{"--since", "write how long ago"}, "accounts", "health", ada, "--since", "yesterday")

	var out bytes.Buffer
	now := time.Now()
	r := &remote{printer: &printer{out: &out}}
	r.health(client.AccountHealth{Address: ada, Well: 0.99999, Trouble: []client.Trouble{
		{State: "held", From: client.Time{Time: now}, Goes: true, Cause: "auth_failed", Fix: "store a new password", Times: 1},
		{State: "parked", From: client.Time{Time: now}, Until: client.At(now.Add(90 * time.Second)), Cause: "rate_limited", Times: 3},
		{State: "paused", From: client.Time{Time: now}, Until: client.At(now), Cause: "paused", Times: 1},
	}})
	for _, want := range []string{"99.99 %", "held  since then · auth_failed", "store a new password", "parked  for 1m30s · 3 times in a row · rate_limited\n", "paused  for less than a second\n"} {
		if !bytes.Contains(out.Bytes(), []byte(want)) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}
