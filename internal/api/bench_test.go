package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/queue"
)

// discard is an answer that nobody reads.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

func benchBody(size int) string {
	line := strings.Repeat("the quick brown fox ", 4)[:74] + `\r\n`
	return fmt.Sprintf(`{"from": "app@example.com", "to": ["maria@example.org"], "subject": "Bench", "text": "%s"}`, strings.Repeat(line, size/76+1))
}

// BenchmarkDoor is all of a request but Submit and the socket: key, body,
// decoding, answer, measurement.
func BenchmarkDoor(b *testing.B) {
	for _, size := range []int{2 << 10, 100 << 10} {
		w := sqlite(b)
		s := newServer(Config{Engine: w.engine, Control: w.control, Keys: access.NewKeys(w.store, time.Now)})
		body := benchBody(size)
		handler := s.handler(operation{pattern: "POST /v1/messages", serve: func(c *call) error {
			if _, problems, err := c.submission(); err != nil || len(problems) > 0 {
				return fmt.Errorf("%v %w", problems, err)
			}
			return c.submitted(queue.Submitted{ID: w.smtp, Account: w.smtp, CreatedAt: time.Now()})
		}})
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), "POST", "/v1/messages", strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+w.key)
				r.Header.Set("Content-Type", "application/json")
				handler.ServeHTTP(&discard{http.Header{}}, r)
			}
		})
	}
}

// BenchmarkSubmit is the whole of it on SQLite, over a socket, one at a time and
// in parallel.
func BenchmarkSubmit(b *testing.B) {
	w := sqlite(b)
	body := benchBody(2 << 10)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, _ := http.NewRequest("POST", w.url+"/v1/messages", strings.NewReader(body))
			req.Header.Set("Authorization", "Bearer "+w.key)
			req.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(req)
			if err != nil || res.StatusCode != http.StatusAccepted {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
}
