package main

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	logLines = 4096            // that may wait for whoever reads the log
	logEnd   = 2 * time.Second // how long a stop waits for that
)

// logOutput writes the log beside the work: a reader that stands still, such as a
// pipe that nobody empties, must not stop the taking and sending of mail. Lines
// for which there is no room are dropped and counted.
type logOutput struct {
	to      io.Writer
	lines   chan []byte
	dropped atomic.Int64
	ended   chan struct{}
}

func newLogOutput(to io.Writer) *logOutput {
	o := &logOutput{to: to, lines: make(chan []byte, logLines), ended: make(chan struct{})}
	go o.run()
	return o
}

// Write implements io.Writer, for one line at a time. It never waits.
func (o *logOutput) Write(line []byte) (int, error) {
	select {
	case o.lines <- bytes.Clone(line):
	default:
		o.dropped.Add(1)
	}
	return len(line), nil
}

// run ends at the line that close leaves, which is none.
func (o *logOutput) run() {
	defer close(o.ended)
	for line := range o.lines {
		if line == nil {
			return
		}
		_, _ = o.to.Write(line) // a log that cannot be written stops nothing
		if n := o.dropped.Swap(0); n > 0 {
			fmt.Fprintf(o.to, "time=%s level=WARN msg=\"lines of this log were dropped: whoever reads it was too slow\" lines=%d\n",
				time.Now().UTC().Format(time.RFC3339Nano), n)
		}
	}
}

// close writes what waits, as long as somebody reads it. What is logged later is
// not written.
func (o *logOutput) close() {
	late := time.NewTimer(logEnd)
	defer late.Stop()
	select {
	case o.lines <- nil:
	case <-late.C:
		return
	}
	select {
	case <-o.ended:
	case <-late.C:
	}
}
