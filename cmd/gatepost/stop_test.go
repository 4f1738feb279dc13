package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// A client that is slow to send its request does not cost the sends under way
// their time at a stop.
func TestSlowClientLeavesSendsTheirStopTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := make(chan struct{})
	srv := &server{log: slog.New(slog.DiscardHandler), stopTimeout: time.Second, http: &http.Server{
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(taken)
			_, _ = io.Copy(io.Discard, r.Body)
		}),
	}}
	go srv.http.Serve(l) //nolint:errcheck // it ends with the test
	slow, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprint(slow, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
	<-taken

	engine, stopEngine := context.WithCancel(t.Context())
	stopped, ended := make(chan error, 1), false
	go func() {
		<-engine.Done()
		<-time.After(100 * time.Millisecond) // a send that ends a little after the stop
		ended = true
		stopped <- nil
	}()
	if err := srv.stop(stopEngine, stopped); err != nil || !ended {
		t.Errorf("the stop did not wait for the send: %v", err)
	}
}
