package api

import (
	"net/http"
	"strings"
	"testing"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func TestBadPools(t *testing.T) {
	w := sqlite(t)
	w.post("/v1/pools", `{"name": "Shop", "members": [{"account": "`+w.smtp+`"}]}`).want(http.StatusCreated)
	many := strings.Repeat(`{"account": "`+w.smtp+`"},`, 17)
	for _, c := range []struct {
		name, body string
		fields     []string
	}{
		{"nothing", `{}`, []string{"name", "members"}},
		{"wrong words", `{"name": "a@b", "strategy": "best", "sticky_by": "mood", "members": []}`, []string{"name", "strategy", "sticky_by", "members"}},
		{"a name that is taken", `{"name": "shop", "members": [{"account": "` + w.smtp + `"}]}`, []string{"name"}},
		{"a name like an id", `{"name": "acc_1", "members": [{"account": "` + w.smtp + `"}]}`, []string{"name"}},
		{
			"bad members", `{"name": "p", "members": [{"account": "nobody@example.com", "weight": -1}, {"account": "` + w.smtp + `", "domains": ["a b"]}, {"account": "` + w.smtp + `"}]}`,
			[]string{"members[0].account", "members[0].weight", "members[1].domains[0]", "members[2].account"},
		},
		{"a weight of nothing", `{"name": "p", "members": [{"account": "` + w.smtp + `", "weight": 0}]}`, []string{"members[0].weight"}},
		{
			"weights without a share", `{"name": "p", "strategy": "failover", "sticky_by": "recipient", "members": [{"account": "` + w.smtp + `", "weight": 1}, {"account": "` + w.gmail + `", "weight": 3}]}`,
			[]string{"sticky_by", "members[1].weight"},
		},
		{"a way to stick without sticking", `{"name": "p", "sticky_by": "thread", "members": [{"account": "` + w.smtp + `"}]}`, []string{"sticky_by"}},
		{"too many members", `{"name": "p", "members": [` + many[:len(many)-1] + `]}`, []string{"members"}},
	} {
		r := w.post("/v1/pools", c.body)
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			wantFields(t, r.problem(http.StatusUnprocessableEntity, "invalid"), c.fields)
		})
	}
}

// A pool is made, changed in part, and removed; an account leaves it first.
func TestPools(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		r := w.post("/v1/pools", `{"name": "Shop", "strategy": "weighted", "members": [{"account": "`+w.smtp+`", "weight": 3, "domains": ["@Example.ORG"]}, {"account": "`+w.gmail+`"}]}`)
		at := r.want(http.StatusCreated).header.Get("Location")
		members := r.object()["members"].([]any)
		first := members[0].(map[string]any)
		if len(members) != 2 || first["weight"] != 3.0 || first["domains"].([]any)[0] != "example.org" || members[1].(map[string]any)["weight"] != 1.0 {
			t.Errorf("made: %s", r.body)
		}
		patch := func(body string) reply {
			return w.do("PATCH", at, strings.NewReader(body), "Content-Type", "application/json")
		}
		if p := patch(`{"strategy": "failover"}`).want(http.StatusOK).object(); p["strategy"] != "failover" || p["name"] != "Shop" || len(p["members"].([]any)) != 2 {
			t.Errorf("changed: %v", p)
		}
		wantFields(t, patch(`{"strategy": "", "sticky_by": ""}`).problem(http.StatusUnprocessableEntity, "invalid"), []string{"strategy", "sticky_by"})
		wantFields(t, patch(`{"sticky_by": "thread"}`).problem(http.StatusUnprocessableEntity, "invalid"), []string{"sticky_by"})
		if p := patch(`{"strategy": "sticky", "sticky_by": "thread"}`).want(http.StatusOK).object(); p["sticky_by"] != "thread" {
			t.Errorf("changed: %v", p)
		}
		patch(`{"strategy": "headroom"}`).want(http.StatusOK) // what stays of another strategy is no slip
		wantFields(t, patch(`{"members": []}`).problem(http.StatusUnprocessableEntity, "invalid"), []string{"members"})
		for _, field := range []string{"name", "strategy", "sticky_by", "members"} {
			wantFields(t, patch(`{"`+field+`": null}`).problem(http.StatusUnprocessableEntity, "invalid"), []string{field})
		}
		wantFields(t, patch(`{"colour": "red", "name": ""}`).problem(http.StatusUnprocessableEntity, "invalid"), []string{"colour", "name"})

		w.do("DELETE", "/v1/accounts/"+w.smtp, nil).problem(http.StatusConflict, "in_use")
		patch(`{"members": [{"account": "` + w.gmail + `"}]}`).want(http.StatusOK)
		w.do("DELETE", "/v1/accounts/"+w.smtp, nil).want(http.StatusNoContent)

		w.do("DELETE", at, nil).want(http.StatusNoContent)
		w.get(at).problem(http.StatusNotFound, "not_found")
		if n := len(w.get("/v1/pools").object()["data"].([]any)); n != 0 {
			t.Errorf("%d pools are left", n)
		}
	})
}

// What was given to a pool is found by it, whoever sends it; and not by another.
func TestMessagesOfAPool(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		shop := w.post("/v1/pools", `{"name": "Shop", "members": [{"account": "`+w.smtp+`"}]}`).want(http.StatusCreated).object()["id"].(string)
		w.post("/v1/pools", `{"name": "Other one", "members": [{"account": "`+w.smtp+`"}]}`).want(http.StatusCreated)
		w.post("/v1/messages", simple).want(http.StatusAccepted)
		sent := w.post("/v1/messages", `{"account": "shop", "from": "app@example.com", "to": "a@b.example", "text": "t"}`).want(http.StatusAccepted).object()["id"]
		for name, want := range map[string]int{shop: 1, "shop": 1, "other%20one": 0} {
			got := w.get("/v1/messages?account=" + name).want(http.StatusOK).object()["data"].([]any)
			if len(got) != want || want == 1 && got[0].(map[string]any)["id"] != sent {
				t.Errorf("%s: %v", name, got)
			}
		}
	})
}
