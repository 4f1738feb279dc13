package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// smallContent is how long content may be to be opened whole, so that its
// decoder is free again while the bytes go to a slow network.
const smallContent = 64 << 10

// contentReader opens, then decompresses.
type contentReader struct {
	in     *source
	sealed *authentic
	codecs *codecs
	dec    *decoder // nil for content that is already open, and once closed
	out    io.Reader
}

// start reads the first segment and opens small content whole.
func (r *contentReader) start() error {
	n, err := io.ReadFull(r.sealed, r.dec.first[:])
	first := r.dec.first[:n]
	switch {
	case err == nil:
		return r.stream(io.MultiReader(bytes.NewReader(first), r.sealed))
	case r.sealed.err != io.EOF:
		return r.in.failure()
	case !isSmall(first):
		return r.stream(bytes.NewReader(first))
	}
	plain, err := r.dec.zstd.DecodeAll(first, nil)
	if err != nil {
		return r.in.failure()
	}
	r.out = bytes.NewReader(plain)
	r.release()
	return nil
}

func (r *contentReader) stream(compressed io.Reader) error {
	r.out = r.dec.zstd
	if err := r.dec.zstd.Reset(compressed); err != nil {
		return r.in.failure()
	}
	return nil
}

// isSmall tells whether compressed content says of itself that it is small.
func isSmall(compressed []byte) bool {
	var h zstd.Header
	if err := h.Decode(compressed); err != nil {
		return false
	}
	return h.HasFCS && h.FrameContentSize <= smallContent
}

// Read implements io.Reader.
func (r *contentReader) Read(p []byte) (int, error) {
	if r.out == nil {
		return 0, errClosed
	}
	n, err := r.out.Read(p)
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF && r.sealed.err == io.EOF:
		return n, io.EOF
	}
	return n, r.in.failure()
}

// Close implements io.Closer.
func (r *contentReader) Close() error {
	r.out = nil
	r.release()
	return nil
}

func (r *contentReader) release() {
	if r.dec != nil {
		r.codecs.keepDecoder(r.dec)
		r.dec = nil
	}
}

// source remembers when the bytes could not be read at all, which is another
// matter than bytes that do not open.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && s.err == nil {
		s.err = err
	}
	return n, err
}

// failure says why content could not be opened.
func (s *source) failure() error {
	if s.err != nil {
		return fmt.Errorf("read sealed content: %w", s.err)
	}
	return fmt.Errorf("open content: %w", ErrNotOpened)
}

// authentic stays at its first error. Tink's reader says io.EOF when it is
// asked again after a last segment that did not open.
type authentic struct {
	r   io.Reader
	err error
}

func (a *authentic) Read(p []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	n, err := a.r.Read(p)
	a.err = err
	return n, err
}
