package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"gatepost/client"
)

// Limits that a person sets stand in the account and in what is left of it; what is
// known of a provider stands there by itself.
func TestCapacityHasTheLimitsOfTheSettings(t *testing.T) {
	w := sqlite(t)
	id := w.made("/v1/accounts", `{"address": "bulk@example.com", "transport": "smtp",
		"smtp": {"host": "relay.example.com", "limits": {"per_minute": 30, "recipients_per_day": 10000}}}`)
	var a client.Account
	w.must(json.Unmarshal(w.get("/v1/accounts/"+id).want(http.StatusOK).body, &a))
	if a.SMTP == nil || a.SMTP.Limits == nil || *a.SMTP.Limits.PerMinute != 30 || a.SMTP.Limits.PerDay != nil {
		t.Errorf("the account's settings: %+v", a.SMTP)
	}
	var list client.CapacityList
	w.must(json.Unmarshal(w.get("/v1/capacity").want(http.StatusOK).body, &list))
	seen := 0
	for _, c := range list.Data {
		switch c.Account {
		case id:
			seen++
			if len(c.Limits) != 2 || *c.Now != 29 || *c.Today != 9500 || c.Limits[0].Window != 60 || c.Limits[0].Scope != "relay" {
				t.Errorf("the relay: %+v", c)
			}
		case w.gmail:
			seen++
			if len(c.Limits) != 4 || *c.Now != 57 || *c.Today != 1900 {
				t.Errorf("the mailbox at Google: %+v", c)
			}
		case w.smtp:
			seen++
			if c.Now != nil || c.Today != nil || len(c.Limits) != 0 {
				t.Errorf("a relay of which nothing is known: %+v", c)
			}
		}
	}
	if seen != 3 {
		t.Errorf("%d of 3 accounts are told", seen)
	}
	bad := w.post("/v1/accounts", `{"address": "b@example.com", "transport": "smtp", "smtp": {"host": "r.example.com", "limits": {"per_day": -1, "units_per_minute": 5}}}`)
	wantFields(t, bad.problem(http.StatusUnprocessableEntity, "invalid"), []string{"smtp.limits.per_day", "smtp.limits.units_per_minute"})
}
