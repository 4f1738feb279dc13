package api

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatepost/client"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// client speaks to the world with a key of its own scopes; none: the world's.
func (w *world) client(scopes ...string) *client.Client {
	w.t.Helper()
	key := w.key
	if len(scopes) > 0 {
		key = w.newKey(scopes...)
	}
	c, err := client.New(w.url, key)
	w.must(err)
	return c
}

// refused makes sure that an error is a problem of that kind and status.
func (w *world) refused(err error, status int, kind string) *client.Error {
	w.t.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Status != status || e.Kind() != kind || e.Request == "" {
		w.t.Fatalf("error %v, want %d %s", err, status, kind)
	}
	return e
}

func hello(to string) client.NewMessage {
	return client.NewMessage{From: &client.Address{Address: "app@example.com"}, To: client.To(to), Subject: "Hello", Text: "Hello, Maria."}
}

// wait repeats a look until the first recipient is in a state.
func (w *world) wait(c *client.Client, id, state string) client.Message {
	w.t.Helper()
	var m client.Message
	w.until(state, func() bool {
		var err error
		m, err = c.Message(w.t.Context(), id)
		w.must(err)
		return m.Recipients[0].Status == state
	})
	return m
}

// A message on its way, by the client that programs use.
func TestClientSends(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		c, ctx := w.client(), t.Context()
		w.must(c.Ready(ctx))
		w.run()
		m := hello("maria@example.org")
		m.Attachments = []client.Attachment{{Filename: "empty.txt", Content: []byte{}}}
		first, err := c.Send(ctx, m, "k1")
		w.must(err)
		again, err := c.Send(ctx, m, "k1")
		w.must(err)
		if again.ID != first.ID || !again.Replayed || first.Replayed || first.Status != "queued" || again.SubmittedAt != first.SubmittedAt {
			t.Errorf("%+v, then %+v", first, again)
		}
		w.wait(c, first.ID, "accepted")
		m.Text = "Hello, Lee."
		_, err = c.Send(ctx, m, "k1")
		w.refused(err, http.StatusUnprocessableEntity, "idempotency_key_reused")
		raw, err := c.SendRaw(ctx, strings.NewReader("From: app@example.com\r\nTo: a@b.example\r\nSubject: Raw\r\n\r\nx\r\n"),
			client.RawOptions{Type: "invoice", Tags: []string{"november"}, SendAt: time.Now().Add(time.Hour), IdempotencyKey: "k2"})
		w.must(err)
		if got, err := c.Message(ctx, raw.ID); err != nil || got.Type != "invoice" || got.Tags[0] != "november" || got.SendAt == nil || got.Recipients[0].Status != "scheduled" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// The key of a message may stand in its body too, but not another one.
func TestIdempotencyKeyInTheBody(t *testing.T) {
	w := sqlite(t)
	body := strings.Replace(simple, "{", `{"idempotency_key": "k1", `, 1)
	first := w.post("/v1/messages", body).want(http.StatusAccepted)
	for _, again := range []reply{w.post("/v1/messages", body, "Idempotency-Key", "k1"), w.post("/v1/messages", simple, "Idempotency-Key", "k1")} {
		if string(again.want(http.StatusAccepted).body) != string(first.body) {
			t.Errorf("%s is not %s", again.body, first.body)
		}
	}
	wantFields(t, w.post("/v1/messages", body, "Idempotency-Key", "k2").problem(http.StatusUnprocessableEntity, "invalid"), []string{"Idempotency-Key"})
}

func TestScheduleAndCancel(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		c, ctx := w.client(), t.Context()
		m := hello("maria@example.org")
		at := time.Now().Add(time.Hour).Truncate(time.Millisecond)
		m.SendAt, m.Type = client.At(at), "reminder"
		s, err := c.Send(ctx, m, "")
		w.must(err)
		if s.Status != "scheduled" || !s.SendAt.Equal(at) || !s.ExpiresAt.Equal(at.Add(24*time.Hour)) {
			t.Errorf("%+v", s)
		}
		e, err := c.Explain(ctx, s.ID)
		w.must(err)
		if e.Status != "scheduled" || e.Summary == "" || e.Account.Address != "app@example.com" || e.Account.Why == "" || e.Policy.Type != "reminder" || e.NextAt == nil || len(e.Limits) == 0 {
			t.Errorf("%+v", e)
		}
		none, err := w.client("messages:send").Cancel(ctx, s.ID)
		if err != nil || none.ID != "" {
			t.Errorf("%+v, %v", none, err)
		}
		if got, err := c.Message(ctx, s.ID); err != nil || got.Recipients[0].Status != "canceled" {
			t.Errorf("%+v, %v", got, err)
		}
		_, err = c.Cancel(ctx, s.ID) // once more changes nothing
		w.must(err)
		_, err = c.Release(ctx, s.ID)
		w.refused(err, http.StatusConflict, "not_held")
		_, err = c.Retry(ctx, s.ID)
		w.refused(err, http.StatusConflict, "nothing_to_retry")
		_, err = c.Explain(ctx, id(t, "msg"))
		w.refused(err, http.StatusNotFound, "not_found")
	})
}

// A refusal is explained in the relay's own words, and the message can be sent
// again.
func TestExplainAndRetry(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		c, ctx := w.client(), t.Context()
		w.relay.says(&provider.Error{Class: provider.Fail, Scope: provider.ScopeMessage, Cause: "content_refused", Text: "The relay refused it.", Fix: "Change it.", Reply: "554 5.7.1 No"})
		w.run()
		s, err := c.Send(ctx, hello("maria@example.org"), "")
		w.must(err)
		w.wait(c, s.ID, "failed")
		e, err := c.Explain(ctx, s.ID)
		w.must(err)
		if len(e.Attempts) != 1 || e.Attempts[0].Reply != "554 5.7.1 No" || e.Attempts[0].Outcome != "failed" || e.Attempts[0].At.IsZero() {
			t.Errorf("%+v", e)
		}
		w.relay.says(nil)
		_, err = c.Retry(ctx, s.ID)
		w.must(err)
		w.wait(c, s.ID, "accepted")
		_, err = c.Cancel(ctx, s.ID)
		w.refused(err, http.StatusConflict, "too_late")
		if want := "It is too late for that: every recipient is final; what became of it: GET /v1/messages/" + s.ID + "/explain ("; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	})
}

// The content is what was sent, until its type has it shredded.
func TestContent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		c, ctx := w.client(), t.Context()
		m := hello("maria@example.org")
		s, err := c.Send(ctx, m, "")
		w.must(err)
		m.Type = "otp"
		code, err := c.Send(ctx, m, "")
		w.must(err)
		if got := w.content(c, s.ID); !strings.Contains(got, "Subject: Hello\r\n") || !strings.Contains(got, "\r\n\r\nHello, Maria.") {
			t.Errorf("content %q", got)
		}
		r := w.get("/v1/messages/" + s.ID + "/content").want(http.StatusOK)
		if r.header.Get("Content-Type") != "message/rfc822" || r.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("header %v", r.header)
		}
		_, err = w.client("messages:send").Content(ctx, s.ID)
		w.refused(err, http.StatusForbidden, "forbidden")
		w.run()
		w.wait(c, code.ID, "accepted")
		w.until("gone", func() bool {
			body, err := c.Content(ctx, code.ID)
			if err == nil {
				_ = body.Close()
			}
			return err != nil
		})
		_, err = c.Content(ctx, code.ID)
		w.refused(err, http.StatusGone, "gone")
		if got, err := c.Message(ctx, code.ID); err != nil || got.Subject != "" || got.ShreddedAt == nil || got.Lane != "urgent" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func (w *world) content(c *client.Client, id string) string {
	w.t.Helper()
	body, err := c.Content(w.t.Context(), id)
	w.must(err)
	defer body.Close()
	b, err := io.ReadAll(body)
	w.must(err)
	return string(b)
}

func TestMessageQueries(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		c, ctx := w.client(), t.Context()
		before := time.Now().Add(-time.Minute)
		var ids []string
		for i, to := range []string{"a@x.example", "b@x.example", "c@x.example"} {
			m := hello(to)
			m.Tags = []string{"all", to[:1]}
			if i == 1 {
				m.Type, m.SendAt = "invoice", client.At(time.Now().Add(time.Hour))
			}
			s, err := c.Send(ctx, m, "")
			w.must(err)
			ids = append(ids, s.ID)
		}
		for name, q := range map[string]struct {
			query client.MessageQuery
			want  int // index of the one, 3: all, 4: none
		}{
			"status":     {client.MessageQuery{Status: "scheduled"}, 1},
			"recipient":  {client.MessageQuery{Recipient: "C@X.example"}, 2},
			"tag":        {client.MessageQuery{Tag: "a"}, 0},
			"type":       {client.MessageQuery{Type: "invoice"}, 1},
			"all":        {client.MessageQuery{Tag: "all", Account: w.smtp, Since: before, Until: time.Now().Add(time.Minute), Limit: 2}, 3},
			"account":    {client.MessageQuery{Account: w.gmail}, 4},
			"until":      {client.MessageQuery{Until: before}, 4},
			"since":      {client.MessageQuery{Since: time.Now().Add(time.Minute)}, 4},
			"one of two": {client.MessageQuery{Tag: "a", Type: "invoice"}, 4},
		} {
			found := map[string]bool{}
			for m, err := range c.AllMessages(ctx, q.query) {
				w.must(err)
				found[m.ID] = true
			}
			if want := []int{1, 1, 1, 3, 0}[q.want]; len(found) != want || q.want < 3 && !found[ids[q.want]] {
				t.Errorf("%s: %v of %v", name, found, ids)
			}
		}
	})
}

// A question that cannot have an answer is a mistake, and all of it is told.
func TestBadQueries(t *testing.T) {
	w := sqlite(t)
	got := w.get("/v1/messages?status=gone&type=spam&account=x&since=yesterday&until=2026-11-21&tag=a&tag=b&colour=red").problem(http.StatusUnprocessableEntity, "invalid")
	wantFields(t, got, []string{"status", "type", "account", "since", "until", "tag", "colour"})
	wantFields(t, w.get("/v1/setup?kind=moon").problem(http.StatusUnprocessableEntity, "invalid"), []string{"kind"})
	wantFields(t, w.get("/v1/setup?kind=relay&kind=gmail").problem(http.StatusUnprocessableEntity, "invalid"), []string{"kind"})
	wantFields(t, w.get("/v1/keys?x=1").problem(http.StatusUnprocessableEntity, "invalid"), []string{"x"})
}

// An account is named by its id or by its address, by keys that may read messages
// alone.
func TestMessagesOfAnAccountByAddress(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		sent := w.post("/v1/messages", simple).want(http.StatusAccepted).object()["id"]
		reader := []string{"Authorization", "Bearer " + w.newKey("messages:read")}
		of := func(account string) []any {
			return w.get("/v1/messages?account="+account, reader...).want(http.StatusOK).object()["data"].([]any)
		}
		for account, want := range map[string]int{w.smtp: 1, "app@example.com": 1, "APP@example.com": 1, w.gmail: 0, "box@example.net": 0} {
			got := of(account)
			if len(got) != want || want == 1 && got[0].(map[string]any)["id"] != sent {
				t.Errorf("%s: %v", account, got)
			}
		}
		for _, account := range []string{"nobody@example.com", "app", "acc_x"} {
			wantFields(t, w.get("/v1/messages?account="+account, reader...).problem(http.StatusUnprocessableEntity, "invalid"), []string{"account"})
		}
		w.get("/v1/messages?account=app@example.com", "Authorization", "Bearer "+w.newKey("accounts:read")).problem(http.StatusForbidden, "forbidden")
	})
}
