package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/queue"
)

func TestKeys(t *testing.T) {
	now := time.Now()
	w := sqlite(t, func(c *Config) {
		c.Keys.Attempts = access.NewAttempts(func() time.Time { now = now.Add(time.Hour); return now })
	})
	wrong := w.key[:len(w.key)-1] + string(w.key[len(w.key)-1]^1)
	for authorization, challenge := range map[string]string{
		"":                                   `Bearer realm="gatepost"`,
		"Bearer " + wrong:                    `Bearer realm="gatepost", error="invalid_token"`,
		"Basic " + w.key:                     `Bearer realm="gatepost", error="invalid_token"`,
		w.key:                                `Bearer realm="gatepost", error="invalid_token"`,
		"Bearer":                             `Bearer realm="gatepost", error="invalid_token"`,
		"Bearer ' OR 1=1 --":                 `Bearer realm="gatepost", error="invalid_token"`,
		"Bearer gp_live_" + w.key[8:] + "00": `Bearer realm="gatepost", error="invalid_token"`,
	} {
		for _, path := range []string{"/v1/messages", "/v1/accounts", "/v1/credentials"} {
			r := w.get(path, "Authorization", authorization)
			r.problem(http.StatusUnauthorized, "unauthenticated")
			if got := r.header.Get("WWW-Authenticate"); got != challenge {
				t.Errorf("%q: %q", authorization, got)
			}
		}
	}
	w.get("/v1/messages", "Authorization", "bearer "+w.key).want(http.StatusOK)
}

// Each operation asks for its scope.
func TestScopes(t *testing.T) {
	w := sqlite(t)
	message := w.post("/v1/messages", simple).header.Get("Location")
	keys := map[string]string{}
	for _, scope := range []string{"messages:send", "messages:read", "accounts:read", "accounts:write", "keys:write"} {
		keys[scope] = w.newKey(scope)
	}
	for _, c := range []struct{ method, path, body, scope string }{
		{"POST", "/v1/messages", simple, "messages:send"},
		{"POST", "/v1/messages", `{"to": 5}`, "messages:send"},
		{"POST", message + "/release", "", "messages:send"},
		{"GET", "/v1/messages", "", "messages:read"},
		{"GET", message, "", "messages:read"},
		{"GET", "/v1/accounts", "", "accounts:read"},
		{"GET", "/v1/accounts/" + w.smtp, "", "accounts:read"},
		{"GET", "/v1/credentials", "", "accounts:read"},
		{"POST", "/v1/accounts", `{}`, "accounts:write"},
		{"POST", "/v1/accounts/" + w.smtp + "/release", "", "accounts:write"},
		{"POST", "/v1/credentials", `{}`, "accounts:write"},
		{"PUT", "/v1/credentials/" + w.smtpKey, `{}`, "accounts:write"},
		{"POST", "/v1/messages/batch", `{}`, "messages:send"},
		{"POST", message + "/cancel", "", "messages:send"},
		{"POST", message + "/retry", "", "messages:send"},
		{"GET", message + "/explain", "", "messages:read"},
		{"GET", message + "/content", "", "messages:read"},
		{"POST", "/v1/uploads", `{"filename": "a.txt", "content": ""}`, "messages:send"},
		{"GET", "/v1/uploads", "", "messages:send"},
		{"GET", "/v1/uploads/upl_x", "", "messages:send"},
		{"DELETE", "/v1/uploads/upl_x", "", "messages:send"},
		{"GET", "/v1/credentials/cred_x", "", "accounts:read"},
		{"DELETE", "/v1/credentials/cred_x", "", "accounts:write"},
		{"POST", "/v1/credentials/cred_x/check", `{}`, "accounts:write"},
		{"PATCH", "/v1/accounts/acc_x", `{}`, "accounts:write"},
		{"PATCH", "/v1/accounts/acc_x", `{"smtp": {}}`, "accounts:write"},
		{"DELETE", "/v1/accounts/acc_x", "", "accounts:write"},
		{"POST", "/v1/accounts/acc_x/check", "", "accounts:write"},
		{"POST", "/v1/accounts/acc_x/test", `{}`, "accounts:write"},
		{"GET", "/v1/accounts/acc_x/aliases", "", "accounts:read"},
		{"GET", "/v1/setup?kind=relay", "", "accounts:read"},
		{"POST", "/v1/consents", `{}`, "accounts:write"},
		{"POST", "/v1/consents/cons_x/finish", `{}`, "accounts:write"},
		{"POST", "/v1/connect-links", `{}`, "accounts:write"},
		{"GET", "/v1/connect-links", "", "accounts:read"},
		{"DELETE", "/v1/connect-links/link_x", "", "accounts:write"},
		{"POST", "/v1/keys", `{}`, "keys:write"},
		{"GET", "/v1/keys", "", "keys:write"},
		{"DELETE", "/v1/keys/key_x", "", "keys:write"},
	} {
		for scope, key := range keys {
			r := w.do(c.method, c.path, strings.NewReader(c.body), "Content-Type", "application/json", "Authorization", "Bearer "+key)
			if refused := r.status == http.StatusForbidden; refused == (scope == c.scope) {
				t.Errorf("%s %s with %s: status %d", c.method, c.path, scope, r.status)
			}
			if scope != c.scope {
				r.problem(http.StatusForbidden, "forbidden")
			}
		}
	}
}

func TestPathsAndMethods(t *testing.T) {
	w := sqlite(t)
	for _, path := range []string{
		"/", "/v1", "/v2/messages", "/v1/messages/" + id(t, "msg"), "/v1/messages/x", "/v1/messages/%00", "/v1/messages/%ff",
		"/v1/accounts/" + id(t, "acc"), "/v1/accounts/acc_%27", "/v1/messages/" + strings.Replace(w.smtp, "acc_", "msg_", 1), "/favicon.ico",
	} {
		w.get(path).problem(http.StatusNotFound, "not_found")
	}
	for _, path := range []string{"/v1/messages/" + id(t, "msg") + "/release", "/v1/messages/x/release", "/v1/accounts/%00/release"} {
		w.post(path, "").problem(http.StatusNotFound, "not_found")
	}
	w.do("PUT", "/v1/credentials/cred_x", strings.NewReader(`{"password": "x"}`), "Content-Type", "application/json").problem(http.StatusNotFound, "not_found")
	r := w.do("DELETE", "/v1/messages", nil)
	r.problem(http.StatusMethodNotAllowed, "method_not_allowed")
	if got := r.header.Get("Allow"); got != "GET, HEAD, POST" {
		t.Errorf("Allow: %q", got)
	}
	w.post(w.post("/v1/messages", simple).header.Get("Location")+"/release", "").problem(http.StatusConflict, "not_held")
}

// Another team's messages are not there.
func TestTeamsAreApart(t *testing.T) {
	w := sqlite(t)
	path := w.post("/v1/messages", simple).header.Get("Location")
	plain, _, err := w.control.FirstKey(context.Background(), id(t, "team"), control.NewKey{Name: "other", Scopes: []string{"*"}})
	w.must(err)
	other := []string{"Authorization", "Bearer " + plain.Reveal()}
	w.get(path, other...).problem(http.StatusNotFound, "not_found")
	w.post(path+"/release", "", other...).problem(http.StatusNotFound, "not_found")
	w.get("/v1/accounts/"+w.smtp, other...).problem(http.StatusNotFound, "not_found")
	if data := w.get("/v1/messages", other...).object()["data"].([]any); len(data) != 0 {
		t.Errorf("another team sees %v", data)
	}
}

// What fails inside is told by an id that the log has, and by nothing else.
func TestInternalErrors(t *testing.T) {
	w := sqlite(t)
	w.get("/healthz", "Authorization", "").want(http.StatusOK)
	w.get("/v1/messages").want(http.StatusOK) // the key is known for a while
	w.must(w.store.Close())
	r := w.get("/v1/messages")
	r.problem(http.StatusInternalServerError, "internal")
	if strings.Contains(string(r.body), "closed") || !strings.Contains(w.log.String(), r.header.Get("X-Request-Id")) {
		t.Errorf("the answer tells %s", r.body)
	}
	w.get("/healthz", "Authorization", "").want(http.StatusOK)
	w.get("/metrics", "Authorization", "").want(http.StatusOK)
}

// Errors that a test cannot bring about from outside are translated too.
func TestTranslation(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		retry  bool
	}{
		{fmt.Errorf("keep message: %w", queue.ErrBusy), 503, true},
		{queue.ErrOverloaded, 503, true},
		{context.DeadlineExceeded, 500, false}, // a commit may have been under way
		{errors.New("secret detail"), 500, false},
	} {
		p := problemOf(c.err)
		if p.Status != c.status || (p.retryAfter > 0) != c.retry || strings.Contains(p.Detail, "secret") {
			t.Errorf("%v: %+v", c.err, p)
		}
	}
}

func TestPanicIsAnswered(t *testing.T) {
	w := sqlite(t, func(c *Config) {
		c.Fault = func(point string) {
			if point == "api.body.half" {
				panic("a defect")
			}
		}
	})
	w.post("/v1/messages", simple).problem(http.StatusInternalServerError, "internal")
	// A panic's value may hold anything, as what was being decoded.
	if log := w.log.String(); strings.Contains(log, "a defect") || !strings.Contains(log, "type=string") || !strings.Contains(log, "TestPanicIsAnswered") {
		t.Errorf("the log tells of the panic: %s", log)
	}
	w.get("/v1/messages").want(http.StatusOK)
}

// Crash tests rely on these points and their order.
func TestFaultPoints(t *testing.T) {
	var mu sync.Mutex
	var points []string
	w := sqlite(t, func(c *Config) {
		c.Fault = func(point string) {
			mu.Lock()
			defer mu.Unlock()
			points = append(points, point)
		}
	})
	w.post("/v1/messages", simple).want(http.StatusAccepted)
	w.post("/v1/messages", `{"to": 5}`).want(http.StatusUnprocessableEntity)
	mu.Lock()
	defer mu.Unlock()
	if got, want := strings.Join(points, " "), "api.body.half api.answer.before api.answer.after api.body.half"; got != want {
		t.Errorf("passed %s, want %s", got, want)
	}
}

// At api.answer.after the client has its answer, so that a crash there is one
// after the promise.
func TestAnswerHasLeftAtItsPoint(t *testing.T) {
	received := make(chan struct{})
	w := sqlite(t, func(c *Config) {
		c.Fault = func(point string) {
			if point != "api.answer.after" {
				return
			}
			select {
			case <-received:
			case <-time.After(10 * time.Second):
				t.Error("the answer waits for the point to be passed")
			}
		}
	})
	w.post("/v1/messages", simple).want(http.StatusAccepted)
	close(received)
}

func TestMetrics(t *testing.T) {
	w := sqlite(t)
	w.post("/v1/messages", strings.Replace(simple, `"maria@example.org"`, `["a@b.example", "c@d.example"]`, 1)).want(http.StatusAccepted)
	w.post("/v1/messages", `{`).want(http.StatusBadRequest)
	w.get("/v1/messages/" + id(t, "msg")).want(http.StatusNotFound)
	body := string(w.get("/metrics", "Authorization", "").want(http.StatusOK).body)
	for _, line := range []string{
		`gatepost_recipients{state="queued"} 2`,
		`gatepost_recipients_submitted_total 2`,
		`gatepost_recipients_unaccounted 0`,
		`gatepost_http_request_duration_seconds_count{method="POST",route="/v1/messages",status="202"} 1`,
		`gatepost_http_request_duration_seconds_count{method="POST",route="/v1/messages",status="400"} 1`,
		`gatepost_http_request_duration_seconds_count{method="GET",route="/v1/messages/{id}",status="404"} 1`,
		`go_goroutines `, `process_resident_memory_bytes `,
	} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("no line %q", line)
		}
	}
}

// Neither addresses nor contents nor keys are logged, not even of what is refused.
func TestLogIsDiscreet(t *testing.T) {
	w := sqlite(t)
	w.post("/v1/messages", simple).want(http.StatusAccepted)
	w.post("/v1/messages", `{"to": "maria", "text": "Hello, Maria."}`).want(http.StatusUnprocessableEntity)
	w.get("/v1/accounts", "Authorization", "Bearer wrong-"+w.key).want(http.StatusUnauthorized)
	for _, word := range []string{"maria", "Maria", w.key, "hunter2", "PRIVATE KEY"} {
		if strings.Contains(w.log.String(), word) {
			t.Errorf("the log has %q", word)
		}
	}
	if !strings.Contains(w.log.String(), "status=202") {
		t.Error("the log has no line of the request")
	}
}
