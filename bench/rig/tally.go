package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// outcome is what a client knows of one message after it tried to submit it.
type outcome int

const (
	accepted  outcome = iota
	refused           // the server answered, and said no
	ambiguous         // sent whole or in part, no final answer
	notSent           // never reached the end of the data
)

// sender is one client with its connection.
type sender interface {
	send(m job) (outcome, error)
	close()
}

// job is one message to submit. Its latency counts from at, the time at which it was due.
type job struct {
	id     string
	n      int // its number, which names the recipient
	urgent bool
	at     time.Time
}

// tally is the clients' ledger: what became of each id.
type tally struct {
	mu      sync.Mutex
	state   map[string]outcome
	lats    []float64 // ms, of accepted messages
	lastErr error
	counts  [4]int
	ok      atomic.Int64
}

func newTally(n int) *tally {
	return &tally{state: make(map[string]outcome, n), lats: make([]float64, 0, n)}
}

func (t *tally) add(m job, o outcome, err error) {
	ms := float64(time.Since(m.at)) / 1e6
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state[m.id] = o
	t.counts[o]++
	if o == accepted {
		t.lats = append(t.lats, ms)
		t.ok.Add(1)
	} else if err != nil {
		t.lastErr = err
	}
}
