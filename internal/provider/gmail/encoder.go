package gmail

import (
	"encoding/base64"
	"errors"
	"io"
)

// encoder turns bytes into base64url as they are read (RFC 4648 section 5).
type encoder struct {
	src  io.Reader
	in   [3 << 10]byte
	out  [4 << 10]byte
	rest []byte
	end  error
}

// Read implements io.Reader.
func (e *encoder) Read(p []byte) (int, error) {
	for len(e.rest) == 0 {
		if e.end != nil {
			return 0, e.end
		}
		var n int
		n, e.end = io.ReadFull(e.src, e.in[:])
		if errors.Is(e.end, io.ErrUnexpectedEOF) {
			e.end = io.EOF
		}
		base64.URLEncoding.Encode(e.out[:], e.in[:n])
		e.rest = e.out[:base64.URLEncoding.EncodedLen(n)]
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}
