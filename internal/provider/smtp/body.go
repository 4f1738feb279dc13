package smtp

import (
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
