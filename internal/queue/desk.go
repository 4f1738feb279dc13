package queue

import (
	"sync"
	"time"

	"gatepost/internal/email"
)

// desk is what a dispatcher has in hand: claimed and ready to go, and being sent.
// It has as many places as the account may have sends at a time, and holds as much
// again ready. Where sends take long, and there are two places, one is for the
// urgent lane alone; where they are quick the next place is free as soon, and to keep
// one would cost a part of what the provider allows. It is safe for use by many
// goroutines.
type desk struct {
	mu       sync.Mutex
	places   int
	ready    [2][]claimed // urgent, and the others
	sending  [2]int
	average  time.Duration // of sends, the latest weighing most; 0: there was none
	due      bool          // more may be due
	urgent   bool          // somebody woke us: what is due may be urgent
	claiming bool
	passed   int // of the normal lane since the last of bulk
	calls    int // how often the account's mail was called back
	halts    int // outcomes on their way to the store that stop the account
	back     []claimed
	closed   bool
	// What a limit keeps back is not asked for again before it has room: urgent mail,
	// which keeps the others too, or the others alone.
	blocked [2]bool
	flight  bool // what is being sent has the limit in use
}

// side is where a lane lies.
func side(l email.Lane) int {
	if l == email.Urgent {
		return 0
	}
	return 1
}

// woken notes that mail may be due, and how many sends there may be at a time.
func (k *desk) woken(places int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.places, k.due, k.urgent = places, true, true
}

// quick is how long sends may take so that urgent mail can wait for a place.
const quick = 250 * time.Millisecond

// open is how many places the other lanes have.
func (k *desk) open() int {
	if 0 < k.average && k.average < quick {
		return k.places
	}
	return max(1, k.places-1)
}

// begin takes a message that may be sent now.
func (k *desk) begin() (c claimed, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.halts > 0 || k.sending[0]+k.sending[1] >= k.places {
		return c, false
	}
	for i, list := range k.ready {
		if len(list) == 0 || i == 1 && k.sending[1] >= k.open() {
			continue
		}
		c, k.ready[i] = list[0], list[1:]
		k.sending[i]++
		return c, true
	}
	return c, false
}

// room tells how much may be claimed now, if it is worth a claim: the others are
// claimed when half of what may lie ready has been used up.
func (k *desk) room() (r room, calls int, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.claiming || k.closed || k.halts > 0 || !k.due || k.places == 0 || k.blocked[0] {
		return r, 0, false
	}
	others := 0
	if !k.blocked[1] && len(k.ready[1]) <= k.open()/2 {
		others = 2*k.open() - len(k.ready[1]) - k.sending[1]
	}
	if others <= 0 && !k.urgent {
		return r, 0, false
	}
	r.reserve = max(0, 2*k.places-len(k.ready[0])-k.sending[0])
	r.limit, r.passed = r.reserve+max(0, others), k.passed
	if r.limit == 0 {
		return r, 0, false
	}
	k.claiming, k.urgent = true, false
	k.due = others <= 0 // it is not known what the others have
	return r, k.calls, true
}

// add takes what a claim has brought. Where that was as much as there was room for,
// there may be more.
func (k *desk) add(got gained, r room, calls int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.claiming = false
	claims := got.claims
	if b := got.blocked; b != nil {
		k.due, k.blocked[side(b.Lane)], k.flight = true, true, !b.Paced && b.Until.IsZero()
	}
	others := 0
	for _, c := range claims {
		others += side(c.Lane)
	}
	k.due = k.due || len(claims) == r.limit || others > 0 && others == r.limit-r.reserve
	if k.closed || calls != k.calls {
		k.back = append(k.back, claims...)
		return
	}
	for _, c := range claims {
		k.ready[side(c.Lane)] = append(k.ready[side(c.Lane)], c)
		switch c.Lane {
		case email.Normal:
			k.passed++
		case email.Bulk:
			k.passed = 0
		}
	}
}

// unblock lets a limit be asked again.
func (k *desk) unblock() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.urgent = k.urgent || k.blocked[0]
	k.blocked, k.flight = [2]bool{}, false
}

// written notes that an outcome is in the store, and tells whether a limit may have
// room by that.
func (k *desk) written() bool {
	k.mu.Lock()
	flight := k.flight
	k.mu.Unlock()
	if flight {
		k.unblock()
	}
	return flight
}

// end frees the place of a send. When its outcome stops the account, nothing begins
// before that is written, and what lies ready is called back.
func (k *desk) end(l email.Lane, took time.Duration, halts bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sending[side(l)]--
	if k.average == 0 {
		k.average = took
	}
	k.average = max(1, k.average+(took-k.average)/8)
	if halts {
		k.halts++
		k.call()
	}
}

func (k *desk) resume() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.halts--
	k.due, k.urgent = true, true
}

// call takes back all that has not begun.
func (k *desk) call() {
	k.calls++
	for i, list := range k.ready {
		k.back, k.ready[i] = append(k.back, list...), nil
	}
}

// recalled is what has to go back.
func (k *desk) recalled() []claimed {
	k.mu.Lock()
	defer k.mu.Unlock()
	back := k.back
	k.back = nil
	return back
}

// close lets nothing begin any more and returns what has to go back.
func (k *desk) close() []claimed {
	k.mu.Lock()
	k.closed = true
	k.call()
	k.mu.Unlock()
	return k.recalled()
}

func (k *desk) busy() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.claiming || k.halts > 0 || k.sending[0]+k.sending[1]+len(k.ready[0])+len(k.ready[1])+len(k.back) > 0
}
