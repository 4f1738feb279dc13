package smtp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

const (
	// smallMail is up to where a message is prepared whole, and written at once:
	// small writes would wait for the acknowledgement of the one before.
	smallMail = 128 << 10
	// blockSize is what is written at a time of a larger one.
	blockSize = 64 << 10
)

// body is a message as it goes over the wire, checked before the relay is
// contacted.
type body struct {
	msg      email.Content
	whole    []byte  // a small message with dot stuffing and final dot; else nil
	buffer   *[]byte // borrowed
	eightBit bool    // needs 8BITMIME (RFC 6152)
	utf8     bool    // its header needs SMTPUTF8 (RFC 6531)
}

// buffers are shared by all accounts; they hold nothing between sends.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, blockSize+blockSize/4); return &b }}

// prepare reads the message once: a small one into memory, a larger one only to
// see what it needs and that it may be sent at all.
func prepare(msg email.Content) (*body, *provider.Error) {
	b := &body{msg: msg, buffer: buffers.Get().(*[]byte)}
	var st stuffer
	keep := msg.Size() <= smallMail
	out, err := b.each(&st, func(out []byte) ([]byte, error) {
		if keep {
			return out, nil
		}
		return out[:0], nil
	})
	*b.buffer = out
	if err != nil {
		b.done()
		return nil, contentError(err)
	}
	b.eightBit, b.utf8 = st.eightBit, st.eightBitHeader
	if keep {
		b.whole = out
	}
	return b, nil
}

// each passes the message through the stuffer, block by block, with the final
// dot at the end of the last. After each block but the last it calls between,
// which may take away what has gathered.
func (b *body) each(st *stuffer, between func(out []byte) ([]byte, error)) ([]byte, error) {
	out := (*b.buffer)[:0]
	r, err := b.msg.Open()
	if err != nil {
		return out, err
	}
	defer r.Close()
	in := buffers.Get().(*[]byte)
	defer buffers.Put(in)
	block := (*in)[:cap(*in)]
	for left := b.msg.Size(); left > 0; {
		n, err := io.ReadFull(r, block[:min(left, int64(len(block)))])
		if err != nil {
			return out, fmt.Errorf("it is shorter than its size: %w", err)
		}
		if out, err = st.add(out, block[:n]); err != nil {
			return out, err
		}
		if left -= int64(n); left > 0 {
			if out, err = between(out); err != nil {
				return out, err
			}
		}
	}
	if n, _ := r.Read(block[:1]); n > 0 {
		return out, errors.New("it is longer than its size")
	}
	return st.end(out)
}

// done gives the buffer back.
func (b *body) done() {
	b.whole = nil
	if cap(*b.buffer) <= 4*smallMail {
		buffers.Put(b.buffer)
	}
}

// The content that SMTP cannot carry.
var (
	errBareLine = errors.New("CR or LF alone")
	errBcc      = errors.New("a Bcc field")
)

func contentError(err error) *provider.Error {
	e := &provider.Error{Class: provider.Fail, Scope: provider.ScopeMessage, Err: err}
	switch {
	case errors.Is(err, errBareLine):
		e.Cause, e.Text = "bare_line_end", "The message holds CR or LF alone; SMTP allows only CRLF (RFC 5321 section 2.3.8)."
		e.Fix = "Write every line end as CRLF."
	case errors.Is(err, errBcc):
		e.Cause, e.Text = "bcc_in_header", "The message's header has a Bcc field, which every recipient would see."
		e.Fix = "Take the field out; its recipients belong into the envelope."
	default:
		e.Class, e.Cause, e.Text = provider.Retry, "content_unreadable", "gatepost could not read the message from its store."
		e.Fix = "See the log of the store."
	}
	return e
}

// stuffer writes content in the form of DATA (RFC 5321 section 4.5.2) and notes
// what the server must be told about it. Blocks may end anywhere.
type stuffer struct {
	line           int     // bytes of the current line so far, without its CR
	cr             bool    // the last byte was CR
	body           bool    // the header is over
	name           [4]byte // start of a header line
	eightBit       bool
	eightBitHeader bool
}

// add appends a block.
func (st *stuffer) add(out, block []byte) ([]byte, error) {
	for len(block) > 0 {
		if st.line == 0 && !st.cr && block[0] == '.' {
			out = append(out, '.')
		}
		n := bytes.IndexByte(block, '\n') + 1
		piece := block[:n]
		if n == 0 {
			piece = block
		}
		if err := st.see(piece, n > 0); err != nil {
			return out, err
		}
		out = append(out, piece...)
		block = block[len(piece):]
	}
	return out, nil
}

// see notes one piece of a line; ends tells whether LF is its last byte.
func (st *stuffer) see(piece []byte, ends bool) error {
	text := piece
	if ends {
		text = piece[:len(piece)-1]
	}
	if st.cr && len(text) > 0 {
		return errBareLine
	}
	if cr := bytes.IndexByte(text, '\r'); cr >= 0 {
		if cr != len(text)-1 {
			return errBareLine
		}
		st.cr, text = true, text[:cr]
	}
	if ends && !st.cr {
		return errBareLine
	}
	if err := st.note(text); err != nil {
		return err
	}
	st.line += len(text)
	if ends {
		st.body = st.body || st.line == 0
		st.line, st.cr = 0, false
	}
	return nil
}

// note looks at the text of a piece: bytes above ASCII, and in the header the
// name of the field.
func (st *stuffer) note(text []byte) error {
	if !st.eightBit || !st.body && !st.eightBitHeader {
		if above := hasHigh(text); above {
			st.eightBit, st.eightBitHeader = true, st.eightBitHeader || !st.body
		}
	}
	if st.body || st.line >= len(st.name) {
		return nil
	}
	n := copy(st.name[st.line:], text)
	if st.line+n == len(st.name) && bytes.EqualFold(st.name[:3], []byte("bcc")) && bytes.IndexByte([]byte(": \t"), st.name[3]) >= 0 {
		return errBcc
	}
	return nil
}

// end appends what closes the content: a line end where it lacks one, and the
// final dot.
func (st *stuffer) end(out []byte) ([]byte, error) {
	if st.cr {
		return out, errBareLine
	}
	if st.line > 0 {
		out = append(out, "\r\n"...)
	}
	return append(out, ".\r\n"...), nil
}

// hasHigh tells whether a byte is above ASCII, eight at a time.
func hasHigh(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return true
		}
	}
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}
