package webcall

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
	// keepIdle is well below the time after which the front ends of Google and of
	// Microsoft close idle connections: a request written to one that is just closing
	// has no outcome.
	keepIdle = 30 * time.Second
)

// NewTransport is HTTP/1.1 with kept connections, one request at a time on each.
// RoundTrip is used without http.Client, so redirects are answers.
func NewTransport(deps provider.Deps, parallel int) *http.Transport {
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
		MaxResponseHeaderBytes: MaxAnswer,
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
		return nil, fmt.Errorf("address of the API: %w", err)
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
	provider.WatchedIn(ctx).Say(provider.ByNobody, "%s with %s", tls.VersionName(secure.ConnectionState().Version), host)
	return &conn{Conn: secure}, nil
}

// carried is a request that wants to know what is written of it.
type carried interface {
	connected()                 // it has got a connection
	before() error              // a write follows; an error keeps it from being made
	wrote(written int, _ error) // a write was made
}

// conn tells the request that it carries when bytes have really been written:
// httptrace.WroteRequest comes before the transport's last flush.
type conn struct {
	net.Conn
	carries atomic.Pointer[carried]
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	of := c.carries.Load()
	if of == nil {
		return c.Conn.Write(p)
	}
	if err := (*of).before(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	(*of).wrote(n, err)
	return n, err
}

// request is an Upload or a Trigger.
type request interface {
	HandOver
	carried
}

// Traced ties an upload or a trigger to the connection that it gets.
func Traced(ctx context.Context, r request) context.Context {
	of := carried(r)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			if c, ok := got.Conn.(*conn); ok {
				c.carries.Store(&of)
			}
			of.connected()
		},
	})
}

// Plain is for requests that hand nothing over, on connections that may have carried
// one that did.
func Plain(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			if c, ok := got.Conn.(*conn); ok {
				c.carries.Store(nil)
			}
		},
	})
}
