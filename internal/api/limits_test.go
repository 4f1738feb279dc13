package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const megabyte = 1 << 20

// countingListener counts what the server reads from its connections.
type countingListener struct {
	net.Listener
	read *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countingConn{c, l.read}, err
}

type countingConn struct {
	net.Conn
	read *atomic.Int64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// dial connects to a second server with the world's handler, whose reading is
// counted.
func (w *world) dial() (net.Conn, *atomic.Int64) {
	w.t.Helper()
	read := &atomic.Int64{}
	server := httptest.NewUnstartedServer(w.handler)
	server.Listener = countingListener{server.Listener, read}
	server.Start()
	w.t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	w.must(err)
	w.t.Cleanup(func() { _ = conn.Close() })
	return conn, read
}

func (w *world) head(extra string) string {
	return "POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.key + "\r\nContent-Type: application/json\r\n" + extra + "\r\n"
}

// Beyond the limit nothing is read but what is in the socket's buffer already:
// the sender of 64 MB is answered and cut off.
func TestTooLarge(t *testing.T) {
	w := sqlite(t, func(c *Config) { c.MaxBody = megabyte })
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 64 {
		_, _ = z.Write(make([]byte, megabyte))
	}
	w.must(z.Close())
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 64<<10, strings.Repeat(" ", 64<<10))
	for name, c := range map[string]struct {
		head string
		body io.Reader
		most int64 // what may be read besides the head
	}{
		"declared":      {fmt.Sprintf("Content-Length: %d\r\n", 64*megabyte), strings.NewReader(strings.Repeat(" ", 64*megabyte)), 0},
		"chunked":       {"Transfer-Encoding: chunked\r\n", strings.NewReader(strings.Repeat(chunk, 1024)), megabyte},
		"packed":        {fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n", bomb.Len()), bytes.NewReader(bomb.Bytes()), megabyte},
		"packed, large": {fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n", 64*megabyte), strings.NewReader(strings.Repeat(" ", 64*megabyte)), 0},
	} {
		t.Run(name, func(t *testing.T) {
			conn, read := w.dial()
			go func() { _, _ = io.Copy(conn, io.MultiReader(strings.NewReader(w.head(c.head)), c.body)) }()
			w.must(conn.SetReadDeadline(time.Now().Add(20 * time.Second)))
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != http.StatusRequestEntityTooLarge || res.Header.Get("Content-Type") != "application/problem+json" || !res.Close {
				t.Errorf("status %d, %s, close %v", res.StatusCode, res.Header.Get("Content-Type"), res.Close)
			}
			if n := read.Load(); n > c.most+128<<10 {
				t.Errorf("%d bytes were read, the limit is %d", n, c.most)
			}
		})
	}
	if n := w.count(); n != 0 {
		t.Errorf("%d messages were kept", n)
	}
}

// A body of exactly the limit is taken, one byte more is not, in each framing.
func TestLimitIsExact(t *testing.T) {
	w := sqlite(t, func(c *Config) { c.MaxBody = 100_000 })
	for extra, want := range map[int]int{0: http.StatusAccepted, 1: http.StatusRequestEntityTooLarge} {
		body := simple + strings.Repeat(" ", 100_000-len(simple)+extra)
		packed := string(pack(body))
		for head, sent := range map[string]string{
			fmt.Sprintf("Content-Length: %d\r\n", len(body)):                             body,
			"Transfer-Encoding: chunked\r\n":                                             fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body),
			fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n", len(packed)): packed,
		} {
			if got := w.status(head, sent); got != want {
				t.Errorf("%q and %d bytes too many: %d, want %d", head, extra, got, want)
			}
		}
	}
}

// status posts a message as written and returns the status, also when the server
// has hung up before it was all sent.
func (w *world) status(head, body string) int {
	w.t.Helper()
	conn, _ := w.dial()
	go func() { _, _ = io.Copy(conn, strings.NewReader(w.head(head)+body)) }()
	w.must(conn.SetReadDeadline(time.Now().Add(20 * time.Second)))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	w.must(err)
	return res.StatusCode
}

// While the bodies in hand fill the budget others are told to come back, before
// they are read; afterwards there is room again.
func TestByteBudget(t *testing.T) {
	for name, head := range map[string]string{
		"declared": "Content-Length: 1000000\r\n",
		"chunked":  "Transfer-Encoding: chunked\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := sqlite(t, func(c *Config) { c.MaxBody, c.Bodies = megabyte, megabyte })
			conn, read := w.dial()
			first := strings.Repeat(" ", 900_000)
			if name == "chunked" {
				first = fmt.Sprintf("%x\r\n%s", 1_000_000, first)
			}
			_, err := io.WriteString(conn, w.head(head)+first)
			w.must(err)
			large := simple + strings.Repeat(" ", 600_000)
			w.until("read", func() bool { return read.Load() >= 900_000 })
			w.until("refused", func() bool { return w.post("/v1/messages", large).status == http.StatusServiceUnavailable })
			r := w.post("/v1/messages", large)
			r.problem(http.StatusServiceUnavailable, "busy")
			if r.header.Get("Retry-After") == "" {
				t.Error("Retry-After is missing")
			}
			w.do("POST", "/v1/messages", io.MultiReader(strings.NewReader(large)), "Content-Type", "application/json").
				problem(http.StatusServiceUnavailable, "busy")
			w.must(conn.Close())
			w.until("taken", func() bool { return w.post("/v1/messages", large).status == http.StatusAccepted })
		})
	}
}

// A body that stops short is not taken for a whole one.
func TestBodyThatStopsShort(t *testing.T) {
	w := sqlite(t)
	for _, head := range []string{fmt.Sprintf("Content-Length: %d\r\n", len(simple)+1), "Transfer-Encoding: chunked\r\n"} {
		conn, _ := w.dial()
		body := simple
		if strings.Contains(head, "chunked") {
			body = fmt.Sprintf("%x\r\n%s\r\n", len(simple), simple)
		}
		_, err := io.WriteString(conn, w.head(head)+body)
		w.must(err)
		w.must(conn.(*net.TCPConn).CloseWrite())
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		w.must(err)
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: status %d", head, res.StatusCode)
		}
	}
	if n := w.count(); n != 0 {
		t.Errorf("%d messages were kept", n)
	}
}

// Nothing of a body is read for those who have no key, or one that may not do this.
func TestKeyComesBeforeBody(t *testing.T) {
	w := sqlite(t)
	for key, want := range map[string]int{"gp_live_wrong": http.StatusUnauthorized, w.newKey("messages:read"): http.StatusForbidden} {
		conn, read := w.dial()
		head := strings.Replace(w.head(fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n", 10*megabyte)), w.key, key, 1)
		_, err := io.WriteString(conn, head)
		w.must(err)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		w.must(err)
		if res.StatusCode != want || read.Load() > int64(len(head)) {
			t.Errorf("status %d after %d bytes, want %d", res.StatusCode, read.Load(), want)
		}
	}
}
