// Package compose makes a message: parts as a caller thinks of them (addresses,
// subject, text, HTML, attachments) become RFC 5322 bytes.
//
// It is not for whom the message goes to: blind recipients never get here, and
// nothing is sent or stored.
package compose

import (
	"encoding/hex"
	"fmt"
	"io"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"gatepost/internal/email"
)

// Parts is what a message is made of.
type Parts struct {
	ID            email.ID
	Now           time.Time // becomes Date, in UTC
	From          email.Address
	To            []email.Address
	Cc            []email.Address
	ReplyTo       []email.Address
	Subject       string
	InReplyTo     string   // Message-ID of the message that is answered
	References    []string // Message-IDs of the conversation, oldest first
	Text          string   // any line ends; empty beside HTML: made from it
	HTML          string
	NoText        bool // make no text from HTML
	EightBit      bool // bodies may have bytes above 127: the next hop takes 8BITMIME
	Headers       []Header
	Attachments   []Attachment
	MessageIDHost string    // right side of the Message-ID; empty: the domain of From
	Random        io.Reader // source of the boundary
}

// Header is a further field of the caller; the value is text, not encoded.
type Header struct{ Name, Value string }

// Attachment is a file that goes along.
type Attachment struct {
	Filename    string
	ContentType string // empty: by the name's extension
	Content     []byte
	ContentID   string // without angle brackets; an image of the HTML, which names it cid:…
}

// Built tells about a message that was written.
type Built struct {
	MessageID string // with its angle brackets
	Size      int64
}

// Build writes the message with CRLF line ends, no line longer than 998 bytes,
// everything but the local parts of addresses in ASCII. Parts that Check finds
// wrong give an Invalid error and nothing is written. The same parts with the
// same random bytes give the same message, except that of text, HTML and
// attachments together, where go-mail draws the boundaries itself.
func Build(w io.Writer, p Parts) (Built, error) {
	if problems := Check(p); len(problems) > 0 {
		return Built{}, Invalid(problems)
	}
	m := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithEncoding(mail.EncodingQP))
	id := p.header(m)
	p.bodies(m)
	p.attach(m)
	if err := p.boundary(m); err != nil {
		return Built{}, err
	}
	cw := &counter{w: w}
	if _, err := m.WriteTo(cw); err != nil {
		return Built{}, fmt.Errorf("compose message: %w", err)
	}
	if cw.err != nil {
		return Built{}, fmt.Errorf("compose message: %w", cw.err)
	}
	return Built{MessageID: id, Size: cw.n}, nil
}

// header sets all fields but those of MIME and returns the Message-ID.
func (p Parts) header(m *mail.Msg) string {
	id := email.NewMessageID(email.Marks{ID: p.ID, Host: p.MessageIDHost}, p.From)
	m.SetGenHeader(mail.HeaderMessageID, id)
	m.SetGenHeader(mail.HeaderDate, p.Now.UTC().Format(email.DateFormat))
	m.SetGenHeader(email.HeaderID, p.ID)
	if p.Subject != "" {
		m.SetGenHeader(mail.HeaderSubject, encodeText(p.Subject))
	}
	for _, h := range p.Headers {
		m.SetGenHeader(mail.Header(h.Name), encodeText(h.Value))
	}
	m.FromMailAddress(&netmail.Address{Name: p.From.Name, Address: p.From.Addr()})
	setAddresses(m, mail.HeaderTo, p.To)
	setAddresses(m, mail.HeaderCc, p.Cc)
	setAddresses(m, mail.HeaderReplyTo, p.ReplyTo)
	return id
}

func setAddresses(m *mail.Msg, name mail.AddrHeader, list []email.Address) {
	if len(list) == 0 {
		return
	}
	values := make([]*netmail.Address, len(list))
	for i, a := range list {
		values[i] = &netmail.Address{Name: a.Name, Address: a.Addr()}
	}
	m.SetAddrHeaderFromMailAddress(name, values...)
}

// bodies sets text and HTML, the plainest first (RFC 2046 section 5.1.4). A
// message of attachments alone gets an empty text: readers expect a body there.
func (p Parts) bodies(m *mail.Msg) {
	if p.Text != "" || p.HTML == "" {
		addBody(m, mail.TypeTextPlain, p.Text)
	}
	if p.HTML != "" {
		addBody(m, mail.TypeTextHTML, p.HTML)
	}
}

// addBody adds text as it is where every program on the way leaves it alone:
// ASCII in short lines. (go-mail calls that 8bit, which is allowed to be ASCII.)
// The rest becomes quoted-printable, by a writer that makes CRLF of LF. CR is
// taken out before: that writer drops the line end of "\ré\n" (Go 1.26).
func addBody(m *mail.Msg, kind mail.ContentType, s string) {
	if strings.Contains(s, "\r") {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	encoding := mail.EncodingQP
	if shortASCII(s) {
		encoding, s = mail.NoEncoding, strings.ReplaceAll(s, "\n", "\r\n")
	}
	m.AddAlternativeWriter(kind, func(w io.Writer) (int64, error) {
		n, err := io.WriteString(w, s)
		return int64(n), err
	}, mail.WithPartEncoding(encoding))
}

// boundary gives a message with one multipart its boundary. go-mail has one
// setting for all of them, so with two it must draw them itself.
func (p Parts) boundary(m *mail.Msg) error {
	alternative, mixed := p.Text != "" && p.HTML != "", len(p.Attachments) > 0
	if alternative == mixed {
		return nil
	}
	var b [16]byte
	if _, err := io.ReadFull(p.Random, b[:]); err != nil {
		return fmt.Errorf("make a boundary: %w", err)
	}
	m.SetBoundary(hex.EncodeToString(b[:]))
	return nil
}

// counter counts what is written and keeps the first error, which go-mail may
// overwrite.
type counter struct {
	w   io.Writer
	n   int64
	err error
}

func (c *counter) Write(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.err = err
	return n, err
}
