package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const testKey = "gp_live_0123456789secret"

// heard is a request as a server got it.
type heard struct {
	method, uri, body string
	header            http.Header
}

// server answers each request by the next of its answers, the last one again and
// again, and keeps what it heard.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	heard   []heard
	answers []http.HandlerFunc
}

func serve(t *testing.T, answers ...http.HandlerFunc) *server {
	s := &server{answers: answers}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.heard = append(s.heard, heard{r.Method, r.URL.RequestURI(), string(b), r.Header})
	next := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	s.mu.Unlock()
	next(w, r)
}

func (s *server) requests() []heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]heard(nil), s.heard...)
}

// client speaks to the server and notes how long it would have waited.
func (s *server) client(t *testing.T) (*Client, *[]time.Duration) {
	t.Helper()
	c, err := New(s.URL+"/", testKey)
	if err != nil {
		t.Fatal(err)
	}
	var waited []time.Duration
	c.wait = func(ctx context.Context, d time.Duration) error {
		waited = append(waited, d)
		return ctx.Err()
	}
	return c, &waited
}

func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// cuts breaks the connection without an answer.
func cuts(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

const busy = `{"type": "urn:gatepost:problem:busy", "title": "gatepost cannot take this at the moment", "status": 503, "request_id": "req_1"}`

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"http://127.0.0.1:8025":            "",
		"http://[::1]:8025/":               "",
		"http://localhost":                 "",
		"https://mail.example.com/gate/":   "",
		"http://mail.example.com":          "clear text",
		"http://127.0.0.1.example.com":     "clear text",
		"http://10.0.0.1":                  "clear text",
		"mail.example.com":                 "must read",
		"ftp://127.0.0.1":                  "must read",
		"":                                 "must read",
		"https://":                         "must read",
		"https://ann:hunter2@example.com":  "user or password",
		"https://mail.example.com/?a=b":    "?",
		"http://ann:hunter2@127.0.0.1\x7f": "must read",
	} {
		_, err := New(address, testKey)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", address, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is told: %v", err)
		}
	}
	if _, err := New("http://mail.example.com", testKey, AllowPlain()); err != nil {
		t.Error(err)
	}
	for _, key := range []string{testKey + "\n", "x y", "ключ"} {
		if _, err := New("http://127.0.0.1", key); err == nil || strings.Contains(err.Error(), strings.TrimSpace(key)) {
			t.Errorf("key %q: %v", key, err)
		}
	}
}

// What is asked reaches the server whole, and the answer the caller.
func TestSend(t *testing.T) {
	s := serve(t, says(202, `{"id": "msg_1", "account": "acc_1", "status": "queued", "submitted_at": "2026-11-21T08:00:00.000Z"}`, "Idempotent-Replayed", "true"))
	c, _ := s.client(t)
	got, err := c.Send(t.Context(), NewMessage{
		To: To("maria@example.org"), Subject: "Grüße", Headers: Headers{{"X-B", "2"}, {"X-A", "1"}},
		Attachments: []Attachment{{Filename: "a.txt", Content: []byte{}}, {Upload: "upl_1"}},
		SendAt:      At(time.Date(2026, 12, 1, 9, 0, 0, 0, time.FixedZone("", 3600))),
	}, "k1")
	if err != nil || got.ID != "msg_1" || !got.Replayed || !got.SubmittedAt.Equal(time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)) {
		t.Fatalf("%+v, %v", got, err)
	}
	r := s.requests()[0]
	const body = `{"to":[{"address":"maria@example.org"}],"subject":"Grüße","headers":{"X-B":"2","X-A":"1"},"attachments":[{"filename":"a.txt","content":""},{"upload":"upl_1"}],"send_at":"2026-12-01T08:00:00.000Z"}`
	if r.method != "POST" || r.uri != "/v1/messages" || r.body != body || r.header.Get("Content-Type") != "application/json" ||
		r.header.Get("Authorization") != "Bearer "+testKey || r.header.Get("Idempotency-Key") != "k1" {
		t.Errorf("%+v", r)
	}
}

func TestSendRaw(t *testing.T) {
	s := serve(t, says(202, `{"id": "msg_1"}`))
	c, _ := s.client(t)
	const message = "From: a@b.example\r\nTo: c@d.example\r\n\r\nx\r\n"
	at := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	for _, key := range []string{"", "k1"} {
		if _, err := c.SendRaw(t.Context(), strings.NewReader(message), RawOptions{Type: "invoice", Tags: []string{"a", "b&c"}, SendAt: at, IdempotencyKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range s.requests() {
		if r.uri != "/v1/messages?send_at=2026-12-01T08%3A00%3A00Z&tags=a&tags=b%26c&type=invoice" || r.body != message || r.header.Get("Content-Type") != "message/rfc822" {
			t.Errorf("%+v", r)
		}
	}
}

// With an idempotency key a send is repeated until there is an answer, the same
// bytes each time; without one never.
func TestRepetition(t *testing.T) {
	for name, answers := range map[string][]http.HandlerFunc{
		"busy":       {says(503, busy, "Retry-After", "2"), says(503, busy), says(202, `{"id": "msg_1"}`)},
		"broken":     {cuts, says(202, `{"id": "ms`, "Content-Length", "20"), says(202, `{"id": "msg_1"}`)},
		"of a proxy": {says(502, "<html>"), says(504, ""), says(202, `{"id": "msg_1"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, answers...)
			c, waited := s.client(t)
			got, err := c.Send(t.Context(), NewMessage{Text: "x"}, "k1")
			if err != nil || got.ID != "msg_1" {
				t.Fatalf("%+v, %v", got, err)
			}
			if r := s.requests(); len(r) < 3 || r[0].body != r[2].body || r[2].header.Get("Idempotency-Key") != "k1" {
				t.Errorf("%+v", r)
			}
			if name == "busy" && ((*waited)[0] < 2*time.Second || (*waited)[1] > 2*time.Second) {
				t.Errorf("waited %v", *waited)
			}
			s = serve(t, answers[0], answers[2])
			c, _ = s.client(t)
			if _, err := c.Send(t.Context(), NewMessage{Text: "x"}, ""); err == nil || len(s.requests()) != 1 {
				t.Errorf("without a key: %v after %d requests", err, len(s.requests()))
			}
		})
	}
}

func TestRepetitionEnds(t *testing.T) {
	s := serve(t, says(503, busy, "Retry-After", "3600"))
	c, waited := s.client(t)
	_, err := c.SendRaw(t.Context(), strings.NewReader("x"), RawOptions{IdempotencyKey: "k"})
	var refused *Error
	if !errors.As(err, &refused) || refused.Kind() != "busy" || refused.RetryAfter != time.Hour || len(s.requests()) != maxTries {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
	for _, d := range *waited {
		if d > maxWait {
			t.Errorf("waited %v", *waited)
		}
	}
	s = serve(t, says(503, busy))
	c, _ = s.client(t)
	ctx, cancel := context.WithCancel(t.Context())
	c.wait = func(context.Context, time.Duration) error { cancel(); return ctx.Err() }
	if _, err := c.Messages(ctx, MessageQuery{}); !errors.As(err, &refused) || len(s.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
}

// What is refused for good is not sent again.
func TestRefusalIsFinal(t *testing.T) {
	s := serve(t, says(422, `{"type": "urn:gatepost:problem:invalid", "title": "Some fields are wrong", "status": 422, "detail": "Nothing was kept.",
		"request_id": "req_1", "errors": [{"field": "to[1]", "message": "no @"}, {"field": "colour", "message": "unknown field"}]}`))
	c, _ := s.client(t)
	_, err := c.Send(t.Context(), NewMessage{}, "k")
	var refused *Error
	if !errors.As(err, &refused) || refused.Kind() != "invalid" || refused.Errors[0].Field != "to[1]" || len(s.requests()) != 1 {
		t.Fatalf("%v after %d requests", err, len(s.requests()))
	}
	if got, want := err.Error(), "Some fields are wrong: to[1]: no @; colour: unknown field (req_1)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What the title says the detail does not say again.
func TestErrorSaysItOnce(t *testing.T) {
	for _, c := range []struct{ kind, title, detail, want string }{
		{"forbidden", "The API key may not do this", "this API key may not do that: it lacks the scope messages:read", "The API key may not do this: it lacks the scope messages:read"},
		{"in_use", "It is in use", "in use: used by acc_1: remove those first", "It is in use: used by acc_1: remove those first"},
		{"unauthenticated", "The API key is missing or wrong", "not authenticated: it has ended", "The API key is missing or wrong: it has ended"},
		{"idempotency_key_reused", "The idempotency key stands for another request", "this idempotency key was used for another request", "The idempotency key stands for another request"},
		{"gone", "The message's content is gone", "the content has been shredded", "The message's content is gone: the content has been shredded"},
		{"too_late", "It is too late for that", "something else", "It is too late for that: something else"},
	} {
		e := &Error{Problem: Problem{Type: problemPrefix + c.kind, Title: c.title, Detail: c.detail}}
		if e.Error() != c.want {
			t.Errorf("%s, want %s", e, c.want)
		}
	}
}

// A batch is sent again only when all of its messages have a key.
func TestBatchRepetition(t *testing.T) {
	for want, messages := range map[int][]NewMessage{
		1: {{IdempotencyKey: "a"}, {}},
		2: {{IdempotencyKey: "a"}, {IdempotencyKey: "b"}},
	} {
		s := serve(t, cuts, says(200, `{"data": [{"index": 0, "submitted": {"id": "msg_1"}}]}`))
		c, _ := s.client(t)
		_, err := c.SendBatch(t.Context(), NewBatch{Messages: messages})
		if (err == nil) != (want == 2) || len(s.requests()) != want {
			t.Errorf("%v after %d requests, want %d", err, len(s.requests()), want)
		}
	}
}

// The key goes to one place, in one header, and into no error.
func TestKeyIsKept(t *testing.T) {
	elsewhere := serve(t, says(200, `{}`))
	s := serve(t, says(307, "", "Location", elsewhere.URL+"/v1/messages?"+testKey))
	c, _ := s.client(t)
	_, moved := c.Messages(t.Context(), MessageQuery{Recipient: "maria@example.org"})
	s.Close()
	_, broken := c.Messages(t.Context(), MessageQuery{Recipient: "maria@example.org"})
	for _, err := range []error{moved, broken} {
		if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "maria") {
			t.Errorf("error %v", err)
		}
	}
	if len(elsewhere.requests()) != 0 {
		t.Error("a redirect was followed")
	}
	for _, r := range s.requests() {
		if strings.Contains(r.uri, "secret") {
			t.Errorf("the key is in %s", r.uri)
		}
	}
}

func TestForeignAnswers(t *testing.T) {
	for _, answer := range []http.HandlerFunc{says(404, "<html>nginx</html>"), says(401, `{"error": "no"}`), says(200, "<html>")} {
		s := serve(t, answer)
		c, _ := s.client(t)
		if _, err := c.Me(t.Context()); err == nil || !strings.Contains(err.Error(), "gatepost") {
			t.Errorf("error %v", err)
		}
	}
}

func TestAllMessages(t *testing.T) {
	s := serve(t, says(200, `{"data": [{"id": "msg_3"}, {"id": "msg_2"}], "next_cursor": "c1"}`), says(200, `{"data": [{"id": "msg_1"}]}`), says(500, ""))
	c, _ := s.client(t)
	var got []string
	for m, err := range c.AllMessages(t.Context(), MessageQuery{Status: "held", Limit: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.ID)
	}
	r := s.requests()
	if strings.Join(got, " ") != "msg_3 msg_2 msg_1" || r[0].uri != "/v1/messages?limit=2&status=held" || r[1].uri != "/v1/messages?cursor=c1&limit=2&status=held" {
		t.Errorf("%v by %+v", got, r)
	}
	failed := 0
	for _, err := range c.AllMessages(t.Context(), MessageQuery{}) {
		if err != nil {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d errors", failed)
	}
}

// Ids cannot lead to another path.
func TestIDsAreEscaped(t *testing.T) {
	s := serve(t, says(404, ""))
	c, _ := s.client(t)
	_, _ = c.Message(t.Context(), "../keys?x=/#y")
	if got := s.requests()[0].uri; got != "/v1/messages/..%2Fkeys%3Fx=%2F%23y" {
		t.Error(got)
	}
}

func TestContentAndUpload(t *testing.T) {
	s := serve(t, says(200, "From: a@b.example\r\n"), says(201, `{"id": "upl_1", "size": 3}`), says(204, ""))
	c, _ := s.client(t)
	body, err := c.Content(t.Context(), "msg_1")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if b, _ := io.ReadAll(body); string(b) != "From: a@b.example\r\n" {
		t.Errorf("%q", b)
	}
	u, err := c.Upload(t.Context(), "a b.pdf", "application/pdf", bytes.NewReader([]byte("abc")))
	if err != nil || u.ID != "upl_1" {
		t.Errorf("%+v, %v", u, err)
	}
	if err := c.RemoveUpload(t.Context(), u.ID); err != nil {
		t.Error(err)
	}
	r := s.requests()
	if r[1].uri != "/v1/uploads?filename=a+b.pdf" || r[1].body != "abc" || r[1].header.Get("Content-Type") != "application/pdf" || r[2].method != "DELETE" || r[2].uri != "/v1/uploads/upl_1" {
		t.Errorf("%+v", r)
	}
}
