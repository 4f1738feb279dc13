package gmail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// smallMail is up to where a message goes as JSON. Gmail's JSON bodies end near
// 5 MB; larger mail is streamed to the upload address.
const smallMail = 2 << 20

// sendPath is messages.send; uploads go to the same path below /upload.
const sendPath = "/gmail/v1/users/me/messages/send"

const (
	jsonStart = `{"raw":"`
	jsonEnd   = `"}`
)

// upload is the body of one attempt. It holds its last bytes back until the
// guard allows them, and knows whether they ever left: a request that lacks
// bytes of its declared length cannot be taken.
type upload struct {
	ctx   context.Context
	trace func(stage string)
	size  int64

	mu      sync.Mutex
	src     io.Reader
	content io.Closer
	left    int64
	half    bool  // the stage body.half was told
	done    bool  // the last bytes were written
	cut     bool  // a write failed before the last bytes were written
	stopped bool  // nothing more may leave
	guarded bool  // the guard said no
	err     error // why it was stopped from inside: the guard or the content
}

// newUpload prepares the body: {"raw":…} for small mail, else the bytes.
func newUpload(ctx context.Context, msg email.Content, trace func(string)) (*upload, error) {
	r, err := msg.Open()
	if err != nil {
		return nil, fmt.Errorf("open the message: %w", err)
	}
	u := &upload{ctx: ctx, trace: trace, content: r, src: r, size: msg.Size()}
	if asJSON(msg) {
		u.src = io.MultiReader(strings.NewReader(jsonStart), &encoder{src: r}, strings.NewReader(jsonEnd))
		u.size = int64(len(jsonStart)+len(jsonEnd)) + (msg.Size()+2)/3*4
	}
	u.left = u.size
	return u, nil
}

func asJSON(msg email.Content) bool { return msg.Size() <= smallMail }

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
	if int64(n) == u.left {
		if err := u.mayEnd(); err != nil {
			return 0, u.fail(err)
		}
	}
	u.left -= int64(n)
	return n, nil
}

// part limits one read to what is left, and, where stages are told, to the first
// half.
func (u *upload) part(p []byte) []byte {
	p = p[:min(int64(len(p)), u.left)]
	if u.trace == nil || u.half {
		return p
	}
	if before := u.left - u.size/2; before > 0 {
		return p[:min(int64(len(p)), before)]
	}
	u.half = true
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
	return u.content.Close()
}

// stop makes sure that nothing more leaves and tells whether all of it may have
// left, and what stopped it from inside.
func (u *upload) stop() (handedOver bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopped = true
	return u.left == 0 && !u.cut, u.err
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
	tell = tell && u.trace != nil
	u.mu.Unlock()
	if tell {
		u.trace("body.done")
	}
}

// request makes the POST. Without GetBody and without an Idempotency-Key header
// the transport never sends it twice by itself (net/http.Transport).
func (a *account) request(u *upload, msg email.Content, token email.Secret) (*http.Request, error) {
	to, kind := a.base+"/upload"+sendPath+"?uploadType=media", "message/rfc822"
	if asJSON(msg) {
		to, kind = a.base+sendPath, "application/json"
	}
	req, err := http.NewRequestWithContext(u.ctx, http.MethodPost, to, u)
	if err != nil {
		return nil, fmt.Errorf("address of the Gmail API: %w", err)
	}
	req.ContentLength = u.size
	dress(req, token, kind)
	return req, nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
