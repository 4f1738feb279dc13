package api

import (
	"io"
	"net/http"
	"time"
)

const (
	pacedBytes   = 128 << 10       // of a body that have to arrive in the time of Config.Pace
	answerWithin = 2 * time.Minute // after the last of them, as the server has it for bodies that come at once
)

// pace reads a body as it arrives and gives each part of it a time of its own, in
// place of one time for the whole that is too long for a sender who holds memory
// and sends nothing, and too short for a large body on a slow line.
type pace struct {
	body   io.Reader
	conn   *http.ResponseController
	within time.Duration
	left   int   // bytes of the present part
	parts  int64 // begun so far
}

// Read implements io.Reader.
func (p *pace) Read(b []byte) (int, error) {
	if p.left <= 0 {
		p.begin()
	}
	n, err := p.body.Read(b[:min(len(b), p.left)]) // chunked bodies read until it is full
	p.left -= n
	return n, err
}

// begin gives the next part its time, which ends with the body: then the server
// lifts it, to notice that the client hangs up. The time for the answer, which the server
// counts from the head of the request, moves with it.
func (p *pace) begin() {
	p.left = pacedBytes
	end := time.Now().Add(p.within)
	_ = p.conn.SetReadDeadline(end) // where it cannot be set the server's own time holds
	if p.parts++; p.parts > 1 {
		_ = p.conn.SetWriteDeadline(end.Add(answerWithin))
	}
}
