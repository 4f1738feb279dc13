package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"gatepost/client"
)

// The table tells accounts and pools apart, and names what a refusal has lowered.
func TestCapacityTable(t *testing.T) {
	var out bytes.Buffer
	printing(&out).capacity(client.CapacityList{
		Data: []client.Capacity{
			{Address: "a@example.com", Status: "active", Now: new(int64(3)), Urgent: new(int64(60)), Today: new(int64(1900)), Limits: []client.CapacityLimit{{
				Name: "messages per day of the mailbox", Max: 900, Source: "learned on 2026-11-21 from daily_limit; 2000 by a page",
				LearnedUntil: &client.Time{Time: time.Date(2026, 1, 28, 9, 0, 0, 0, time.Local)},
			}}},
			{Address: "b@example.com", Status: "parked", Now: new(int64(0)), Urgent: new(int64(0)), NextAt: &client.Time{Time: time.Date(2026, 1, 21, 14, 5, 0, 0, time.Local)}},
		},
		Pools: []client.PoolCapacity{{Name: "shop", Now: new(int64(3)), Accounts: []string{"acc_1", "acc_2"}}},
	})
	for _, want := range []string{
		"a@example.com    active     3    60      1900", "b@example.com    parked     0    0       -      2026-01-21 14:05", "shop             pool of 2  3    -       -",
		"a@example.com: 900 messages per day of the mailbox, learned on 2026-11-21 from daily_limit; 2000 by a page; until 2026-01-28 09:00. To forget it: gatepost accounts release a@example.com\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}
