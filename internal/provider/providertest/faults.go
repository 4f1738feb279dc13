package providertest

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"gatepost/internal/provider"
	"gatepost/internal/sandbox"
)

// faultCase is a way in which the world misbehaves and what Send must say.
type faultCase struct {
	fault, arg string
	rule       bool // by the control endpoint; else by the recipient's address
	api, relay provider.Class
	taken      int           // how often the world has the message
	until      time.Duration // from now; 0: no time is wanted
}

// faultCases: what is only refused after the content was handed over and what
// broke then differ: a 4xx or 4yz/5yz is a verdict, a 5xx of HTTP is none.
var faultCases = []faultCase{
	{fault: "token_refused", rule: true, api: provider.Hold},
	{fault: "unauthorized", rule: true, api: provider.Hold, relay: provider.Hold},
	{fault: "quota", api: provider.Park, relay: provider.Park},
	{fault: "rate", arg: "30", api: provider.Park, relay: provider.Retry, until: 30 * time.Second},
	{fault: "rate", arg: "100000", api: provider.Hold, relay: provider.Hold, until: 100000 * time.Second},
	{fault: "server_error", arg: "503", api: provider.Unknown, relay: provider.Retry},
	{fault: "refused", api: provider.Fail, relay: provider.Fail},
	{fault: "error_after", api: provider.Unknown, relay: provider.Retry, taken: 1},
	{fault: "timeout_before", api: provider.Unknown, relay: provider.Unknown},
	{fault: "timeout_after", api: provider.Unknown, relay: provider.Unknown, taken: 1},
	{fault: "cut_before", api: provider.Unknown, relay: provider.Unknown},
	{fault: "cut_after", api: provider.Unknown, relay: provider.Unknown, taken: 1},
}

// testFaults: each fault has its class, and nothing under Send sends twice.
func testFaults(t *testing.T, h Harness) {
	for _, c := range faultCases {
		want := c.api
		if h.Envelope {
			want = c.relay
		}
		if h.Timeless && c.fault == "rate" {
			want, c.until = provider.Park, 0
		}
		if want == 0 {
			continue
		}
		t.Run(strings.Trim(c.fault+"."+c.arg, "."), func(t *testing.T) {
			p := h.Open(t, Options{})
			warm(t, h, p, c)
			to := "ann@world.example"
			if c.rule {
				fault(t, h.World, sandbox.Rule{Fault: c.fault, Arg: c.arg})
			} else {
				to = strings.Trim("fault."+c.fault+"."+c.arg, ".") + "@world.example"
			}
			l := newLetter(t, h, to)
			start := time.Now()
			receipt, err := p.Send(within(t, limitOf(c)), l.envelope(to), l.bytes())
			e, bad := classOf(receipt, err)
			if bad != nil || e == nil || e.Class != want {
				t.Fatalf("Send: %v %v (%v), want class %v", receipt, err, bad, want)
			}
			if e.Cause == "" || e.Text == "" || e.Scope == "" || len(e.Reply) > 512 {
				t.Errorf("the error does not explain itself: %+v", e)
			}
			if c.until > 0 && (e.Until.Before(start.Add(c.until-2*time.Second)) || e.Until.After(time.Now().Add(c.until+2*time.Second))) {
				t.Errorf("until %v, want %v from %v", e.Until, c.until, start)
			}
			if e.Class == provider.Park && !e.Until.After(start) {
				t.Errorf("parked until %v, which is not later than now", e.Until)
			}
			wantTaken(t, h.World, l.id, c.taken)
		})
	}
}

// limitOf is short where the world says nothing at all.
func limitOf(c faultCase) time.Duration {
	if strings.HasPrefix(c.fault, "timeout") {
		return 400 * time.Millisecond
	}
	return patience
}

// warm sends one message first, so that the fault meets a kept connection. A
// password is only looked at when a connection is made.
func warm(t *testing.T, h Harness, p provider.Provider, c faultCase) {
	t.Helper()
	if h.Envelope && c.fault == "unauthorized" {
		return
	}
	if c.fault == "token_refused" {
		return
	}
	l := newLetter(t, h, "ann@world.example")
	env := l.envelope("ann@world.example")
	receipt, err := p.Send(within(t, patience), env, l.bytes())
	wantAccepted(t, env, receipt, err)
}

// testHarmless: oddities that are no failure.
func testHarmless(t *testing.T, h Harness) {
	p := h.Open(t, Options{})
	for _, name := range []string{"slow.200", "late_sent.100", "new_message_id", "server_error-once"} {
		t.Run(name, func(t *testing.T) {
			to := "fault." + name + "@world.example"
			l := newLetter(t, h, to)
			env := l.envelope(to)
			if strings.HasSuffix(name, "-once") {
				_, _ = p.Send(within(t, patience), env, l.bytes())
				wantTaken(t, h.World, l.id, 0)
			}
			receipt, err := p.Send(within(t, patience), env, l.bytes())
			wantAccepted(t, env, receipt, err)
			wantTaken(t, h.World, l.id, 1)
		})
	}
}

// testNetwork: whatever happens before the content is handed over can be tried
// again, however long it hung.
func testNetwork(t *testing.T, h Harness) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	const nobody = "127.0.0.1:1" // a port that was just left may be somebody's again
	var d net.Dialer
	for name, c := range map[string]struct {
		dial  func(ctx context.Context, network, address string) (net.Conn, error)
		cause string
	}{
		"mute": {func(ctx context.Context, n, _ string) (net.Conn, error) {
			return d.DialContext(ctx, n, mute.Addr().String())
		}, "timeout"},
		"refused": {func(ctx context.Context, n, _ string) (net.Conn, error) {
			return d.DialContext(ctx, n, nobody)
		}, "connection_refused"},
		"no name": {func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "nowhere.example", IsNotFound: true}
		}, "host_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			p := h.Open(t, Options{Dial: c.dial})
			l := newLetter(t, h, "ann@world.example")
			start := time.Now()
			receipt, err := p.Send(within(t, 500*time.Millisecond), l.envelope("ann@world.example"), l.bytes())
			e, bad := classOf(receipt, err)
			if bad != nil || e == nil || e.Class != provider.Retry || e.Cause != c.cause {
				t.Errorf("Send: %v (%v), want retry with cause %s", err, bad, c.cause)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("Send took %v after a limit of 500 ms", took)
			}
		})
	}
}

// errCut is what the test's connection says when it is cut.
var errCut = errors.New("cut by the test")

// scissors is a connection that breaks after some bytes.
type scissors struct {
	net.Conn
	left int
}

func (s *scissors) Write(p []byte) (int, error) {
	if s.left -= len(p); s.left < 0 {
		s.Conn.Close()
		return 0, errCut
	}
	return s.Conn.Write(p)
}

// testCutBody: a message of which only a part has left cannot have been taken.
func testCutBody(t *testing.T, h Harness) {
	var d net.Dialer
	p := h.Open(t, Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		return &scissors{Conn: c, left: 1 << 20}, err
	}})
	l := newLetter(t, h, "ann@world.example")
	l.body = strings.Repeat("a line of the body\r\n", h.within(4_000_000)/20)
	receipt, err := p.Send(within(t, patience), l.envelope("ann@world.example"), l.bytes())
	if e, _ := classOf(receipt, err); e == nil || e.Class != provider.Retry {
		t.Errorf("Send: %v, want retry", err)
	}
	wantTaken(t, h.World, l.id, 0)
}

func testDistrust(t *testing.T, h Harness) {
	p := h.Open(t, Options{Distrust: true})
	l := newLetter(t, h, "ann@world.example")
	_, err := p.Send(within(t, patience), l.envelope("ann@world.example"), l.bytes())
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || e.Class != provider.Hold || !strings.HasPrefix(e.Cause, "tls_") {
		t.Errorf("Send: %v, want hold with a cause of tls_", err)
	}
	wantTaken(t, h.World, l.id, 0)
}
