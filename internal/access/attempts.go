package access

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

const (
	freeFailures   = 5 // of a network within freeWithin, that cost it nothing
	freeWithin     = time.Minute
	longestWait    = 10 * time.Second
	quietFor       = 10 * time.Minute
	mostNetworks   = 10_000
	bits4, bits6   = 24, 64 // what one client may be expected to have
	doublingsAtEnd = 4      // 1 s, 2 s, 4 s, 8 s, and then longestWait
)

// Attempts counts failed logins by the network that they come from, over all
// doors, so that nobody can try secrets as fast as the doors answer. It knows
// nothing of keys: one that is right is never refused or delayed by it. It keeps
// 10,000 networks in memory and forgets those first that have failed longest ago.
type Attempts struct {
	now func() time.Time

	mu     sync.Mutex
	of     map[netip.Prefix]*list.Element // of *failures
	recent *list.List                     // the last to fail first
}

// failures are those of one network.
type failures struct {
	network netip.Prefix
	last    [freeFailures]time.Time // latest first
	over    int                     // how many there were since they were too many
}

// NewAttempts makes a counter for all doors of a process; a nil now is time.Now.
func NewAttempts(now func() time.Time) *Attempts {
	if now == nil {
		now = time.Now
	}
	return &Attempts{now: now, of: map[netip.Prefix]*list.Element{}, recent: list.New()}
}

// Failed notes a failed login and says how long its client is to be kept from the
// next answer: not at all for the first five of its network (IPv4 /24, IPv6 /64)
// within a minute, then 1 s, 2 s, 4 s and so on up to 10 s, until the network has
// been quiet for ten minutes.
func (a *Attempts) Failed(from netip.Addr) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, now := a.failures(networkOf(from)), a.now()
	if now.Sub(f.last[0]) >= quietFor {
		f.over = 0
	}
	if f.over > 0 || now.Sub(f.last[freeFailures-1]) < freeWithin {
		f.over++
	}
	copy(f.last[1:], f.last[:freeFailures-1])
	f.last[0] = now
	switch {
	case f.over == 0:
		return 0
	case f.over > doublingsAtEnd:
		return longestWait
	}
	return time.Second << (f.over - 1)
}

// failures finds what is known of a network, and makes it the latest.
func (a *Attempts) failures(network netip.Prefix) *failures {
	if e := a.of[network]; e != nil {
		a.recent.MoveToFront(e)
		return e.Value.(*failures)
	}
	if len(a.of) >= mostNetworks {
		oldest := a.recent.Remove(a.recent.Back()).(*failures)
		delete(a.of, oldest.network)
	}
	f := &failures{network: network}
	a.of[network] = a.recent.PushFront(f)
	return f
}

// networkOf is what is counted together; the zero prefix for an address that is
// not known.
func networkOf(from netip.Addr) netip.Prefix {
	from = from.Unmap().WithZone("")
	bits := bits6
	if from.Is4() {
		bits = bits4
	}
	p, err := from.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
