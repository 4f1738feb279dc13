package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatepost/client"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// Mail is paused, counted, held and canceled over the API, by a client.
func TestQueueByClient(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		c, err := client.New(w.url, w.key)
		w.must(err)
		ctx := t.Context()
		const n = 3
		for range n {
			w.post("/v1/messages", simple).want(http.StatusAccepted)
		}
		paused, err := c.Pause(ctx, client.NewPause{Account: "app@example.com", Reason: "a test"})
		w.must(err)
		if len(paused.Data) != 1 || paused.Data[0].Account != w.smtp || paused.Data[0].Lane != "" || paused.Data[0].Since.IsZero() {
			t.Errorf("paused: %+v", paused)
		}
		w.run()
		q, err := c.Queue(ctx, client.QueueQuery{State: "queued"})
		w.must(err)
		if len(q.Waiting) != 1 || q.Waiting[0].Messages != n || q.Waiting[0].Why != "paused" || q.Waiting[0].Address != "app@example.com" || len(q.Pauses) != 1 {
			t.Fatalf("the queue: %+v", q)
		}
		counted, err := c.OrderQueue(ctx, client.VerbHold, client.QueueOrder{Account: "app@example.com", DryRun: true}, nil)
		w.must(err)
		if !counted.DryRun || counted.Messages != n || len(counted.Waiting) != 1 {
			t.Errorf("would be held: %+v", counted)
		}
		parts := 0
		held, err := c.OrderQueue(ctx, client.VerbHold, client.QueueOrder{SubmittedBefore: client.At(time.Now().Add(time.Minute))}, func(client.QueueOrdered) { parts++ })
		w.must(err)
		if held.Messages != n || parts != 1 || held.NextCursor != "" {
			t.Errorf("held: %+v in %d parts", held, parts)
		}
		left, err := c.Resume(ctx, client.NewPause{Account: w.smtp})
		w.must(err)
		if len(left.Data) != 0 {
			t.Errorf("still paused: %+v", left)
		}
		canceled, err := c.OrderQueue(ctx, client.VerbCancel, client.QueueOrder{Cause: "by_hand", Reason: "sold out"}, nil)
		w.must(err)
		if q, err = c.Queue(ctx, client.QueueQuery{}); err != nil || canceled.Messages != n || len(q.Waiting) != 0 {
			t.Errorf("canceled: %+v, waiting %+v, %v", canceled, q, err)
		}
	})
}

// What is paused leaves as soon as it is resumed.
func TestResumedMailLeaves(t *testing.T) {
	w := sqlite(t)
	w.post("/v1/queue/pause", `{"lane": "normal"}`).want(http.StatusOK)
	location := w.post("/v1/messages", simple).header.Get("Location")
	w.run()
	urgent := w.post("/v1/messages", `{"from": "app@example.com", "to": "maria@example.org", "subject": "s", "text": "t", "type": "otp"}`).header.Get("Location")
	status := func(path string) string {
		return w.get(path).object()["recipients"].([]any)[0].(map[string]any)["status"].(string)
	}
	w.until("mail of another lane is sent", func() bool { return status(urgent) == "accepted" })
	if got := status(location); got != "queued" {
		t.Errorf("what is paused is %s", got)
	}
	w.post("/v1/queue/resume", `{"lane": "normal"}`).want(http.StatusOK)
	w.until("resumed mail is sent", func() bool { return status(location) == "accepted" })
}

func TestQueueOrdersThatAreWrong(t *testing.T) {
	w := sqlite(t)
	later := time.Now().UTC().Add(2 * time.Hour).Format(time.RFC3339)
	for _, c := range []struct{ path, body, field string }{
		{"/v1/queue/hold", `{"lane": "slow"}`, "lane"},
		{"/v1/queue/hold", `{"type": "letter"}`, "type"},
		{"/v1/queue/hold", `{"state": "sending"}`, "state"},
		{"/v1/queue/hold", `{"state": "held"}`, "state"},
		{"/v1/queue/hold", `{"account": "nobody@example.com"}`, "account"},
		{"/v1/queue/hold", `{"cursor": "x"}`, "cursor"},
		{"/v1/queue/hold", `{"cursor": ""}`, "cursor"},
		{"/v1/queue/hold", `{"cursor": null}`, "cursor"},
		{"/v1/queue/hold", `{"to": null}`, "to"},
		{"/v1/queue/hold", `{"all": true}`, "all"},
		{"/v1/queue/cancel", `{"submitted_before": "` + later + `"}`, "submitted_before"},
		{"/v1/queue/retry", `{"cause": "gaveup"}`, "cause"},
		{"/v1/queue/move", `{}`, "to"},
		{"/v1/queue/move", `{"to": "nobody@example.com"}`, "to"},
		{"/v1/queue/cancel", `{"to": "app@example.com"}`, "to"},
		{"/v1/queue/pause", `{"account": "acc_x"}`, "account"},
		{"/v1/queue/pause", `{"account": "acc_01jd2q0000e0080g40r40m30e2"}`, "account"},
		{"/v1/queue/pause", `{"account": "pool_01jd2q0000e0080g40r40m30e2"}`, "account"},
		{"/v1/queue/pause", fmt.Sprintf(`{"reason": "%0300d"}`, 0), "reason"},
	} {
		if fields := w.post(c.path, c.body).problem(http.StatusUnprocessableEntity, "invalid"); len(fields) != 1 || fields[c.field] == "" {
			t.Errorf("%s %s: %v", c.path, c.body, fields)
		}
	}
	for query, field := range map[string]string{"state=failed": "state", "lane=x": "lane", "submitted_before=x": "submitted_before", "submitted_before=" + later: "submitted_before", "x=1": "x", "cause=gaveup": "cause"} {
		if fields := w.get("/v1/queue?"+query).problem(http.StatusUnprocessableEntity, "invalid"); fields[field] == "" {
			t.Errorf("%s: %v", query, fields)
		}
	}
	for _, twice := range []string{"lane=bulk&lane=normal", "state=held&state=queued", "type=otp&type=invoice", "account=a&account=b"} {
		field, _, _ := strings.Cut(twice, "=")
		if fields := w.get("/v1/queue?"+twice).problem(http.StatusUnprocessableEntity, "invalid"); len(fields) != 1 || fields[field] != "given twice" {
			t.Errorf("%s: %v", twice, fields)
		}
	}
	sender := w.newKey("messages:send", "messages:read")
	w.post("/v1/queue/pause", `{}`, "Authorization", "Bearer "+sender).problem(http.StatusForbidden, "forbidden")
	w.get("/v1/queue", "Authorization", "Bearer "+sender).want(http.StatusOK)
}

// A pool is named where an account is, by its id or name.
func TestQueueOfAPool(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		pool := w.post("/v1/pools", `{"name": "Shop", "strategy": "random", "members": [{"account": "`+w.smtp+`"}]}`).want(http.StatusCreated).object()["id"].(string)
		for range 3 {
			w.post("/v1/messages", `{"account": "shop", "from": "app@example.com", "to": "maria@example.org", "subject": "s", "text": "t"}`).want(http.StatusAccepted)
		}
		w.post("/v1/messages", simple).want(http.StatusAccepted)
		for _, name := range []string{pool, "shop"} {
			list := w.get("/v1/queue?account=" + name).want(http.StatusOK).object()["waiting"].([]any)
			if len(list) != 1 {
				t.Fatalf("%s: %v", name, list)
			}
			if x := list[0].(map[string]any); x["account"] != pool || x["address"] != "Shop" || x["messages"] != 3.0 || x["why"] != "turn" {
				t.Errorf("%s: %v", name, x)
			}
		}
		if o := w.post("/v1/queue/cancel", `{"account": "Shop"}`).want(http.StatusOK).object(); o["messages"] != 3.0 {
			t.Errorf("canceled: %v", o)
		}
	})
}

// A pause of what is not there is refused with the field; what is paused is told by
// its name.
func TestPauseNamesWhatIsThere(t *testing.T) {
	w := sqlite(t)
	pool := w.post("/v1/pools", `{"name": "Shop", "members": [{"account": "`+w.smtp+`"}]}`).want(http.StatusCreated).object()["id"].(string)
	for _, name := range []string{"nobody@example.com", "Shops", w.smtp[:len(w.smtp)-1] + "0", pool[:len(pool)-1] + "0", "acc_x"} {
		if name == w.smtp || name == pool {
			continue
		}
		for _, verb := range []string{"pause", "resume"} {
			r := w.post("/v1/queue/"+verb, `{"account": "`+name+`"}`)
			wantFields(t, r.problem(http.StatusUnprocessableEntity, "invalid"), []string{"account"})
		}
	}
	for name, want := range map[string]string{pool: "Shop", "shop": "Shop", w.smtp: "app@example.com", "app@example.com": "app@example.com"} {
		list := w.post("/v1/queue/pause", `{"account": "`+name+`"}`).want(http.StatusOK).object()["data"].([]any)
		if p := list[0].(map[string]any); len(list) != 1 || p["address"] != want {
			t.Errorf("%s paused: %v", name, list)
		}
		w.post("/v1/queue/resume", `{"account": "`+name+`"}`).want(http.StatusOK)
	}
}

// An empty field is a slip and not a wish for all mail.
func TestEmptyFieldsSelectNothing(t *testing.T) {
	w := sqlite(t)
	w.post("/v1/messages", simple).want(http.StatusAccepted)
	for _, field := range []string{"account", "lane", "type", "cause", "state"} {
		wantFields(t, w.post("/v1/queue/cancel", `{"`+field+`": ""}`).problem(http.StatusUnprocessableEntity, "invalid"), []string{field})
	}
	wantFields(t, w.post("/v1/queue/pause", `{"account": "", "lane": ""}`).problem(http.StatusUnprocessableEntity, "invalid"), []string{"account", "lane"})
	for _, field := range []string{"account", "lane", "type", "cause", "state", "submitted_before", "dry_run"} {
		for _, verb := range []string{"hold", "release", "retry", "cancel"} {
			wantFields(t, w.post("/v1/queue/"+verb, `{"`+field+`": null}`).problem(http.StatusUnprocessableEntity, "invalid"), []string{field})
		}
	}
	wantFields(t, w.post("/v1/queue/pause", `{"account": null, "lane": null, "dry_run": null}`).problem(http.StatusUnprocessableEntity, "invalid"), []string{"account", "lane", "dry_run"})
	for _, field := range []string{"account", "lane", "type", "cause", "state", "submitted_before"} {
		wantFields(t, w.get("/v1/queue?"+field+"=").problem(http.StatusUnprocessableEntity, "invalid"), []string{field})
	}
	if q := w.get("/v1/queue").want(http.StatusOK).object(); len(q["waiting"].([]any)) != 1 || len(q["pauses"].([]any)) != 0 {
		t.Errorf("something was done: %v", q)
	}
}

// A pause is counted without being made, and tells which one it has ended.
func TestPauseIsCountedAndEnded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		c, err := client.New(w.url, w.key)
		w.must(err)
		ctx := t.Context()
		w.post("/v1/messages", simple).want(http.StatusAccepted)
		bulk := client.NewPause{Account: "app@example.com", Lane: "bulk"}
		would, err := c.Pause(ctx, client.NewPause{Account: "app@example.com", DryRun: true})
		w.must(err)
		if len(would.Data) != 0 || would.Counted == nil || would.Counted.Messages != 1 || would.Ended != nil {
			t.Errorf("would be paused: %+v", would)
		}
		made, err := c.Pause(ctx, client.NewPause{Account: "app@example.com"})
		w.must(err)
		if len(made.Data) != 1 || made.Counted != nil {
			t.Errorf("paused: %+v", made)
		}
		none, err := c.Resume(ctx, bulk)
		w.must(err)
		if none.Ended != nil || len(none.Data) != 1 {
			t.Errorf("no such pause: %+v", none)
		}
		would, err = c.Resume(ctx, client.NewPause{Account: "app@example.com", DryRun: true})
		w.must(err)
		if would.Ended == nil || len(would.Data) != 1 || would.Counted.Messages != 1 {
			t.Errorf("would be resumed: %+v", would)
		}
		ended, err := c.Resume(ctx, client.NewPause{Account: "app@example.com"})
		w.must(err)
		if ended.Ended == nil || ended.Ended.Account != w.smtp || len(ended.Data) != 0 {
			t.Errorf("resumed: %+v", ended)
		}
	})
}

// Who asks for one account or lane is told of the pauses that are about it.
func TestQueueTellsOfItsOwnPauses(t *testing.T) {
	w := sqlite(t)
	w.post("/v1/queue/pause", `{"account": "app@example.com"}`).want(http.StatusOK)
	w.post("/v1/queue/pause", `{"lane": "bulk"}`).want(http.StatusOK)
	for query, want := range map[string]int{"": 2, "?account=app@example.com": 2, "?account=box@example.net": 1, "?lane=normal": 1, "?account=box@example.net&lane=urgent": 0} {
		if got := w.get("/v1/queue" + query).want(http.StatusOK).object()["pauses"].([]any); len(got) != want {
			t.Errorf("%s: %v", query, got)
		}
	}
}

// Mail is moved to an account, which has to be given.
func TestMoveSaysWhere(t *testing.T) {
	w := sqlite(t)
	w.post("/v1/pools", `{"name": "Shop", "members": [{"account": "`+w.smtp+`"}]}`).want(http.StatusCreated)
	for body, want := range map[string]string{`{}`: "is missing", `{"to": "shop"}`: "is a pool", `{"to": "x@example.com"}`: "not the id or address"} {
		p := w.post("/v1/queue/move", body).problem(http.StatusUnprocessableEntity, "invalid")
		if text := fmt.Sprint(p); !strings.Contains(text, want) {
			t.Errorf("%s: %s", body, text)
		}
	}
}
