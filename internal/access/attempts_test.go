package access_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"gatepost/internal/access"
)

// clock is one that stands until it is told.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

func attempts() (*access.Attempts, *clock) {
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	return access.NewAttempts(c.read), c
}

// fail fails n times, with a pause before each but the first.
func fail(a *access.Attempts, c *clock, from string, n int, pause time.Duration) (waits []time.Duration) {
	for i := range n {
		if i > 0 {
			c.pass(pause)
		}
		waits = append(waits, a.Failed(netip.MustParseAddr(from)))
	}
	return waits
}

func TestManyFailuresWait(t *testing.T) {
	a, c := attempts()
	s := time.Second
	if got, want := fail(a, c, "192.0.2.1", 12, s), []time.Duration{0, 0, 0, 0, 0, s, 2 * s, 4 * s, 8 * s, 10 * s, 10 * s, 10 * s}; !slices.Equal(got, want) {
		t.Errorf("waits %v", got)
	}
	c.pass(10*time.Minute - s)
	if got := fail(a, c, "192.0.2.1", 1, 0); got[0] != 10*s {
		t.Errorf("not yet ten quiet minutes: %v", got)
	}
	c.pass(10 * time.Minute)
	if got := fail(a, c, "192.0.2.1", 6, 0); got[4] != 0 || got[5] != s {
		t.Errorf("after ten quiet minutes: %v", got)
	}
}

// Somebody whose program has an old key and asks now and then is never kept waiting.
func TestFewFailuresCostNothing(t *testing.T) {
	a, c := attempts()
	if got := fail(a, c, "192.0.2.1", 100, 12*time.Second); slices.Max(got) != 0 {
		t.Errorf("five a minute: %v", got)
	}
}

func TestFailuresAreCountedByNetwork(t *testing.T) {
	for same, other := range map[[2]string]string{
		{"192.0.2.1", "192.0.2.200"}:                     "192.0.3.1",
		{"192.0.2.1", "::ffff:192.0.2.9"}:                "2001:db8::1",
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff::1%eth0"}: "2001:db8:0:2::1",
	} {
		a, c := attempts()
		fail(a, c, same[0], 5, 0)
		if got := fail(a, c, other, 5, 0); slices.Max(got) != 0 {
			t.Errorf("%s waits for %s: %v", other, same[0], got)
		}
		if got := fail(a, c, same[1], 1, 0); got[0] != time.Second {
			t.Errorf("%s is not counted with %s: %v", same[1], same[0], got)
		}
	}
}

// However many networks fail, memory is bounded, and those are kept that failed last.
func TestFailuresAreBounded(t *testing.T) {
	a, c := attempts()
	fail(a, c, "192.0.2.1", 5, 0)
	network := func(n uint32) string {
		b := [16]byte{0x20, 1, 0x0d, 0xb8}
		binary.BigEndian.PutUint32(b[4:], n)
		return netip.AddrFrom16(b).String()
	}
	for n := range uint32(9_999) {
		fail(a, c, network(n), 1, 0)
	}
	if got := fail(a, c, "192.0.2.1", 1, 0); got[0] != time.Second {
		t.Errorf("one of 10,000 is forgotten: %v", got)
	}
	for n := range uint32(30_000) {
		fail(a, c, network(10_000+n), 1, 0)
	}
	if got := fail(a, c, "192.0.2.1", 1, 0); got[0] != 0 {
		t.Errorf("the 30,001st is remembered: %v", got)
	}
}

func TestFailuresFromManySides(t *testing.T) {
	a := access.NewAttempts(nil)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				a.Failed(netip.MustParseAddr("192.0.2.1"))
				a.Failed(netip.Addr{})
			}
		})
	}
	all.Wait()
	if wait := a.Failed(netip.MustParseAddr("192.0.2.2")); wait != 10*time.Second {
		t.Errorf("after 800 failures: %v", wait)
	}
}
