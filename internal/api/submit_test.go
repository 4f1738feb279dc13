package api

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func rawJSON(message string) string {
	return fmt.Sprintf(`{"raw": %q}`, base64.StdEncoding.EncodeToString([]byte(message)))
}

const simple = `{"from": "app@example.com", "to": "maria@example.org", "subject": "Hello", "text": "Hello, Maria."}`

func TestSubmitAndShow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		r := w.post("/v1/messages", `{"from": {"address": "news@shop.example.com", "name": "Shop, Inc."}, "to": ["Maria Núñez <maria@example.org>"],
			"cc": {"address": "lee@example.org"}, "bcc": "boss@example.org", "subject": "Grüße 👋", "text": "Hi", "html": "<p>Hi</p>",
			"headers": {"X-Shop": "1"}, "attachments": [{"filename": "a.txt", "content": "aGVsbG8\/\n"}], "tags": ["x"], "metadata": {"k": "v"},
			"type": "invoice", "on_unknown": "hold"}`).want(http.StatusAccepted)
		sent := r.object()
		if sent["status"] != "queued" || sent["account"] != w.smtp || r.header.Get("Location") != fmt.Sprint("/v1/messages/", sent["id"]) {
			t.Fatalf("%s, Location %s", r.body, r.header.Get("Location"))
		}
		m := w.get(r.header.Get("Location")).want(http.StatusOK).object()
		for field, want := range map[string]any{
			"id": sent["id"], "account": w.smtp, "type": "invoice", "from": "news@shop.example.com", "subject": "Grüße 👋", "on_unknown": "hold",
			"submitted_at": sent["submitted_at"], "possible_duplicate": false, "attempts": 0.0,
		} {
			if m[field] != want {
				t.Errorf("%s is %v, want %v", field, m[field], want)
			}
		}
		var got []string
		for _, r := range m["recipients"].([]any) {
			r := r.(map[string]any)
			got = append(got, fmt.Sprint(r["role"], " ", r["address"], " ", r["status"]))
		}
		if want := []string{"to maria@example.org queued", "cc lee@example.org queued", "bcc boss@example.org queued"}; !slices.Equal(got, want) {
			t.Errorf("recipients %v", got)
		}
		if e := m["events"].([]any); len(e) != 1 || e[0].(map[string]any)["type"] != "message.submitted" {
			t.Errorf("events %v", e)
		}
		if next, err := time.Parse(time.RFC3339, fmt.Sprint(m["next_at"])); err != nil || time.Since(next) > time.Minute {
			t.Errorf("next_at %v", m["next_at"])
		}
	})
}

func TestWholeMessages(t *testing.T) {
	w := sqlite(t)
	const message = "From: App <app@example.com>\r\nTo: a@b.example\r\nBcc: c@d.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nx\r\n"
	for name, r := range map[string]reply{
		"raw in JSON":    w.post("/v1/messages", rawJSON(message)),
		"message/rfc822": w.do("POST", "/v1/messages?tags=a&tags=b&type=invoice&account="+w.smtp, strings.NewReader(message), "Content-Type", "message/rfc822"),
	} {
		m := w.get(r.want(http.StatusAccepted).header.Get("Location")).object()
		if m["subject"] != "Grüße" || len(m["recipients"].([]any)) != 2 {
			t.Errorf("%s: %v", name, m)
		}
		if name == "message/rfc822" && (fmt.Sprint(m["tags"]) != "[a b]" || m["type"] != "invoice") {
			t.Errorf("%s: %v", name, m)
		}
	}
	got := w.do("POST", "/v1/messages?colour=red&type=a&type=b", strings.NewReader("To: a\r\n\r\n"), "Content-Type", "message/rfc822").
		problem(http.StatusUnprocessableEntity, "invalid")
	for _, f := range []string{"colour", "type", "raw"} {
		if got[f] == "" {
			t.Errorf("%s is not named in %v", f, got)
		}
	}
	w.do("POST", "/v1/messages", http.NoBody, "Content-Type", "message/rfc822").problem(http.StatusUnprocessableEntity, "invalid")
}

func TestGzip(t *testing.T) {
	w := sqlite(t)
	w.do("POST", "/v1/messages", bytes.NewReader(pack(simple)), "Content-Type", "application/json", "Content-Encoding", "gzip").want(http.StatusAccepted)
	w.do("POST", "/v1/messages", bytes.NewReader(pack(simple)[:60]), "Content-Type", "application/json", "Content-Encoding", "gzip").
		problem(http.StatusBadRequest, "malformed")
	if n := w.count(); n != 1 {
		t.Errorf("%d messages were kept, want 1", n)
	}
}

func pack(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.Bytes()
}

func TestIdempotency(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		first := w.post("/v1/messages", simple, "Idempotency-Key", "invoice-4711").want(http.StatusAccepted)
		again := w.post("/v1/messages", simple, "Idempotency-Key", "invoice-4711").want(http.StatusAccepted)
		if !bytes.Equal(first.body, again.body) || first.header.Get("Location") != again.header.Get("Location") {
			t.Errorf("the answers differ: %s, %s", first.body, again.body)
		}
		if first.header.Get("Idempotent-Replayed") != "" || again.header.Get("Idempotent-Replayed") != "true" {
			t.Error("Idempotent-Replayed must mark the repetition alone")
		}
		other := strings.Replace(simple, "Hello, Maria.", "Hello, Lee.", 1)
		w.post("/v1/messages", other, "Idempotency-Key", "invoice-4711").problem(http.StatusUnprocessableEntity, "idempotency_key_reused")
		w.post("/v1/messages", `{"to": 5}`, "Idempotency-Key", "invoice-4711").problem(http.StatusUnprocessableEntity, "invalid")
		w.post("/v1/messages", simple, "Idempotency-Key", "invoice-4712").want(http.StatusAccepted)
		if n := w.count(); n != 2 {
			t.Errorf("%d messages were kept, want 2", n)
		}
	})
}

// The same request sent many times at once has one effect and one answer.
func TestParallelRepetitions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		const n = 50
		replies := make([]reply, n)
		var all sync.WaitGroup
		for i := range replies {
			all.Go(func() { replies[i] = w.post("/v1/messages", simple, "Idempotency-Key", "k") })
		}
		all.Wait()
		fresh := 0
		for _, r := range replies {
			if r.want(http.StatusAccepted); !bytes.Equal(r.body, replies[0].body) {
				t.Errorf("%s is not %s", r.body, replies[0].body)
			}
			if r.header.Get("Idempotent-Replayed") == "" {
				fresh++
			}
		}
		if fresh != 1 || w.count() != 1 {
			t.Errorf("%d answers were not marked as repetitions, %d messages were kept", fresh, w.count())
		}
	})
}

func TestIdempotencyKeysThatAreNone(t *testing.T) {
	w := sqlite(t)
	for _, key := range []string{"a b", strings.Repeat("k", 257), "ключ"} {
		if got := w.post("/v1/messages", simple, "Idempotency-Key", key).problem(http.StatusUnprocessableEntity, "invalid"); len(got) != 1 {
			t.Errorf("%q: %v", key, got)
		}
	}
	for _, values := range [][]string{{""}, {"a", "b"}} {
		req, err := http.NewRequest("POST", w.url+"/v1/messages", strings.NewReader(simple))
		w.must(err)
		req.Header = http.Header{"Authorization": {"Bearer " + w.key}, "Content-Type": {"application/json"}, "Idempotency-Key": values}
		res, err := http.DefaultClient.Do(req)
		w.must(err)
		var p problem
		w.must(json.NewDecoder(res.Body).Decode(&p))
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnprocessableEntity || len(p.Errors) != 1 || p.Errors[0].Field != "Idempotency-Key" {
			t.Errorf("%q: %d %+v", values, res.StatusCode, p)
		}
	}
	if n := w.count(); n != 0 {
		t.Errorf("%d messages were kept", n)
	}
}

func TestListPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		var want, got []string
		for range 5 {
			want = append(want, w.post("/v1/messages", simple).want(http.StatusAccepted).object()["id"].(string))
		}
		slices.Reverse(want)
		cursor, pages := "", 0
		for {
			page := w.get("/v1/messages?limit=2" + cursor).want(http.StatusOK).object()
			for _, m := range page["data"].([]any) {
				got = append(got, m.(map[string]any)["id"].(string))
			}
			pages++
			next, ok := page["next_cursor"].(string)
			if !ok {
				break
			}
			cursor = "&cursor=" + next
		}
		slices.Sort(want) // within a millisecond the order of ids is open
		slices.Sort(got)
		if !slices.Equal(got, want) || pages != 3 {
			t.Errorf("%d pages with %v, want %v", pages, got, want)
		}
		fields := w.get("/v1/messages?limit=0&cursor=bXNnXw&page=2").problem(http.StatusUnprocessableEntity, "invalid")
		wantFields(t, fields, []string{"limit", "cursor", "page"})
		w.get("/v1/messages?limit=101").problem(http.StatusUnprocessableEntity, "invalid")
		w.get("/v1/messages?limit=x").problem(http.StatusUnprocessableEntity, "invalid")
	})
}

// A message whose outcome is unknown is held by its policy, released over the
// API, and then accepted with a note that it may have arrived twice.
func TestReleaseHeldMessage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		w.relay.says(&provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "ambiguous_answer", Text: "No answer came."})
		w.run()
		path := w.post("/v1/messages", strings.Replace(simple, "{", `{"on_unknown": "hold", `, 1)).want(http.StatusAccepted).header.Get("Location")
		w.until("held", func() bool { return status(w.get(path)) == "held" })
		w.post(path+"/release", "", "Authorization", "Bearer "+w.newKey("messages:read")).problem(http.StatusForbidden, "forbidden")
		w.relay.says(nil)
		released := w.post(path+"/release", "").want(http.StatusOK).object()
		if n := released["attempts"]; released["possible_duplicate"] != true || n != 1.0 && n != 2.0 { // the next may have begun
			t.Errorf("released: %v", released)
		}
		w.until("accepted", func() bool { return status(w.get(path)) == "accepted" })
		w.post(path+"/release", "").problem(http.StatusConflict, "not_held")
		m := w.get(path).object()
		if m["possible_duplicate"] != true || m["attempts"] != 2.0 || m["next_at"] != nil {
			t.Errorf("accepted: %v", m)
		}
	})
}

func status(r reply) string {
	return r.object()["recipients"].([]any)[0].(map[string]any)["status"].(string)
}

func TestReleaseByKeyThatMayNotRead(t *testing.T) {
	w := sqlite(t)
	w.relay.says(&provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: "ambiguous_answer", Text: "No answer came."})
	w.run()
	path := w.post("/v1/messages", strings.Replace(simple, "{", `{"on_unknown": "hold", `, 1)).want(http.StatusAccepted).header.Get("Location")
	w.until("held", func() bool { return status(w.get(path)) == "held" })
	w.post(path+"/release", "", "Authorization", "Bearer "+w.newKey("messages:send")).want(http.StatusNoContent)
}
