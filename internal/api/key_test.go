package api

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// bound makes a key that may send, bound as the JSON says, and gives its header.
func (w *world) bound(json string) []string {
	w.t.Helper()
	r := w.post("/v1/keys", `{"name": "bound", "scopes": ["messages:send"], `+json+`}`)
	r.want(http.StatusCreated)
	return []string{"Authorization", "Bearer " + r.object()["key"].(string)}
}

func (r reply) text() string { return string(r.body) }

// wait is the answer's Retry-After.
func (r reply) wait() time.Duration {
	r.t.Helper()
	n, err := strconv.Atoi(r.header.Get("Retry-After"))
	if err != nil {
		r.t.Fatalf("Retry-After: %v", err)
	}
	return time.Duration(n) * time.Second
}

func TestBoundKeyIsShownWhole(t *testing.T) {
	w := sqlite(t)
	const bounds = `"senders":["app@example.com","@shop.example.com"],"networks":["192.0.2.0/24","::1"],"account":"ACCOUNT","rate":20,"daily":500,"rewrite_from":true}`
	r := w.post("/v1/keys", `{"name":"scanner","scopes":["messages:send"],`+strings.Replace(bounds, "ACCOUNT", "app@example.com", 1))
	r.want(http.StatusCreated)
	want := strings.Replace(bounds, "ACCOUNT", w.smtp, 1)
	list := w.get("/v1/keys")
	for _, r := range []reply{r, list} {
		if !strings.Contains(r.text(), want) {
			t.Errorf("no %s in %s", want, r.text())
		}
	}
	if strings.Contains(list.text(), `"rate":0`) || strings.Contains(list.text(), "null") {
		t.Errorf("what binds nothing is shown: %s", list.text())
	}
	r = w.post("/v1/keys", `{"name":"x","scopes":["messages:send"],"senders":["x"],"networks":["10.1.1.1/8"],"account":"nobody","rate":-1,"daily":1.5}`)
	wrong := r.problem(http.StatusUnprocessableEntity, "invalid")
	for _, field := range []string{"senders[0]", "networks[0]", "account", "rate", "daily"} {
		if wrong[field] == "" {
			t.Errorf("nothing is said of %s: %v", field, wrong)
		}
	}
}

func TestKeyFromAnotherNetwork(t *testing.T) {
	w := sqlite(t)
	here, elsewhere := w.bound(`"networks": ["127.0.0.0/8"]`), w.bound(`"networks": ["192.0.2.0/24"]`)
	w.post("/v1/messages", simple, here...).want(http.StatusAccepted)
	for range 8 { // it is no failed login
		r := w.post("/v1/messages", simple, append(elsewhere, "X-Forwarded-For", "192.0.2.1", "Forwarded", "for=192.0.2.1", "X-Real-IP", "192.0.2.1")...)
		r.problem(http.StatusForbidden, "network_not_allowed")
		if !strings.Contains(r.text(), "this API key came from 127.0.0.1, and may be used only from 192.0.2.0/24") {
			t.Error(r.text())
		}
	}
	q := httptest.NewRequest("GET", "/v1/me", nil)
	q.RemoteAddr = "@"
	q.Header.Set(elsewhere[0], elsewhere[1])
	answer := httptest.NewRecorder()
	if w.handler.ServeHTTP(answer, q); answer.Code != http.StatusForbidden {
		t.Errorf("from nowhere: %d", answer.Code)
	}
}

func TestKeySendersAndAccount(t *testing.T) {
	w := sqlite(t)
	key := w.bound(`"senders": ["team@example.org"], "account": "app@example.com"`)
	w.post("/v1/messages", `{"from": "team@example.org", "to": "maria@example.org", "subject": "s", "text": "t"}`, key...).want(http.StatusAccepted)
	r := w.post("/v1/messages", `{"from": "app@example.com", "to": "maria@example.org", "subject": "s", "text": "t"}`, key...)
	r.want(http.StatusUnprocessableEntity)
	if !strings.Contains(r.text(), "this API key may not send as app@example.com; allowed: team@example.org") {
		t.Error(r.text())
	}
	r = w.post("/v1/messages", `{"account": "box@example.net", "from": "team@example.org", "to": "maria@example.org", "subject": "s", "text": "t"}`, key...)
	if got := r.problem(http.StatusUnprocessableEntity, "invalid")["account"]; got != "this API key may not send by that; allowed: app@example.com" {
		t.Error(got)
	}
}

// What is more than a key has left is answered 429 with the time, whole batches too.
func TestKeyLimits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		minute, day := w.bound(`"rate": 2`), w.bound(`"daily": 2`)
		again := append(minute, "Idempotency-Key", "one")
		w.post("/v1/messages", simple, again...).want(http.StatusAccepted)
		w.post("/v1/messages", simple, again...).want(http.StatusAccepted)
		w.post("/v1/messages", simple, minute...).want(http.StatusAccepted)
		r := w.post("/v1/messages", simple, minute...)
		r.problem(http.StatusTooManyRequests, "key_limit")
		if s := r.wait(); s < time.Second || s > 62*time.Second {
			t.Errorf("Retry-After %s", s)
		}
		if !strings.Contains(r.text(), "may send to 2 recipients in a minute") {
			t.Error(r.text())
		}
		w.post("/v1/messages", simple, again...).want(http.StatusAccepted)

		two := `{"messages": [` + simple + `,` + simple + `]}`
		w.post("/v1/messages", simple, day...).want(http.StatusAccepted)
		for _, mode := range []string{two, strings.Replace(two, "{", `{"mode": "each", `, 1)} {
			r = w.post("/v1/messages/batch", mode, day...)
			r.problem(http.StatusTooManyRequests, "key_limit")
			if s := r.wait(); s < 23*time.Hour || s > 25*time.Hour {
				t.Errorf("Retry-After %s", s)
			}
		}
		w.post("/v1/messages", simple, day...).want(http.StatusAccepted)
		if n := w.count(); n != 4 {
			t.Errorf("%d messages are kept", n)
		}
	})
}

// Who tries wrong keys is slowed down, and who has the right one is not.
func TestWrongKeysAreSlowedDown(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w := sqlite(t, func(c *Config) { c.Keys.Attempts = access.NewAttempts(func() time.Time { return now }) })
	wrong := []string{"Authorization", "Bearer gp_live_" + strings.Repeat("0", 36)}
	for range 5 {
		w.get("/v1/me", wrong...).problem(http.StatusUnauthorized, "unauthenticated")
	}
	for _, s := range []time.Duration{1, 2, 4, 8, 10, 10} {
		r := w.get("/v1/me", wrong...)
		r.problem(http.StatusTooManyRequests, "too_many_logins")
		if r.wait() != s*time.Second || !strings.Contains(r.text(), "checksum") {
			t.Errorf("Retry-After %s, want %d s: %s", r.wait(), s, r.text())
		}
		w.get("/v1/me").want(http.StatusOK)
		w.get("/v1/me", "Authorization", "").problem(http.StatusUnauthorized, "unauthenticated")
	}
	now = now.Add(10 * time.Minute)
	w.get("/v1/me", wrong...).problem(http.StatusUnauthorized, "unauthenticated")
}
