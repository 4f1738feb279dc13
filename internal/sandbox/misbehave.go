package sandbox

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// maxHang bounds how long a connection is held without an answer.
const maxHang = 10 * time.Minute

type connKey struct{}

// withConn lets a handler reach its connection, to cut it.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// cut resets a TCP connection: what was not read yet is thrown away, and the
// peer sees a reset rather than an orderly end.
func cut(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// cutRequest resets the connection of a request and ends its handler.
func cutRequest(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(net.Conn); ok {
		cut(c)
	}
	panic(http.ErrAbortHandler)
}

// hangRequest answers nothing until the client goes away or the world ends. The
// request's body must have been read: only then does the server watch the client.
func hangRequest(world context.Context, r *http.Request) {
	wait(world, r.Context(), maxHang)
	panic(http.ErrAbortHandler)
}

// wait passes the time, or less when one of them ends.
func wait(world, client context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-world.Done():
	case <-client.Done():
	case <-t.C:
	}
}

// hangConn reads and forgets what the peer of an SMTP connection sends until it
// goes away, the world ends (its server then closes the connection) or the time
// is up.
func hangConn(c net.Conn) {
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(maxHang))
	_, _ = io.Copy(io.Discard, c)
}
