package webcall

import (
	"encoding/base64"
	"errors"
	"io"
)

// encoder turns bytes into base64 as they are read (RFC 4648).
type encoder struct {
	form *base64.Encoding
	src  io.Reader
	in   [3 << 10]byte
	out  [4 << 10]byte
	rest []byte
	end  error
}

// Encode gives the base64 form of what is read.
func Encode(form *base64.Encoding, from io.Reader) io.Reader { return &encoder{form: form, src: from} }

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
		e.form.Encode(e.out[:], e.in[:n])
		e.rest = e.out[:e.form.EncodedLen(n)]
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}
