package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"time"
)

// Mode is how clients of a listener begin.
type Mode int

// The modes of listeners.
const (
	StartTLS Mode = iota // in the clear, and STARTTLS where there is TLS
	Implicit             // TLS from the first byte
	Open                 // in the clear and without a login, for trusted clients alone
)

// listening is one listener that is being served.
type listening struct {
	net.Listener
	mode Mode
}

// Serve takes connections until the listener is closed or the server stops. It
// returns nil then, and an error where the listener fails.
func (s *Server) Serve(l net.Listener, mode Mode) error {
	at := &listening{l, mode}
	if !s.unlessStopped(func() { s.listen[at] = true }) {
		return l.Close()
	}
	defer func() {
		s.mu.Lock()
		delete(s.listen, at)
		s.mu.Unlock()
	}()
	for pause := time.Duration(0); ; {
		conn, err := l.Accept()
		switch {
		case s.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			if conn != nil {
				_ = conn.Close()
			}
			return nil
		case err != nil: // mostly too many open files: others will be closed
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.Log.Error("an SMTP connection could not be taken", "err", err, "again_in", pause)
			if !s.wait(pause) {
				return nil
			}
			continue
		}
		pause = 0
		if !s.unlessStopped(func() { s.served.Go(func() { s.serve(conn, mode) }) }) {
			_ = conn.Close()
			return nil
		}
	}
}

// unlessStopped does something that a stop either sees or does not let happen.
func (s *Server) unlessStopped(do func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	do()
	return true
}

// wait lets time go by and tells whether the server goes on.
func (s *Server) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// serve is one connection, from its greeting to its end.
func (s *Server) serve(nc net.Conn, mode Mode) {
	c := newConn(s, nc, mode)
	defer nc.Close() //nolint:errcheck // whatever it says, it is over
	defer func() {
		if p := recover(); p != nil { // its value may hold what the client said
			s.Log.Error("an SMTP connection panicked", "client", c.client, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			c.reply(421, "4.3.0", "something went wrong here; what has no 250 yet was not taken: try again later")
			c.flush()
		}
	}()
	leave, full := s.crowd.enter(c)
	if full != "" {
		c.refuseConnection(421, "4.7.0", full)
		return
	}
	defer leave()
	c.run()
}

// addrOf is a client's address; IPv4 within IPv6 is the IPv4 address.
func addrOf(nc net.Conn) netip.Addr {
	a, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap().WithZone("")
}

// Shutdown takes no more connections, lets messages that are being taken come to
// their answer, and ends idle connections with a 421. When ctx ends first, what is
// left is cut.
func (s *Server) Shutdown(ctx context.Context) error {
	s.cancel()
	s.mu.Lock()
	for l := range s.listen {
		_ = l.Close()
	}
	s.mu.Unlock()
	s.crowd.interrupt()
	done := make(chan struct{})
	go func() { s.served.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.crowd.cut()
		return fmt.Errorf("stop the SMTP door: %w", ctx.Err())
	}
}
