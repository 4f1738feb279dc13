package webcall_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// stages records what a trigger passes.
type stages struct {
	mu   sync.Mutex
	list []string
}

func (s *stages) add(stage string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, stage)
}

func pull(ctx context.Context, t *testing.T, transport *http.Transport, address string, r *webcall.Trigger) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(webcall.Traced(ctx, r), http.MethodPost, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, _, err := webcall.Exchange(transport, req, webcall.MaxAnswer)
	return resp, err
}

// The guard is asked once, after the connection is there and before anything leaves; when
// it says no nothing is handed over, also on a kept connection.
func TestTriggerAsksTheGuard(t *testing.T) {
	var calls atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer srv.Close()
	transport := webcall.NewTransport(provider.Deps{}, 2)
	defer transport.CloseIdleConnections()
	var s stages
	good := webcall.NewTrigger(t.Context(), s.add)
	if resp, err := pull(t.Context(), t, transport, srv.URL, good); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v", resp, err)
	}
	if handed, err := good.Stop(); !handed || err != nil || !slices.Equal(s.list, []string{"connected", "body.half", "body.done"}) {
		t.Errorf("handed over %t, %v, stages %v", handed, err, s.list)
	}
	lost := errors.New("the claim has lasted too long")
	asked := 0
	ctx := provider.WithGuard(t.Context(), func() error { asked++; return lost })
	s.list = nil
	bad := webcall.NewTrigger(ctx, s.add)
	resp, err := pull(ctx, t, transport, srv.URL, bad)
	if resp != nil || err == nil {
		t.Fatalf("%v %v, want an error", resp, err)
	}
	e := webcall.Broken(bad, err)
	if e.Class != provider.Retry || e.Cause != "guard" || !errors.Is(e, lost) || asked != 1 || calls.Load() != 1 {
		t.Errorf("%v, asked %d times, %d calls", e, asked, calls.Load())
	}
	if !slices.Equal(s.list, []string{"connected", "body.half"}) {
		t.Errorf("stages %v", s.list)
	}
}

// A trigger that was stopped before it had a connection never leaves; one whose answer
// is lost may have been obeyed.
func TestTriggerStops(t *testing.T) {
	hang := make(chan struct{})
	var calls atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer srv.Close()
	defer close(hang)
	transport := webcall.NewTransport(provider.Deps{}, 2)
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	late := webcall.NewTrigger(ctx, nil)
	_, err := pull(ctx, t, transport, srv.URL, late)
	if e := webcall.Broken(late, err); e.Class != provider.Unknown {
		t.Errorf("without an answer: %v, want unknown", e)
	}
	mute := webcall.NewTransport(provider.Deps{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no way") }}, 1)
	none := webcall.NewTrigger(t.Context(), nil)
	_, err = pull(t.Context(), t, mute, srv.URL, none)
	if e := webcall.Broken(none, err); e.Class != provider.Retry {
		t.Errorf("without a connection: %v, want retry", e)
	}
	stopped := webcall.NewTrigger(t.Context(), nil)
	stopped.Stop()
	ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if resp, err := pull(ctx, t, transport, srv.URL, stopped); resp != nil || err == nil || calls.Load() != 1 {
		t.Errorf("after it was stopped: %v %v, %d calls, want that of the first alone", resp, err, calls.Load())
	}
}
