package faults

import (
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// always answers each call in one way, once the first, and both in the order of
// their arguments.
func always(how func(c *call)) script {
	return func(c *call) bool {
		how(c)
		return true
	}
}

func once(how func(c *call)) script {
	return func(c *call) bool {
		if c.n == 1 {
			how(c)
		}
		return c.n == 1
	}
}

// status answers with a code and a body; header fields are "Name: value".
func status(code int, body string, header ...string) func(*call) {
	return func(c *call) {
		for _, h := range header {
			name, value, _ := strings.Cut(h, ": ")
			c.Header().Set(name, value)
		}
		c.WriteHeader(code)
		fmt.Fprint(c, body)
	}
}

// Header is the answer's; the request's stands in Request.Header.
func (c *call) Header() http.Header { return c.ResponseWriter.Header() }

// Write writes the answer's body.
func (c *call) Write(p []byte) (int, error) { return c.ResponseWriter.Write(p) }

// refusal is an error in Google's form.
func refusal(code int, reason, text string, header ...string) func(*call) {
	return status(code, fmt.Sprintf(`{"error":{"code":%d,"message":%q,"errors":[{"reason":%q}]}}`, code, text, reason), header...)
}

// taken takes the message first.
func taken(how func(*call)) func(*call) {
	return func(c *call) {
		c.take()
		how(c)
	}
}

// hang answers nothing until the client goes.
func hang(c *call) {
	<-c.Context().Done()
	panic(http.ErrAbortHandler)
}

// reset ends the connection without an answer.
func reset(c *call) {
	conn, _, err := c.ResponseWriter.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if under, ok := conn.(interface{ NetConn() net.Conn }); ok {
		_ = under.NetConn().(*net.TCPConn).SetLinger(0)
	}
	conn.Close()
}

// drip sends an answer one byte at a time.
func drip(c *call) {
	for _, b := range []byte(`{"id":"` + strings.Repeat("1", 1000) + `"}`) {
		if _, err := c.Write([]byte{b}); err != nil || http.NewResponseController(c.ResponseWriter).Flush() != nil {
			return
		}
		select {
		case <-c.Context().Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// flood is an answer without end, and how much of it was taken.
type flood struct {
	much atomic.Int64
	most int64
}

// body sends an endless body after a status.
func (f *flood) body(code int) func(*call) {
	return func(c *call) {
		c.WriteHeader(code)
		f.pour(c.ResponseWriter, `{"id":"`)
	}
}

// header sends an endless header.
func (f *flood) header(c *call) {
	conn, _, err := c.ResponseWriter.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	f.pour(conn, "HTTP/1.1 200 OK\r\nX-Endless: ")
}

// bomb sends much in few bytes.
func (f *flood) bomb(c *call) {
	c.Header().Set("Content-Encoding", "gzip")
	z, err := gzip.NewWriterLevel(c, gzip.BestSpeed)
	if err != nil {
		return
	}
	f.pour(z, `{"id":"`)
	_ = z.Close()
}

func (f *flood) pour(w io.Writer, begin string) {
	_, _ = io.WriteString(w, begin)
	block := []byte(strings.Repeat("x", 64<<10))
	for f.much.Load() < f.most {
		n, err := w.Write(block)
		f.much.Add(int64(n))
		if err != nil {
			return
		}
	}
}
