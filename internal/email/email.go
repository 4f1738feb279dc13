// Package email holds the words that every room of gatepost speaks: address,
// envelope, content, secret, the states of a recipient, the kinds of events,
// identifiers, and the parsing of messages that come from outside, with
// budgets.
//
// It is not for sending, storing or composing: it imports nothing of gatepost.
package email

import (
	"bytes"
	"io"
)

// Envelope is what the next hop is told in MAIL FROM and RCPT TO (RFC 5321
// section 2.3.1). It decides who gets the message; the header does not.
type Envelope struct {
	// From is MAIL FROM: a bare address, or empty for the null reverse-path.
	From string
	// Recipients are the RCPT TO addresses, bare, without repeats.
	Recipients []string
	// Thread is the provider's id of the conversation that the message belongs to;
	// empty: none. Providers that have no such thing pass over it.
	Thread string
}

// Content is a whole RFC 5322 message with CRLF line ends. It may be opened
// more than once, also at the same time, so nobody needs it whole in memory.
type Content interface {
	// Size is the exact number of bytes that Open yields.
	Size() int64
	// Open starts reading at the first byte. The caller closes it.
	Open() (io.ReadCloser, error)
}

// Bytes is content that is already in memory.
type Bytes []byte

// Size implements Content.
func (b Bytes) Size() int64 { return int64(len(b)) }

// Open implements Content.
func (b Bytes) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }

// HeaderID is the header field that carries gatepost's own message id
// ("msg_…"). It is how a message is found again in an account's Sent mail.
const HeaderID = "X-Gatepost-Id"
