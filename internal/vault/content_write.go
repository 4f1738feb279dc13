package vault

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

var errClosed = errors.New("content is closed")

// contentWriter compresses, then seals.
type contentWriter struct {
	enc    *zstd.Encoder // nil once closed
	sealed io.WriteCloser
	codecs *codecs
}

// Write implements io.Writer.
func (w *contentWriter) Write(p []byte) (int, error) {
	if w.enc == nil {
		return 0, errClosed
	}
	n, err := w.enc.Write(p)
	if err != nil {
		return n, fmt.Errorf("seal content: %w", err)
	}
	return n, nil
}

// ReadFrom implements io.ReaderFrom: io.Copy then needs no buffer of its own.
func (w *contentWriter) ReadFrom(r io.Reader) (int64, error) {
	if w.enc == nil {
		return 0, errClosed
	}
	return w.enc.ReadFrom(r)
}

// Close implements io.Closer. After an earlier error it leaves the content cut,
// so that it never opens.
func (w *contentWriter) Close() error {
	if w.enc == nil {
		return nil
	}
	enc := w.enc
	w.enc = nil
	if err := enc.Close(); err != nil {
		return fmt.Errorf("seal content: %w", err)
	}
	w.codecs.keepEncoder(enc)
	if err := w.sealed.Close(); err != nil {
		return fmt.Errorf("seal content: %w", err)
	}
	return nil
}
