package smtp

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"gatepost/internal/provider"
)

// piped is a pool whose connections are pipes; farewells tells what each of them
// said at its end.
func piped(farewells chan<- string) *pool {
	return newPool(2, func(context.Context) (*session, *provider.Error) {
		ours, theirs := net.Pipe()
		go func() {
			said, _ := io.ReadAll(theirs)
			farewells <- string(said)
		}()
		return &session{raw: ours, conn: ours, in: bufio.NewReader(ours)}, nil
	})
}

// TestIdleConnections: what is not used for a while is closed with QUIT, and the
// one that is used stays.
func TestIdleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		farewells := make(chan string, 10)
		p := piped(farewells)
		busy, _ := p.get(t.Context())
		idle, _ := p.get(t.Context())
		p.put(idle)
		p.put(busy)
		for range 5 { // last in, first out: always the same one
			time.Sleep(keepIdle / 4)
			s, problem := p.get(t.Context())
			if problem != nil || s != busy || !s.reused {
				t.Fatalf("got another connection: %v", problem)
			}
			p.put(s)
		}
		synctest.Wait()
		if len(farewells) != 1 || <-farewells != "QUIT\r\n" {
			t.Error("the idle connection was not closed with QUIT")
		}
		time.Sleep(keepIdle + time.Second)
		synctest.Wait()
		if len(farewells) != 1 {
			t.Error("the other connection was not closed after it had been idle")
		}
		if s, _ := p.get(t.Context()); s == busy || s.reused {
			t.Error("a closed connection was given out")
		} else {
			p.drop(s)
		}
	})
}

// TestClosedPool: what comes back to a closed pool is ended.
func TestClosedPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		farewells := make(chan string, 10)
		p := piped(farewells)
		one, _ := p.get(t.Context())
		two, _ := p.get(t.Context())
		p.put(one)
		p.close()
		p.put(two)
		synctest.Wait()
		if len(farewells) != 2 || len(p.slots) != 0 {
			t.Errorf("%d connections closed and %d places held, want 2 and 0", len(farewells), len(p.slots))
		}
	})
}
