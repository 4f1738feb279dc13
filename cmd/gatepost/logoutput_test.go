package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
)

// Who logs never waits for who reads, and what was dropped is counted in the log.
func TestLogOutputDropsAndCounts(t *testing.T) {
	r, w := io.Pipe()
	o := newLogOutput(w)
	for i := range 2 * logLines {
		fmt.Fprintf(o, "line %d\n", i)
	}
	in := bufio.NewScanner(r)
	seen, dropped := 0, 0
	for dropped == 0 && in.Scan() {
		if seen++; strings.Contains(in.Text(), "dropped") {
			_, n, _ := strings.Cut(in.Text(), "lines=")
			fmt.Sscan(n, &dropped)
		}
	}
	if dropped < logLines-10 || dropped > logLines {
		t.Errorf("%d lines were dropped, and %d seen before that", dropped, seen)
	}
	go func() {
		fmt.Fprintln(o, "the last")
		o.close()
		w.Close()
	}()
	last := ""
	for in.Scan() {
		last = in.Text()
	}
	if last != "the last" {
		t.Errorf("the last line is %q", last)
	}
}
