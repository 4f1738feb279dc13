package client

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Time limits of a request. Where gatepost asks a provider before it answers the
// answer takes longer.
const (
	connectsWithin = 10 * time.Second
	answersWithin  = time.Minute
	asksWithin     = 3 * time.Minute
)

// WithTimeout is how long a request may stand still before it ends with an error:
// until the connection is there, while nothing of the request is taken, until the
// answer begins, and while no more of it comes. A large message over a slow line
// takes the time that it takes. Without the option it is one minute, and three
// where gatepost asks a provider before it answers.
func WithTimeout(limit time.Duration) Option {
	return func(c *Client) { c.timeout = limit }
}

// limit is how long a request may stand still.
func (c *Client) limit(r request) time.Duration {
	switch {
	case c.timeout > 0:
		return c.timeout
	case r.asks:
		return asksWithin
	}
	return answersWithin
}

// transport is what requests are made through by default.
func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: connectsWithin}).DialContext
	return t
}

// silence says that a request stood still for too long.
type silence struct{ limit time.Duration }

// Error implements error.
func (s *silence) Error() string { return fmt.Sprintf("no answer within %s", s.limit) }

// Timeout tells that it is one, as net.Error does.
func (s *silence) Timeout() bool { return true }

// patience ends a request that stands still.
type patience struct {
	ctx      context.Context
	cancel   context.CancelCauseFunc
	limit    time.Duration
	timer    *time.Timer
	mu       sync.Mutex
	answered bool
}

// wait makes a patience that has begun; release must be called in the end.
func wait(ctx context.Context, limit time.Duration) *patience {
	p := &patience{limit: limit}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	p.timer = time.AfterFunc(limit, func() { p.cancel(&silence{limit}) })
	return p
}

func (p *patience) release() {
	p.timer.Stop()
	p.cancel(nil)
}

// reason is the silence, where that is what ended the request.
func (p *patience) reason(err error) error {
	if s, ok := context.Cause(p.ctx).(*silence); ok && err != nil && err != io.EOF {
		return s
	}
	return err
}

// over hands a request's body over: each piece that is taken is a sign of life.
// The body's own reader may be slow.
func (p *patience) over(body io.ReadCloser) io.ReadCloser {
	if body == nil || body == http.NoBody {
		return body
	}
	return &handed{body, p}
}

type handed struct {
	io.ReadCloser
	p *patience
}

// Read implements io.Reader.
func (h *handed) Read(b []byte) (int, error) {
	h.p.timer.Stop()
	n, err := h.ReadCloser.Read(b)
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if !h.p.answered { // an answer may come before all is handed over
		h.p.timer.Reset(h.p.limit)
	}
	return n, err
}

// heard takes an answer whose head is there. Its reader may be slow.
func (p *patience) heard(res *http.Response) *http.Response {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered = true
	p.timer.Stop()
	res.Body = &heardBody{res.Body, p}
	return res
}

type heardBody struct {
	io.ReadCloser
	p *patience
}

// Read implements io.Reader.
func (h *heardBody) Read(b []byte) (int, error) {
	h.p.timer.Reset(h.p.limit)
	n, err := h.ReadCloser.Read(b)
	h.p.timer.Stop()
	return n, h.p.reason(err)
}

// Close implements io.Closer.
func (h *heardBody) Close() error {
	defer h.p.release()
	return h.ReadCloser.Close()
}
