package api

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync"

	"gatepost/internal/email"
)

const (
	unknownStep = 16 << 10   // what a body of unknown length gets at first
	firstStep   = pacedBytes // and one of known length; what is said is not there yet
	keptSize    = 1 << 20    // buffers up to this size are used again
)

// buffers are used again by later requests: nothing may keep a part of a body
// after its request.
type buffers struct{ pool sync.Pool }

func (b *buffers) get(n int64) []byte {
	kept, ok := b.pool.Get().(*[]byte)
	if ok && int64(cap(*kept)) >= n {
		return (*kept)[:0]
	}
	if ok {
		b.pool.Put(kept)
	}
	return make([]byte, 0, n)
}

func (b *buffers) put(buf []byte) {
	if cap(buf) <= keptSize {
		b.pool.Put(&buf)
	}
}

// body is a request's body in memory.
type body struct {
	s        *server
	share    share
	pace     pace
	declared int64 // its length; 0: unknown
	bytes    []byte
}

// release gives back the memory.
func (b *body) release() {
	if b.bytes != nil {
		b.s.buffers.put(b.bytes)
	}
	b.share.release()
}

// keep gives bytes that outlive the request's turn: the buffer itself where it
// would not be used again.
func (b *body) keep() []byte {
	if cap(b.bytes) <= keptSize {
		return append([]byte{}, b.bytes...)
	}
	kept := b.bytes
	b.bytes = nil
	return kept
}

// mediaType is the body's type without its parameters; text must be UTF-8.
func (c *call) mediaType() (string, error) {
	value := c.r.Header.Get("Content-Type")
	if value == "application/json" {
		return value, nil
	}
	media, params, err := mime.ParseMediaType(value)
	charset := params["charset"]
	if err != nil || charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return "", &unsupported{"the body's Content-Type is missing or not taken: application/json"}
	}
	return media, nil
}

// decodeBody reads a JSON body into a wire type. Problems with its values come
// back beside what could be read, so that the operation can add its own. There
// may be no parameters in the query.
func decodeBody[T any](c *call, d decoder[T], half func()) (out T, problems []email.Problem, err error) {
	media, err := c.mediaType()
	if err == nil && media != "application/json" {
		err = &unsupported{"the body's Content-Type is not taken: application/json"}
	}
	if err != nil {
		return out, nil, err
	}
	unknown, err := problemsOf(c.query())
	if err != nil {
		return out, nil, err
	}
	b, err := c.read(half)
	if err != nil {
		return out, nil, err
	}
	defer b.release()
	out, problems, err = d.decode(b.bytes)
	return out, append(problems, unknown...), err
}

// read reads the whole body, no further than the limit, and only as much as there
// is room for in the budget, which it takes as bytes arrive. half is called when
// about half of it is there.
func (c *call) read(half func()) (*body, error) {
	declared := c.r.ContentLength
	if declared > c.s.MaxBody {
		return nil, c.tooLarge()
	}
	packed, err := c.packed()
	if err != nil {
		return nil, err
	}
	b := c.newBody()
	first := int64(unknownStep)
	if !packed && declared >= 0 {
		b.declared, first = declared, min(declared, firstStep)
	}
	if err := b.fill(c, min(first, c.s.MaxBody), packed, half); err != nil {
		b.release()
		return nil, err
	}
	return b, nil
}

func (c *call) newBody() *body {
	return &body{
		s: c.s, share: share{b: c.s.bodies, key: c.grant.Key},
		pace: pace{body: http.MaxBytesReader(c.w, c.r.Body, c.s.MaxBody), conn: http.NewResponseController(c.w), within: c.s.Pace},
	}
}

// packed tells whether the body is compressed.
func (c *call) packed() (bool, error) {
	switch coding := strings.TrimSpace(strings.Join(c.r.Header.Values("Content-Encoding"), ",")); strings.ToLower(coding) {
	case "", "identity":
		return false, nil
	case "gzip", "x-gzip": // the same (RFC 9110 section 8.4.1.3)
		return true, nil
	}
	return false, &unsupported{"the body's Content-Encoding is not taken: gzip or none"}
}

func (c *call) tooLarge() error {
	return fmt.Errorf("%w: at most %d bytes", errTooLarge, c.s.MaxBody)
}

// fill reads into a buffer that has room for size bytes at first.
func (b *body) fill(c *call, size int64, packed bool, half func()) error {
	if err := b.share.grow(size, b.declared); err != nil {
		return err
	}
	b.bytes = c.s.buffers.get(size + 1)
	var src io.Reader = &b.pace
	if half != nil {
		src = &halfway{src, c.r.ContentLength / 2, half}
	}
	if packed {
		zr, err := gzip.NewReader(src)
		if err != nil {
			return c.readError(err, packed)
		}
		src = zr
	}
	return b.readAll(c, src, packed)
}

// readAll reads to the end and takes more room in steps. There is always room for
// one byte more than the budget's share, so that the end can be seen.
func (b *body) readAll(c *call, src io.Reader, packed bool) error {
	for {
		if int64(len(b.bytes)) > b.share.held {
			if err := b.more(c); err != nil {
				return err
			}
		}
		n, err := src.Read(b.bytes[len(b.bytes) : b.share.held+1])
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch {
		case int64(len(b.bytes)) > c.s.MaxBody:
			return c.tooLarge()
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return c.readError(err, packed)
		}
	}
}

// more doubles the room, as far as the body can need it.
func (b *body) more(c *call) error {
	step := min(b.share.held, c.s.MaxBody-b.share.held)
	if rest := b.declared - b.share.held; rest > 0 {
		step = min(step, rest)
	}
	if err := b.share.grow(step, b.declared); err != nil {
		return err
	}
	if int64(cap(b.bytes)) <= b.share.held {
		larger := append(make([]byte, 0, b.share.held+1), b.bytes...)
		c.s.buffers.put(b.bytes)
		b.bytes = larger
	}
	return nil
}

// readError tells a body that is too large or not what it is said to be from one
// whose connection broke.
func (c *call) readError(err error, packed bool) error {
	var large *http.MaxBytesError
	var broken net.Error
	switch {
	case errors.As(err, &large):
		return c.tooLarge()
	case packed && !errors.As(err, &broken):
		return &malformed{"the body is not whole gzip"}
	}
	return fmt.Errorf("%w: its connection or its framing broke", errStalled)
}

// halfway calls half once a number of bytes has been read.
type halfway struct {
	r    io.Reader
	left int64
	half func()
}

// Read implements io.Reader.
func (h *halfway) Read(p []byte) (int, error) {
	if h.half != nil && h.left > 0 && int64(len(p)) > h.left {
		p = p[:h.left]
	}
	n, err := h.r.Read(p)
	if h.left -= int64(n); h.half != nil && h.left <= 0 {
		h.half()
		h.half = nil
	}
	return n, err
}
