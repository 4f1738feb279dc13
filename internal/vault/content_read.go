package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// smallContent is how long content may be to be opened whole. Below that length
// this takes less memory than a decoder, which is free again while the bytes go
// to a slow network.
const smallContent = windowSize

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
	if err != nil && r.sealed.err != io.EOF {
		return r.in.failure()
	}
	first := r.dec.first[:n]
	if size, ok := smallSize(first); ok {
		return r.whole(first, size)
	}
	r.out = r.dec.zstd
	if err := r.dec.zstd.Reset(io.MultiReader(bytes.NewReader(first), r.sealed)); err != nil {
		return r.in.failure()
	}
	return nil
}

// smallSize reads the length of small content from the start of its compressed
// form (RFC 8878 section 3.1.1.1). Only content of one block states it.
func smallSize(compressed []byte) (int, bool) {
	var h zstd.Header
	if err := h.Decode(compressed); err != nil || !h.HasFCS || h.FrameContentSize > smallContent {
		return 0, false
	}
	return int(h.FrameContentSize), true
}

// whole opens content of the given size and gives the decoder back.
func (r *contentReader) whole(first []byte, size int) error {
	compressed := first
	if r.sealed.err == nil {
		// What does not compress is stored as it is, behind a few bytes of header.
		compressed = make([]byte, len(first)+size+64)
		copy(compressed, first)
		n, _ := io.ReadFull(r.sealed, compressed[len(first):])
		compressed = compressed[:len(first)+n]
	}
	if r.sealed.err != io.EOF {
		return r.in.failure()
	}
	plain, err := r.dec.zstd.DecodeAll(compressed, make([]byte, 0, size))
	if err != nil {
		return r.in.failure()
	}
	r.out = bytes.NewReader(plain)
	r.release()
	return nil
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
