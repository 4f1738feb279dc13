package main

import (
	"fmt"
	"io"
	"os/signal"
	"sync"
	"syscall"
)

// output is the standard output of a command. It remembers that a write failed: a
// disk is full, or who was to read has gone. What was asked for was then not given,
// and the command has failed, whoever wrote.
type output struct {
	to io.Writer

	mu  sync.Mutex
	err error
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	n, err := o.to.Write(b)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.err == nil {
			o.err = fmt.Errorf("the output could not be written: %w", err)
		}
		return n, o.err
	}
	return n, nil
}

// failed is the first write that failed.
func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// failed tells whether something of what was to be printed is lost.
func (p *printer) failed() error {
	if o, ok := p.out.(*output); ok {
		return o.failed()
	}
	return nil
}

// shown prints what is shown once. Where that fails, undo takes back what was made:
// nobody has it. A pipe that nobody reads any more does not end the process before.
func (p *printer) shown(what, how string, print func() error, undo func() error) error {
	signal.Ignore(syscall.SIGPIPE)
	_ = print() // what failed is asked for below
	err := p.failed()
	if err == nil {
		return nil
	}
	if failed := undo(); failed != nil {
		return fmt.Errorf("%s was made, but %w\nIt is good, and could not be taken back (%v): %s", what, err, failed, how)
	}
	return fmt.Errorf("%s was made, but %w\nIt was taken back, because nobody has seen it: give the command again", what, err)
}
