package webcall

import (
	"context"
	"errors"
	"sync"

	"gatepost/internal/provider"
)

// Trigger is a request without a body that has a provider take a message, such as the
// sending of a draft: its header is all there is to hand over. The guard is asked right
// before the header is written.
type Trigger struct {
	ctx   context.Context
	trace func(stage string)

	mu      sync.Mutex
	told    bool  // that there is a connection
	asked   bool  // the guard was
	left    bool  // bytes of the header may have left
	written bool  // all of it has
	stopped bool  // nothing more may leave
	guarded bool  // the guard said no
	err     error // what the guard said
}

// NewTrigger prepares such a request; trace is as provider.Deps.Trace.
func NewTrigger(ctx context.Context, trace func(stage string)) *Trigger {
	if trace == nil {
		trace = func(string) {}
	}
	return &Trigger{ctx: ctx, trace: trace}
}

var errStopped = errors.New("the request was stopped")

// connected is told once: a request of which nothing left gets another connection.
func (t *Trigger) connected() {
	t.mu.Lock()
	tell := !t.told
	t.told = true
	t.mu.Unlock()
	if tell {
		t.trace("connected")
	}
}

// before is asked right before a write to the connection.
func (t *Trigger) before() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.err != nil:
		return t.err
	case t.left:
		return nil
	case t.stopped:
		return errStopped
	}
	if !t.asked {
		t.asked = true
		t.trace("body.half")
		t.err = provider.Guard(t.ctx)
		t.guarded = t.err != nil
	}
	t.left = t.err == nil
	return t.err
}

// wrote is told of each write. A header of which nothing left may be written once more,
// to another connection; one that left in part cannot be obeyed.
func (t *Trigger) wrote(n int, err error) {
	t.mu.Lock()
	tell := err == nil && t.left && !t.written
	t.written = t.written || tell
	if err != nil && !t.written {
		t.left, t.stopped = false, t.stopped || n > 0
	}
	t.mu.Unlock()
	if tell {
		t.trace("body.done")
	}
}

// Stop implements HandOver.
func (t *Trigger) Stop() (handedOver bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	return t.left, t.err
}

// Guarded implements HandOver.
func (t *Trigger) Guarded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.guarded
}

// Told passes a stage on.
func (t *Trigger) Told(stage string) { t.trace(stage) }
