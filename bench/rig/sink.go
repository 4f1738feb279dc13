package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxBody = 64 << 20
	headLen = 16 << 10 // as far as a message is searched for the two headers
)

// arrival is one message as the sink received it. At is taken when the whole message has been read,
// before the configured latency is slept: what the provider does afterwards is not the relay's time.
type arrival struct {
	ID   string
	At   int64
	Sent int64
	Size int
	Via  string
}

// sink is the fake provider: it takes all, remembers what arrived, and can be told to be slow or full.
type sink struct {
	mu       sync.Mutex
	arrivals []arrival
	noID     int

	latency  atomic.Int64 // ns per message
	maxConns atomic.Int64
	needAuth bool
	pace     pace
	heads    sync.Pool // of *[headLen]byte

	conns, peak, opened                   atomic.Int64
	authXOAuth2, authBearer, authPlain    atomic.Int64
	tokenReqs, refused, tlsConns, anonMsg atomic.Int64
}

// record books a message by the first part of its bytes.
func (s *sink) record(head []byte, size int, via string) {
	a := arrival{At: time.Now().UnixNano(), Size: size, Via: via}
	for _, end := range []string{"\r\n\r\n", "\n\n"} {
		if i := bytes.Index(head, []byte(end)); i >= 0 {
			head = head[:i]
			break
		}
	}
	for line := range bytes.SplitSeq(head, []byte("\n")) {
		if k, v, ok := bytes.Cut(line, []byte(":")); ok {
			a.header(string(k), string(bytes.TrimSpace(v)))
		}
	}
	s.add(a)
}

// readAndRecord takes a whole message from r.
func (s *sink) readAndRecord(r io.Reader, via string) error {
	buf, ok := s.heads.Get().(*[headLen]byte)
	if !ok {
		buf = new([headLen]byte)
	}
	defer s.heads.Put(buf)
	n, err := io.ReadFull(r, buf[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	rest, err := io.Copy(io.Discard, r)
	if err != nil {
		return err
	}
	s.record(buf[:n], n+int(rest), via)
	return nil
}

func (s *sink) add(a arrival) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.ID == "" {
		s.noID++
		return
	}
	s.arrivals = append(s.arrivals, a)
}

// all is what arrived so far; it may be read without the lock.
func (s *sink) all() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrivals[:len(s.arrivals):len(s.arrivals)]
}

// header reads the two headers that every message of the load carries.
func (a *arrival) header(name, value string) {
	switch {
	case strings.EqualFold(name, "X-Bench-Id"):
		a.ID = value
	case strings.EqualFold(name, "X-Bench-Sent-Ns"):
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			a.Sent = n
		}
	}
}

// admit applies the rate limit; false means that the message must be refused.
func (s *sink) admit() bool {
	if s.pace.take() {
		return true
	}
	s.refused.Add(1)
	return false
}

func (s *sink) pause() {
	if d := s.latency.Load(); d > 0 {
		time.Sleep(time.Duration(d))
	}
}

// pace is a bucket of tokens, filled at rate per second, with a tenth of a second in store.
type pace struct {
	rate  atomic.Int64 // messages per second, 0 for no limit
	delay atomic.Bool  // over the rate: wait instead of refusing

	mu     sync.Mutex
	tokens float64
	last   time.Time
}

func (p *pace) take() bool {
	for {
		wait := p.try()
		if wait == 0 {
			return true
		}
		if !p.delay.Load() {
			return false
		}
		time.Sleep(wait)
	}
}

// try takes a token, or says how long the next one will take.
func (p *pace) try() time.Duration {
	rate := float64(p.rate.Load())
	if rate <= 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.last.IsZero() {
		p.last, p.tokens = now, 1
	}
	p.tokens = min(p.tokens+now.Sub(p.last).Seconds()*rate, max(1, rate/10))
	p.last = now
	if p.tokens < 1 {
		return max(1, time.Duration((1-p.tokens)/rate*float64(time.Second)))
	}
	p.tokens--
	return 0
}

// countListener counts connections as they are opened.
type countListener struct {
	net.Listener
	s *sink
}

func (l countListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.s.opened.Add(1)
	}
	return c, err
}
