package email

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrSigned is the error of a message that cannot be re-encoded because a
// signature covers its bytes (RFC 1847 section 2.1) or because it is encrypted.
var ErrSigned = errors.New("a signed or encrypted part has bytes above 127: it may not be re-encoded for a server without 8BITMIME")

// ErrEightBitHeader is the error of a message whose header, or a part's, has bytes
// above 127: only SMTPUTF8 (RFC 6531) carries those.
var ErrEightBitHeader = errors.New("a header field has bytes above 127, which only SMTPUTF8 carries")

var (
	errMislabelled = errors.New("a body that may not be encoded, or says that it is, has bytes above 127")
	errBareLineEnd = errors.New("CR or LF alone")
)

// SevenBit is c for a server without 8BITMIME (RFC 6152 section 3): bodies with
// bytes above 127 become quoted-printable and read back byte for byte, all else
// stays. A message without such bytes is c itself. The message is read twice here
// and once by each Open, and is never whole in memory. c must have CRLF line ends.
func SevenBit(c Content) (Content, error) {
	plan, err := scanEightBit(c)
	if err != nil {
		return nil, fmt.Errorf("look for bytes above 127: %w", err)
	}
	if !plan.any {
		return c, nil
	}
	s := &sevenBit{of: c, plan: plan}
	r, err := s.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if s.size, err = io.Copy(io.Discard, r); err != nil {
		return nil, fmt.Errorf("measure the message in 7bit: %w", err)
	}
	return s, nil
}

// Encode7Bit copies a message as SevenBit gives it. It holds the message in
// memory; nothing is written where it returns ErrSigned or ErrEightBitHeader.
func Encode7Bit(r io.Reader, w io.Writer) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	c, err := SevenBit(Bytes(b))
	if err != nil {
		return err
	}
	body, err := c.Open()
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("write message in 7bit: %w", err)
	}
	return nil
}

// sevenBit is content that is re-encoded while it is read.
type sevenBit struct {
	of   Content
	plan plan
	size int64
}

// Size implements Content.
func (s *sevenBit) Size() int64 { return s.size }

// Open implements Content.
func (s *sevenBit) Open() (io.ReadCloser, error) {
	r, err := s.of.Open()
	if err != nil {
		return nil, err
	}
	return &sevenBitReader{src: r, in: newLines(r), t: transcoder{plan: s.plan}}, nil
}

type sevenBitReader struct {
	src  io.Closer
	in   *bufio.Reader
	t    transcoder
	done bool
}

// Read implements io.Reader.
func (r *sevenBitReader) Read(p []byte) (int, error) {
	for r.t.out.Len() == 0 && !r.done {
		switch line, err := readLine(r.in); {
		case err == io.EOF:
			r.done = true
			if err := r.t.end(); err != nil {
				return 0, err
			}
		case err != nil:
			return 0, err
		default:
			if err := r.t.line(line); err != nil {
				return 0, err
			}
		}
	}
	return r.t.out.Read(p) // io.EOF where it is empty
}

// Close implements io.Closer.
func (r *sevenBitReader) Close() error { return r.src.Close() }

// maxReadLine is the longest line that is read; messages that were checked have
// none above MaxLine.
const maxReadLine = 64 << 10

func newLines(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, maxReadLine) }

// readLine reads a line with its end. It is good until the next call.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull:
		return nil, fmt.Errorf("a line is longer than %d bytes", maxReadLine)
	case err == io.EOF && len(line) > 0:
		return line, nil
	case err == io.EOF:
		return nil, io.EOF
	case err != nil:
		return nil, fmt.Errorf("read message: %w", err)
	}
	return line, nil
}

// scanEightBit finds the bodies that have bytes above 127.
func scanEightBit(c Content) (plan, error) {
	r, err := c.Open()
	if err != nil {
		return plan{}, err
	}
	defer r.Close()
	in := newLines(r)
	t := transcoder{scan: true}
	for {
		switch line, err := readLine(in); {
		case err == io.EOF:
			return t.plan, t.end()
		case err != nil:
			return plan{}, err
		default:
			if err := t.line(line); err != nil {
				return plan{}, err
			}
		}
	}
}

// isEightBit tells whether there is a byte above 127.
func isEightBit(b []byte) bool {
	return bytes.ContainsFunc(b, func(r rune) bool { return r >= 0x80 })
}
