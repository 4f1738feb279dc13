package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/client"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
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
			if len(c.Limits) != 2 || *c.Now != 2 || *c.Urgent != 30 || c.NextAt != nil || *c.Today != 9500 || c.Limits[0].Window != 60 || c.Limits[0].Scope != "relay" {
				t.Errorf("the relay: %+v", c)
			}
		case w.gmail:
			seen++
			if len(c.Limits) != 6 || *c.Now != 3 || *c.Urgent != 60 || *c.Today != 1900 {
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

// A pool stands beside the accounts; a limit that a refusal has lowered says so, until
// the account is released.
func TestCapacityHasPoolsAndLearnedLimits(t *testing.T) {
	w := sqlite(t)
	w.made("/v1/pools", `{"name": "shop", "members": [{"account": "`+w.gmail+`"}]}`)
	capacity := func() (list client.CapacityList, gmail client.Capacity) {
		t.Helper()
		w.must(json.Unmarshal(w.get("/v1/capacity").want(http.StatusOK).body, &list))
		for _, c := range list.Data {
			if c.Account == w.gmail {
				gmail = c
			}
		}
		return list, gmail
	}
	list, _ := capacity()
	if len(list.Pools) != 1 || list.Pools[0].Name != "shop" || *list.Pools[0].Now != 3 || *list.Pools[0].Urgent != 60 || *list.Pools[0].Today != 1900 || len(list.Pools[0].Accounts) != 1 {
		t.Errorf("pools: %+v", list.Pools)
	}
	day := store.Limit{
		Key: store.LimitKey("mailbox:box@example.net", provider.UnitMessages, provider.Day), Max: 2000, Usual: 2000, Window: provider.Day, Cost: 1,
	}
	now := time.Now()
	w.must(w.store.ChangeAccount(t.Context(), w.team, w.gmail, store.AccountChange{
		Until: now.Add(time.Hour), Began: now, Event: store.Event{ID: "evt_1", Kind: email.EventAccountParked, At: now},
		Learn: &store.Learn{Limits: []store.Limit{day}, Cause: "daily_limit", At: now},
	}))
	w.engine.AccountChanged(w.team, w.gmail)
	_, a := capacity()
	if l := a.Limits[2]; a.Status != "parked" || *a.Today != 950 || l.Max != 1000 || l.LearnedUntil == nil || *l.Usual != 2000 || !strings.Contains(l.Source, "from daily_limit; 2000 by ") {
		t.Errorf("learned: %+v", a)
	}
	w.post("/v1/accounts/"+w.gmail+"/release", "").want(http.StatusOK)
	if _, a = capacity(); a.Status != "active" || *a.Today != 1900 || a.Limits[2].LearnedUntil != nil || a.Limits[2].Usual != nil {
		t.Errorf("released: %+v", a)
	}
}

// What can still be sent is told of one account, or of one pool, too.
func TestCapacityOfSome(t *testing.T) {
	w := sqlite(t)
	shop := w.made("/v1/pools", `{"name": "shop", "members": [{"account": "`+w.gmail+`"}]}`)
	both := w.made("/v1/pools", `{"name": "both", "members": [{"account": "`+w.gmail+`"}, {"account": "`+w.smtp+`"}]}`)
	c := w.client()
	for _, x := range []struct {
		account, pool string
		want          []string
	}{
		{w.smtp, "", []string{w.smtp, both}},
		{"app@example.com", "", []string{w.smtp, both}},
		{"", "shop", []string{w.gmail, shop}},
		{"", both, []string{w.gmail, w.smtp, both}},
		{w.smtp, "both", []string{w.smtp, both}},
		{w.smtp, "shop", nil},
	} {
		list, err := c.CapacityOf(t.Context(), client.CapacityQuery{Account: x.account, Pool: x.pool})
		w.must(err)
		var got []string
		for _, a := range list.Data {
			got = append(got, a.Account)
		}
		for _, p := range list.Pools {
			got = append(got, p.Pool)
		}
		slices.Sort(got)
		slices.Sort(x.want)
		if !slices.Equal(got, x.want) {
			t.Errorf("account %q, pool %q: %v, want %v", x.account, x.pool, got, x.want)
		}
	}
	for query, field := range map[string]string{
		"foo=1": "foo", "account=nobody": "account", "account=shop": "account", "pool=" + w.smtp: "pool", "pool=": "pool", "account=": "account", "pool=a&pool=b": "pool",
	} {
		wantFields(t, w.get("/v1/capacity?"+query).problem(http.StatusUnprocessableEntity, "invalid"), []string{field})
	}
}

// Nothing that is asked of a list or of a thing is passed over in silence.
func TestUnknownParametersAreRefused(t *testing.T) {
	w := sqlite(t)
	n := 0
	for _, o := range new(server).operations() {
		if o.open || o.method() != http.MethodGet {
			continue
		}
		n++
		fields := w.get(strings.ReplaceAll(o.path(), "{id}", w.smtp)+"?foo=1").problem(http.StatusUnprocessableEntity, "invalid")
		if fields["foo"] != "unknown query parameter" {
			t.Errorf("%s: %v", o.pattern, fields)
		}
	}
	if n < 20 {
		t.Errorf("only %d are read", n)
	}
}
