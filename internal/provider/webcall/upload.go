package webcall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"gatepost/internal/provider"
)

// Part is what an upload is made of.
type Part struct {
	Ctx   context.Context
	Trace func(stage string) // as provider.Deps.Trace
	Size  int64
	Half  int64 // before this byte the stage body.half is told; negative: never
	Last  bool  // its end is the message's end: the guard is asked there
	Again bool  // not the first request of the attempt
	From  io.Reader
	Close io.Closer // nil: whoever gave From closes it
}

// Upload is the body of one request: a whole message, or a part of one. It holds
// the message's last bytes back until the guard allows them, and knows whether
// they ever left: a request that lacks bytes of its declared length cannot be
// taken.
type Upload struct {
	part Part

	mu      sync.Mutex
	half    int64
	left    int64
	done    bool  // the last bytes were written
	cut     bool  // a write failed before the last bytes were written
	stopped bool  // nothing more may leave
	guarded bool  // the guard said no
	err     error // why it was stopped from inside: the guard or the content
}

// NewUpload prepares a body. It is closed by the transport, or by its maker.
func NewUpload(p Part) *Upload { return &Upload{part: p, half: p.Half, left: p.Size} }

// Size is how many bytes it declares.
func (u *Upload) Size() int64 { return u.part.Size }

// Read implements io.Reader for the transport.
func (u *Upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stopped {
		return 0, errors.New("the upload was stopped")
	}
	if u.left == 0 {
		return 0, io.EOF
	}
	n, err := u.part.From.Read(u.portion(p))
	if n == 0 && err != nil {
		return 0, u.fail(fmt.Errorf("read the message: %w", noEOF(err)))
	}
	if u.part.Last && int64(n) == u.left {
		if err := u.mayEnd(); err != nil {
			return 0, u.fail(err)
		}
	}
	u.left -= int64(n)
	return n, nil
}

// portion limits one read to what is left, and, where stages are told, to what stands
// before the middle.
func (u *Upload) portion(p []byte) []byte {
	p = p[:min(int64(len(p)), u.left)]
	if u.part.Trace == nil || u.half < 0 {
		return p
	}
	if before := u.half - (u.part.Size - u.left); before > 0 {
		return p[:min(int64(len(p)), before)]
	}
	u.half = -1
	u.part.Trace("body.half")
	return p
}

// mayEnd is asked with the last bytes in hand: is the content as long as it said,
// and is this attempt still ours?
func (u *Upload) mayEnd() error {
	var more [1]byte
	if n, _ := io.ReadFull(u.part.From, more[:]); n > 0 {
		return errors.New("read the message: it is longer than its size")
	}
	err := provider.Guard(u.part.Ctx)
	u.guarded = err != nil
	return err
}

func (u *Upload) fail(err error) error {
	u.stopped, u.err = true, err
	return err
}

// Close implements io.Closer.
func (u *Upload) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopped, u.part.From = true, nil
	if u.part.Close == nil {
		return nil
	}
	return u.part.Close.Close()
}

// Stop implements HandOver. Of a part that is not the last one it says no.
func (u *Upload) Stop() (handedOver bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopped = true
	return u.part.Last && u.left == 0 && !u.cut, u.err
}

// Guarded implements HandOver.
func (u *Upload) Guarded() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.guarded
}

// Told passes a stage on.
func (u *Upload) Told(stage string) {
	if u.part.Trace != nil {
		u.part.Trace(stage)
	}
}

// connected is told that a connection carries the request.
func (u *Upload) connected() {
	if !u.part.Again {
		u.Told("connected")
	}
}

// before lets everything be written: what may leave was decided when it was read.
func (u *Upload) before() error { return nil }

// wrote is told of each write to the connection, after it. One that failed did
// not hand all its bytes to the system, so the last of them never left.
func (u *Upload) wrote(_ int, err error) {
	u.mu.Lock()
	u.cut = u.cut || err != nil && !u.done
	tell := err == nil && u.left == 0 && !u.done
	u.done = u.done || tell
	tell = tell && u.part.Last
	u.mu.Unlock()
	if tell {
		u.Told("body.done")
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
