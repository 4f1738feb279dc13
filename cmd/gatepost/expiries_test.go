package main

import (
	"testing"
	"time"

	"gatepost/client"
)

// TestDaysOfEnds: what is past says how long ago it was, and a change that has come is no
// reason why an account does not send.
func TestDaysOfEnds(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		at   time.Time
		left int
		want string
	}{
		{now.Add(36 * time.Hour), 2, "2"},
		{now.Add(-time.Hour), 0, "0"},
		{now.Add(-25 * time.Hour), 0, "1 ago"},
		{time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC), 0, "145 ago"},
	} {
		if got := daysTo(client.Expiry{At: &client.Time{Time: c.at}, DaysLeft: &c.left}, now); got != c.want {
			t.Errorf("%s: %q, want %q", c.at, got, c.want)
		}
	}
	none, past := 0, client.Time{Time: now.Add(-145 * 24 * time.Hour)}
	a := client.Account{Expiries: []client.Expiry{
		{Kind: "provider_change", At: &past, DaysLeft: &none, Summary: "changed"},
		{Kind: "provider_change", Summary: "to be changed"},
		{Kind: "client_secret", At: &past, DaysLeft: &none, Summary: "ended"},
	}}
	if got := whyNot(a); got != "to be changed, ended" {
		t.Errorf("why %q", got)
	}
}
