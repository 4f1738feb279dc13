package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"gatepost/client"
	"gatepost/internal/control"
)

// A trace goes on over HTTP/2 for as long as it may, though nothing is said for many times
// as long as a client has to take a line.
func TestTraceOutlastsSilence(t *testing.T) {
	const quiet = 150 * time.Millisecond
	lines := make(chan control.TraceLine)
	over := make(chan int, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		over <- r.ProtoMajor
		(&call{w: w, r: r}).sendTrace(r.Context(), lines, quiet)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	go func() {
		defer close(lines)
		for _, text := range []string{"EHLO a", "QUIT"} {
			<-time.After(2 * traceStuck * quiet) // the silence
			lines <- control.TraceLine{At: time.Now(), Who: "client", Text: text}
		}
	}()
	c, err := client.New(server.URL, "gp_test_x", client.WithHTTPClient(server.Client()))
	if err != nil {
		t.Fatal(err)
	}
	heard := ""
	for l, err := range c.TraceSMTP(t.Context(), client.TraceQuery{}) {
		if err != nil {
			t.Fatalf("after %q: %v", heard, err)
		}
		heard += l.Text + "\n"
	}
	if heard != "EHLO a\nQUIT\n" {
		t.Errorf("heard %q", heard)
	}
	if v := <-over; v != 2 {
		t.Errorf("it was HTTP/%d", v)
	}
}
