package api

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"gatepost/client"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// What a person has paused is seen at the account and its pool, and counts as time in
// which the account could not send, also when it is over.
func TestPausedAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		c, err := client.New(w.url, w.key)
		w.must(err)
		pool, err := c.CreatePool(t.Context(), client.NewPool{Name: "shop", Members: []client.PoolMember{{Account: w.smtp}}})
		w.must(err)
		is := func(status, cause string, lanes, ofPool int) {
			t.Helper()
			a, err := c.Account(t.Context(), w.smtp)
			w.must(err)
			all, err := c.Accounts(t.Context())
			w.must(err)
			p, err := c.Pool(t.Context(), pool.ID)
			w.must(err)
			if a.Status != status || a.Cause != cause || len(a.PausedLanes) != lanes || all.Data[0].Status != status || len(p.PausedLanes) != ofPool {
				t.Errorf("%+v, listed %+v, pool %+v; want %s for %q, %d lanes, and %d of the pool", a, all.Data[0], p, status, cause, lanes, ofPool)
			}
		}
		change := func(do func(context.Context, client.NewPause) (client.PauseList, error), p client.NewPause) {
			t.Helper()
			_, err := do(t.Context(), p)
			w.must(err)
		}
		is("active", "", 0, 0)
		bulk, all := client.NewPause{Account: w.smtp, Lane: "bulk"}, client.NewPause{Account: w.smtp, Reason: "a price"}
		change(c.Pause, bulk)
		is("active", "", 1, 0)
		change(c.Pause, all)
		change(c.Pause, all) // the same one
		is("paused", "paused", 3, 0)
		change(c.Resume, all)
		change(c.Resume, bulk)
		change(c.Pause, client.NewPause{})
		is("paused", "paused", 3, 3)
		h, err := c.AccountHealth(t.Context(), w.smtp, time.Time{})
		w.must(err)
		if len(h.Trouble) != 3 || h.Well >= 1 {
			t.Fatalf("%+v", h)
		}
		for i, want := range []client.Trouble{{Goes: true, Fix: "when it may go on, POST /v1/queue/resume"}, {Text: "a price"}, {Lane: "bulk"}} {
			got := h.Trouble[i]
			if got.State != "paused" || got.Cause != "paused" || got.Goes != want.Goes || got.Fix != want.Fix || got.Text != want.Text || got.Lane != want.Lane || (got.Until == nil) != want.Goes {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
		change(c.Resume, client.NewPause{})
		is("active", "", 0, 0)
	})
}

func TestAccountHealth(t *testing.T) {
	w := sqlite(t)
	var h client.AccountHealth
	w.must(json.Unmarshal(w.get("/v1/accounts/"+w.gmail+"/health").want(http.StatusOK).body, &h))
	if h.Account != w.gmail || h.Well != 1 || h.Trouble == nil || len(h.Trouble) != 0 || !h.Until.After(h.From.Time) {
		t.Errorf("%+v", h)
	}
	ahead := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, query := range []string{"since=yesterday", "since=" + ahead, "until=" + ahead} {
		wantFields(t, w.get("/v1/accounts/"+w.gmail+"/health?"+query).problem(http.StatusUnprocessableEntity, "invalid"), []string{query[:5]})
	}
	w.get("/v1/accounts/acc_none/health").problem(http.StatusNotFound, "not_found")
}
