package gateway

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is all connections. Where there is no place left, the one that has been idle
// for longest without a login makes room, so that those who wait and do nothing keep
// nobody out.
type crowd struct {
	most, perNetwork int

	mu      sync.Mutex
	conns   map[*conn]bool
	network map[netip.Prefix]int
}

func newCrowd(most, perNetwork int) *crowd {
	return &crowd{most: most, perNetwork: perNetwork, conns: map[*conn]bool{}, network: map[netip.Prefix]int{}}
}

// networkOf is what is counted as one client: an IPv4 address, an IPv6 /64.
func networkOf(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}

// enter gives a connection its place, or says why there is none.
func (w *crowd) enter(c *conn) (leave func(), full string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	from := networkOf(c.client)
	if w.network[from] >= w.perNetwork {
		return nil, fmt.Sprintf("%s has %d connections already: close some, or use them for more than one message", c.client, w.perNetwork)
	}
	if len(w.conns) >= w.most && !w.makeRoom() {
		return nil, "too many connections at the moment: try again in a minute"
	}
	w.conns[c] = true
	w.network[from]++
	return func() { w.leave(c, from) }, ""
}

func (w *crowd) leave(c *conn, from netip.Prefix) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns[c] {
		w.forget(c, from)
	}
}

func (w *crowd) forget(c *conn, from netip.Prefix) {
	delete(w.conns, c)
	if w.network[from]--; w.network[from] == 0 {
		delete(w.network, from)
	}
}

// makeRoom ends the connection without a login that came first.
func (w *crowd) makeRoom() bool {
	var first *conn
	for c := range w.conns {
		if !c.known.Load() && (first == nil || c.began.Before(first.began)) {
			first = c
		}
	}
	if first == nil {
		return false
	}
	w.forget(first, networkOf(first.client))
	first.interrupt()
	return true
}

// interrupt ends the connections that wait for their client.
func (w *crowd) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		c.interrupt()
	}
}

// cut ends all connections.
func (w *crowd) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.raw.Close()
	}
}

// budget bounds the bytes of messages on their way in.
type budget struct {
	most int64
	used atomic.Int64
}

func newBudget(most int64) *budget { return &budget{most: most} }

// take takes n bytes more, if there is room.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.most {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// rates bound what clients without a key send: so many messages in a minute.
type rates struct {
	most int
	now  func() time.Time

	mu   sync.Mutex
	used map[netip.Addr]minute
}

type minute struct {
	began time.Time
	n     int
}

func newRates(most int, now func() time.Time) *rates {
	return &rates{most: most, now: now, used: map[netip.Addr]minute{}}
}

// use counts a message, or tells how long to wait.
func (r *rates) use(a netip.Addr) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	m := r.used[a]
	if age := now.Sub(m.began); age < 0 || age >= time.Minute {
		m = minute{began: now}
	}
	if m.n >= r.most {
		return m.began.Add(time.Minute).Sub(now)
	}
	m.n++
	r.used[a] = m // of listed clients alone: there are few
	return 0
}
