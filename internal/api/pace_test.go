package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
)

// hold begins requests whose bodies do not arrive.
func (w *world) hold(n int, head, body string) {
	w.t.Helper()
	for range n {
		conn, read := w.dial()
		_, err := io.WriteString(conn, head+body)
		w.must(err)
		w.until("taken up", func() bool { return read.Load() >= int64(len(head)) })
	}
}

// What a request says it will send keeps nobody out before it is sent.
func TestIdleBodiesHoldNothing(t *testing.T) {
	w := sqlite(t, func(c *Config) { c.MaxBody, c.Bodies = megabyte, 2*megabyte })
	w.hold(6, w.head("Content-Length: 1000000\r\n"), "")
	w.hold(1, w.head(fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n", megabyte)), "")
	body := simple + strings.Repeat(" ", 100_000)
	for range 5 {
		w.post("/v1/messages", body).want(http.StatusAccepted)
		w.post("/v1/messages", body, "Authorization", "Bearer "+w.newKey("messages:send")).want(http.StatusAccepted)
	}
}

// A key whose bodies fill its share is told to come back; others are served.
func TestOneKeyHasAShare(t *testing.T) {
	w := sqlite(t, func(c *Config) { c.MaxBody, c.Bodies = megabyte, 4*megabyte })
	for range 2 {
		w.hold(1, w.head("Content-Length: 1048000\r\n"), strings.Repeat(" ", 1_000_000))
	}
	large := simple + strings.Repeat(" ", 900_000)
	w.until("refused", func() bool { return w.post("/v1/messages", large).status == http.StatusServiceUnavailable })
	w.post("/v1/messages", large).problem(http.StatusServiceUnavailable, "busy")
	w.post("/v1/messages", large, "Authorization", "Bearer "+w.newKey("messages:send")).want(http.StatusAccepted)
}

// The shares of all keys together stay below the whole, and come back.
func TestBudgetAddsUp(t *testing.T) {
	b := newBudget(100, 10)
	shares := []*share{{b: b, key: "key_a"}, {b: b, key: "key_a"}, {b: b, key: "key_b"}, {b: b, key: "key_c"}}
	for _, c := range []struct {
		share   int
		n, upTo int64
		taken   bool
	}{
		{0, 30, 0, true},
		{1, 21, 0, false}, // more than the half for key_a
		{1, 1, 21, false}, // it will need it
		{1, 20, 20, true},
		{2, 50, 0, true},
		{3, 1, 0, false}, // more than the whole
	} {
		if err := shares[c.share].grow(c.n, c.upTo); (err == nil) != c.taken {
			t.Errorf("%+v: %v", c, err)
		}
	}
	shares[0].release()
	if err := shares[3].grow(30, 0); err != nil {
		t.Error(err)
	}
	for _, s := range shares {
		s.release()
	}
	if b.used != 0 || len(b.keys) != 0 {
		t.Errorf("%d bytes are left, %v", b.used, b.keys)
	}
}

// trickle sends a body in parts, each after a rest, and reads the answer.
func trickle(conn net.Conn, head string, parts []string, rest time.Duration) (*http.Response, error) {
	go func() {
		_, _ = io.WriteString(conn, head)
		for _, p := range parts {
			time.Sleep(rest) // the sender is slow
			if _, err := io.WriteString(conn, p); err != nil {
				return
			}
		}
	}()
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	return http.ReadResponse(bufio.NewReader(conn), nil)
}

// A sender that stops is cut off, however much it sent before; its place is free
// then.
func TestSlowSendersAreCut(t *testing.T) {
	w := sqlite(t, func(c *Config) { c.MaxBody, c.Pace = megabyte, 300*time.Millisecond })
	blanks := strings.Repeat(" ", pacedBytes)
	for name, c := range map[string]struct{ head, body string }{
		"nothing":       {"Content-Length: 1000\r\n", ""},
		"one byte":      {"Content-Length: 1000\r\n", " "},
		"more than one": {"Content-Length: 1000000\r\n", blanks + blanks + " "},
		"chunked":       {"Transfer-Encoding: chunked\r\n", "1000000\r\n" + blanks + " "},
		"packed":        {"Content-Encoding: gzip\r\nContent-Length: 1000\r\n", string(pack(simple)[:20])},
	} {
		t.Run(name, func(t *testing.T) {
			conn, _ := w.dial()
			res, err := trickle(conn, w.head(c.head), []string{c.body}, 0)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			if res.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), errStalled.Error()) || !res.Close {
				t.Errorf("status %d, close %v: %s", res.StatusCode, res.Close, text)
			}
		})
	}
}

// A few bytes now and then do not move the time.
func TestDripsAreCut(t *testing.T) {
	w := sqlite(t, func(c *Config) { c.Pace = 300 * time.Millisecond })
	conn, _ := w.dial()
	start := time.Now()
	res, err := trickle(conn, w.head("Content-Length: 1000\r\n"), strings.Split(strings.Repeat(" ", 1000), ""), 50*time.Millisecond)
	w.must(err)
	if took := time.Since(start); res.StatusCode != http.StatusBadRequest || took > 10*time.Second {
		t.Errorf("status %d after %v", res.StatusCode, took)
	}
}

// A large body that keeps arriving may take longer than a part of it, and than the
// server's own time for a request; so may the answer.
func TestSlowLinesAreServed(t *testing.T) {
	w := sqlite(t, func(c *Config) { c.Pace = time.Second })
	server := &http.Server{Handler: w.handler, ReadHeaderTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	size := len(simple) + 16*pacedBytes
	parts := append([]string{simple}, slices.Repeat([]string{strings.Repeat(" ", pacedBytes)}, 16)...)
	whole := append(slices.Concat([]string{fmt.Sprintf("%x\r\n", size)}, parts), "\r\n0\r\n\r\n") // one chunk
	for head, parts := range map[string][]string{fmt.Sprintf("Content-Length: %d\r\n", size): parts, "Transfer-Encoding: chunked\r\n": whole} {
		conn, err := net.Dial("tcp", listener.Addr().String())
		w.must(err)
		t.Cleanup(func() { _ = conn.Close() })
		res, err := trickle(conn, w.head(head), parts, 150*time.Millisecond)
		w.must(err)
		if res.StatusCode != http.StatusAccepted {
			t.Errorf("%q: status %d", head, res.StatusCode)
		}
	}
}

// The time for a body is not that for what is done with it: nobody has hung up.
func TestPaceEndsWithTheBody(t *testing.T) {
	w, gone := sqlite(t), make(chan error, 1)
	server := newServer(Config{Engine: w.engine, Control: w.control, Keys: access.NewKeys(w.store, time.Now), Pace: 50 * time.Millisecond})
	w.handler = server.handler(operation{pattern: "POST /v1/messages", serve: func(c *call) error {
		if _, _, err := c.submission(); err != nil {
			return err
		}
		select {
		case <-c.r.Context().Done():
		case <-time.After(200 * time.Millisecond): // longer than the pace
		}
		gone <- c.r.Context().Err()
		return c.done()
	}})
	if got := w.status(fmt.Sprintf("Content-Length: %d\r\n", len(simple)), simple); got != http.StatusNoContent {
		t.Errorf("status %d", got)
	}
	if err := <-gone; err != nil {
		t.Error(err)
	}
}
