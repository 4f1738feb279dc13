package gmail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// upload is the body of one request: a whole message, or a part of one. It holds
// the message's last bytes back until the guard allows them, and knows whether
// they ever left: a request that lacks bytes of its declared length cannot be
// taken.
type upload struct {
	ctx   context.Context
	trace func(stage string)
	size  int64
	half  int64 // before this byte the stage body.half is told; negative: never
	last  bool  // its end is the message's end
	again bool  // not the first request of the attempt

	mu      sync.Mutex
	src     io.Reader
	content io.Closer // nil: whoever gave src closes it
	left    int64
	done    bool  // the last bytes were written
	cut     bool  // a write failed before the last bytes were written
	stopped bool  // nothing more may leave
	guarded bool  // the guard said no
	err     error // why it was stopped from inside: the guard or the content
}

// newUpload prepares a whole message in its form.
func newUpload(ctx context.Context, f form, msg email.Content, trace func(string)) (*upload, error) {
	r, err := msg.Open()
	if err != nil {
		return nil, fmt.Errorf("open the message: %w", err)
	}
	size := f.size(msg)
	return &upload{ctx: ctx, trace: trace, size: size, half: size - size/2, last: true, src: f.wrap(r), content: r, left: size}, nil
}

// Read implements io.Reader for the transport.
func (u *upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stopped {
		return 0, errors.New("the upload was stopped")
	}
	if u.left == 0 {
		return 0, io.EOF
	}
	n, err := u.src.Read(u.part(p))
	if n == 0 && err != nil {
		return 0, u.fail(fmt.Errorf("read the message: %w", noEOF(err)))
	}
	if u.last && int64(n) == u.left {
		if err := u.mayEnd(); err != nil {
			return 0, u.fail(err)
		}
	}
	u.left -= int64(n)
	return n, nil
}

// part limits one read to what is left, and, where stages are told, to what stands
// before the middle.
func (u *upload) part(p []byte) []byte {
	p = p[:min(int64(len(p)), u.left)]
	if u.trace == nil || u.half < 0 {
		return p
	}
	if before := u.half - (u.size - u.left); before > 0 {
		return p[:min(int64(len(p)), before)]
	}
	u.half = -1
	u.trace("body.half")
	return p
}

// mayEnd is asked with the last bytes in hand: is the content as long as it said,
// and is this attempt still ours?
func (u *upload) mayEnd() error {
	var more [1]byte
	if n, _ := io.ReadFull(u.src, more[:]); n > 0 {
		return errors.New("read the message: it is longer than its size")
	}
	err := provider.Guard(u.ctx)
	u.guarded = err != nil
	return err
}

func (u *upload) fail(err error) error {
	u.stopped, u.err = true, err
	return err
}

// Close implements io.Closer.
func (u *upload) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopped, u.src = true, nil
	if u.content == nil {
		return nil
	}
	return u.content.Close()
}

// stop makes sure that nothing more leaves and tells whether the message's last
// bytes may have left, and what stopped it from inside.
func (u *upload) stop() (handedOver bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopped = true
	return u.last && u.left == 0 && !u.cut, u.err
}

// ended tells whether the guard stopped it.
func (u *upload) ended() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.guarded
}

// told passes a stage on.
func (u *upload) told(stage string) {
	if u.trace != nil {
		u.trace(stage)
	}
}

// wrote is told of each write to the connection, after it. One that failed did
// not hand all its bytes to the system, so the last of them never left.
func (u *upload) wrote(err error) {
	u.mu.Lock()
	u.cut = u.cut || err != nil && !u.done
	tell := err == nil && u.left == 0 && !u.done
	u.done = u.done || tell
	tell = tell && u.last && u.trace != nil
	u.mu.Unlock()
	if tell {
		u.trace("body.done")
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
