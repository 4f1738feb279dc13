package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gatepost/client"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// In the mode all every mistake of every message is told, and nothing is kept.
func TestBatchAllOrNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		r := w.post("/v1/messages/batch", `{"messages": [`+simple+`, {"from": "ceo@example.com", "to": ["a@b.example", "nobody"], "text": 5, "colour": 1},
			{"from": "app@example.com", "to": "a@b.example", "text": "x", "idempotency_key": "a b"}, 7], "x": 1}`)
		wantFields(t, r.problem(http.StatusUnprocessableEntity, "invalid"), []string{
			"messages[1].from", "messages[1].to[1]", "messages[1].text", "messages[1].colour", "messages[2].idempotency_key",
			"messages[3]", "x",
		})
		r = w.post("/v1/messages/batch", `{"messages": [`+simple+`, {"from": "ceo@example.com", "to": "a@b.example", "text": "x"}]}`)
		wantFields(t, r.problem(http.StatusUnprocessableEntity, "invalid"), []string{"messages[1].from"})
		if n := w.count(); n != 0 {
			t.Errorf("%d messages were kept", n)
		}
	})
}

// In the mode each what is right is kept.
func TestBatchEach(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		got := w.post("/v1/messages/batch", `{"mode": "each", "messages": [{"to": 5}, `+simple+`, {"from": "ceo@example.com", "to": "a@b.example", "text": "x"}]}`).want(http.StatusOK).object()
		data := got["data"].([]any)
		for i, kept := range []bool{false, true, false} {
			r := data[i].(map[string]any)
			if r["index"] != float64(i) || (r["submitted"] != nil) != kept || (r["errors"] != nil) == kept {
				t.Errorf("result %d: %v", i, r)
			}
		}
		if fields := fmt.Sprint(data[0]); !strings.Contains(fields, "field:to ") || !strings.Contains(fields, "field:text") {
			t.Errorf("%s", fields)
		}
		if n := w.count(); n != 1 {
			t.Errorf("%d messages were kept, want 1", n)
		}
	})
}

// Each message of a batch has one effect under its key, however often and in
// whatever batch it comes.
func TestBatchIdempotency(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		c := w.client()
		batch := client.NewBatch{Mode: "each"}
		for i := range 3 {
			m := hello(fmt.Sprintf("u%d@example.org", i))
			m.IdempotencyKey = fmt.Sprint("k", i)
			batch.Messages = append(batch.Messages, m)
		}
		first, err := c.SendBatch(t.Context(), batch)
		w.must(err)
		batch.Messages[1].Text = "Another."
		again, err := c.SendBatch(t.Context(), batch)
		w.must(err)
		for i, r := range again.Data {
			reused := i == 1
			if (r.Problem != nil) != reused || !reused && (r.Submitted.ID != first.Data[i].Submitted.ID || !r.Replayed) {
				t.Errorf("%d: %+v, first %+v", i, r, first.Data[i])
			}
		}
		if p := again.Data[1].Problem; p == nil || p.Type != "urn:gatepost:problem:idempotency_key_reused" || p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%+v", p)
		}
		batch.Mode = "all"
		_, err = c.SendBatch(t.Context(), batch)
		if e := w.refused(err, http.StatusUnprocessableEntity, "invalid"); len(e.Errors) != 1 || e.Errors[0].Field != "messages[1].idempotency_key" {
			t.Errorf("%v", err)
		}
		if n := w.count(); n != 3 {
			t.Errorf("%d messages were kept, want 3", n)
		}
	})
}

func TestBatchLimits(t *testing.T) {
	w := sqlite(t)
	const small = `{"from": "app@example.com", "to": "a@b.example", "text": "x"}`
	full := `{"messages": [` + strings.Repeat(small+",", 999) + small + `]}`
	if data := w.post("/v1/messages/batch", full).want(http.StatusOK).object()["data"].([]any); len(data) != 1000 {
		t.Errorf("%d results", len(data))
	}
	for body, fields := range map[string][]string{
		`{"messages": [` + strings.Repeat(small+",", 1000) + small + `]}`: {"messages"},
		`{}`:                               {"messages"},
		`{"messages": []}`:                 {"messages"},
		`{"messages": {}}`:                 {"messages"},
		`{"messages": [], "mode": "some"}`: {"messages", "mode"},
		`{"mode": "each", "messages": [` + small + `], "messages[-1]": 1}`:  {"messages[-1]"},
		`{"mode": "each", "messages": [` + small + `], "messages[7].x": 1}`: {"messages[7].x"},
		`{"messages": [` + small + `], "mode": 5}`:                          {"mode"},
	} {
		wantFields(t, w.post("/v1/messages/batch", body).problem(http.StatusUnprocessableEntity, "invalid"), fields)
	}
	one := `{"messages": [` + small + `]}`
	wantFields(t, w.post("/v1/messages/batch", one, "Idempotency-Key", "k").problem(http.StatusUnprocessableEntity, "invalid"), []string{"Idempotency-Key"})
	for _, body := range []string{one, `{}`, `{"messages": [{"to": 5}]}`, `{"mode": "each", "messages": [{"to": 5}]}`} {
		w.post("/v1/messages/batch", body, "Authorization", "Bearer "+w.newKey("messages:read")).problem(http.StatusForbidden, "forbidden")
	}
	r := w.get("/v1/messages/batch")
	r.problem(http.StatusMethodNotAllowed, "method_not_allowed")
	if allow := r.header.Get("Allow"); allow != "POST" {
		t.Errorf("Allow: %s", allow)
	}
}

// Mistakes beyond those that are told one by one must not pass for none.
func TestBatchWithManyMistakes(t *testing.T) {
	w := sqlite(t)
	wrong := `{"mode": "each", "messages": [` + strings.Repeat(`{"colour": 1, "size": 2},`, 200) + simple + `]}`
	got := w.post("/v1/messages/batch", wrong).problem(http.StatusUnprocessableEntity, "invalid")
	if got["body"] == "" || w.count() != 0 {
		t.Errorf("%d fields, %d messages were kept", len(got), w.count())
	}
}
