package gateway

import (
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"time"
)

// crowd is all connections. Where there is no place left, one that has not logged in
// makes room, so that those who wait and do nothing keep nobody out.
type crowd struct {
	most, perNetwork int

	mu      sync.Mutex
	conns   map[*conn]netip.Prefix
	network map[netip.Prefix]int
	waiting map[netip.Prefix]int // scratch of makeRoom
	ending  bool                 // the server stops
	last    int                  // connections that say their last words
}

// maxLingering is how many connections say their last words at once: they have no
// place in the crowd, or are about to lose it.
const maxLingering = 100

// patient is how long a client has to log in before another of its own network may
// take its place.
const patient = 5 * time.Second

func newCrowd(most, perNetwork int) *crowd {
	return &crowd{most: most, perNetwork: perNetwork, conns: map[*conn]netip.Prefix{}, waiting: map[netip.Prefix]int{}, network: map[netip.Prefix]int{}}
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
	if w.network[from] >= w.perNetwork && !w.makeRoomIn(from, c.began.Add(-patient)) {
		return nil, fmt.Sprintf("%s has %d connections already: close some, or use them for more than one message", c.client, w.perNetwork)
	}
	if len(w.conns) >= w.most && !w.makeRoom() {
		return nil, "too many connections at the moment: try again in a minute"
	}
	w.conns[c] = from
	w.network[from]++
	if w.ending {
		c.interrupt()
	}
	return func() { w.leave(c, from) }, ""
}

func (w *crowd) leave(c *conn, from netip.Prefix) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, here := w.conns[c]; here {
		w.forget(c, from)
	}
}

func (w *crowd) forget(c *conn, from netip.Prefix) {
	delete(w.conns, c)
	if w.network[from]--; w.network[from] == 0 {
		delete(w.network, from)
	}
}

// makeRoom ends a connection without a login: of those of the network that has most of
// them, the one that came first. Who opens many loses them before who opens one.
func (w *crowd) makeRoom() bool {
	clear(w.waiting)
	var most netip.Prefix
	top := 0
	for c, n := range w.conns {
		if c.known.Load() {
			continue
		}
		m := w.waiting[n] + 1
		if w.waiting[n] = m; m > top {
			top, most = m, n
		}
	}
	first := w.first(most)
	return first != nil && w.replace(first)
}

// makeRoomIn ends the connection of a network without a login that came first, if it
// came before a time.
func (w *crowd) makeRoomIn(network netip.Prefix, before time.Time) bool {
	first := w.first(network)
	return first != nil && first.began.Before(before) && w.replace(first)
}

func (w *crowd) first(network netip.Prefix) (first *conn) {
	for c, n := range w.conns {
		if n == network && !c.known.Load() && (first == nil || c.began.Before(first.began)) {
			first = c
		}
	}
	return first
}

func (w *crowd) replace(c *conn) bool {
	w.forget(c, w.conns[c])
	c.interrupt()
	return true
}

// linger tells whether a connection may wait for its client to read its last words.
func (w *crowd) linger() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last >= maxLingering {
		return false
	}
	w.last++
	return true
}

func (w *crowd) lingered() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last--
}

// interrupt ends the connections that wait for their client, and those to come.
func (w *crowd) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ending = true
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

// budget bounds the bytes of messages on their way in: of all, of one sender, so that
// nobody takes it whole, and of one message.
type budget struct {
	all, each, message int64

	mu   sync.Mutex
	used int64
	by   map[string]int64
}

// newBudget gives each sender a half, but always room for one message.
func newBudget(l Limits) *budget {
	return &budget{all: l.Bodies, each: max(l.Bodies/2, l.Size), message: l.Size, by: map[string]int64{}}
}

// take takes n bytes more for a sender, or says why there is no room for them.
func (b *budget) take(sender string, n int64) (full string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.by[sender]+n > b.each:
		return "too much mail of this key or client is being taken at the moment: hand over fewer messages at once, and try again in a minute"
	case b.used+n > b.all:
		return "too much mail is being taken at the moment: try again in a minute"
	}
	b.used += n
	b.by[sender] += n
	return ""
}

func (b *budget) give(sender string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.by[sender] -= n; b.by[sender] == 0 {
		delete(b.by, sender)
	}
}

// rates bound what clients without a key send: so many messages in a minute.
type rates struct {
	most int
	now  func() time.Time

	mu   sync.Mutex
	used map[netip.Prefix]minute
}

type minute struct {
	began time.Time
	n     int
}

func newRates(most int, now func() time.Time) *rates {
	return &rates{most: most, now: now, used: map[netip.Prefix]minute{}}
}

// maxRates is of how many clients the minutes are kept; more at once have to wait.
const maxRates = 10_000

// use counts a message, or tells how long to wait.
func (r *rates) use(a netip.Addr) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	m, known := r.used[networkOf(a)]
	if m.over(now) {
		m = minute{began: now}
	}
	if !known && len(r.used) >= maxRates {
		maps.DeleteFunc(r.used, func(_ netip.Prefix, m minute) bool { return m.over(now) })
	}
	switch {
	case !known && len(r.used) >= maxRates:
		return time.Minute
	case m.n >= r.most:
		return m.began.Add(time.Minute).Sub(now)
	}
	m.n++
	r.used[networkOf(a)] = m
	return 0
}

func (m minute) over(now time.Time) bool {
	age := now.Sub(m.began)
	return age < 0 || age >= time.Minute
}
