package gmail

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"gatepost/internal/provider"
)

const (
	connectPatience = 30 * time.Second
	// keepIdle is well below the time after which Google's front ends close idle
	// connections: a request written to one that is just closing has no outcome.
	keepIdle = 30 * time.Second
)

// newTransport is HTTP/1.1 with kept connections, one request at a time on each.
// RoundTrip is used without http.Client, so redirects are answers.
func newTransport(deps provider.Deps, parallel int) *http.Transport {
	dial := deps.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: connectPatience}).DialContext
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &conn{Conn: c}, nil
		},
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialTLS(ctx, deps, dial, network, address)
		},
		MaxIdleConnsPerHost:    parallel,
		IdleConnTimeout:        keepIdle,
		MaxResponseHeaderBytes: maxAnswer,
		WriteBufferSize:        16 << 10,
		DisableCompression:     true,
	}
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

func dialTLS(ctx context.Context, deps provider.Deps, dial dialFunc, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address of the Gmail API: %w", err)
	}
	plain, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	cfg := provider.TLSConfig(host, deps.RootCAs)
	cfg.NextProtos = []string{"http/1.1"}
	secure := tls.Client(plain, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		plain.Close()
		return nil, fmt.Errorf("TLS with %s: %w", host, err)
	}
	return &conn{Conn: secure}, nil
}

// conn tells the upload that it carries when bytes have really been written:
// httptrace.WroteRequest comes before the transport's last flush.
type conn struct {
	net.Conn
	carries atomic.Pointer[upload]
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if u := c.carries.Load(); u != nil {
		u.wrote(err)
	}
	return n, err
}

// traced ties the upload to the connection that it gets.
func traced(ctx context.Context, u *upload) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			if c, ok := got.Conn.(*conn); ok {
				c.carries.Store(u)
			}
			if u.trace != nil && !u.again {
				u.trace("connected")
			}
		},
	})
}
