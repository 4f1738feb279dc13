// Package compose makes a message: parts as a caller thinks of them (addresses,
// subject, text, HTML, attachments) become RFC 5322 bytes.
//
// It is not for whom the message goes to: blind recipients never get here, and
// nothing is sent or stored.
package compose

import (
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
	Random        io.Reader // source of the boundaries
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

// Build writes the message with CRLF line ends, no line longer than 998 bytes.
// Bytes above 127 are only in the local parts of addresses and, with EightBit, in
// bodies. Parts that Check finds wrong give an Invalid error and nothing is
// written. The same parts with the same random bytes give the same message.
//
// The files around the bodies, the images around the text and its HTML form:
// mixed(related(alternative(text, html), images), files), each level only where
// it has something to hold together.
func Build(w io.Writer, p Parts) (Built, error) {
	if problems := Check(p); len(problems) > 0 {
		return Built{}, Invalid(problems)
	}
	tree, err := p.tree()
	if err != nil {
		return Built{}, err
	}
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	id := p.header(m)
	cw := &counter{w: w}
	if _, err := m.WriteTo(cw); err != nil {
		return Built{}, fmt.Errorf("compose message: %w", err)
	}
	if err := tree.write(cw); err != nil {
		return Built{}, fmt.Errorf("compose message: %w", err)
	}
	if cw.err != nil {
		return Built{}, fmt.Errorf("compose message: %w", cw.err)
	}
	return Built{MessageID: id, Size: cw.n}, nil
}

// header sets all fields but those of MIME and returns the Message-ID. go-mail
// writes and folds them; the MIME tree is written here (tree.go), because go-mail
// has one boundary for all multiparts or draws them where nobody can repeat it.
func (p Parts) header(m *mail.Msg) string {
	id := email.NewMessageID(email.Marks{ID: p.ID, Host: p.MessageIDHost}, p.From)
	m.SetGenHeader(mail.HeaderMessageID, id)
	m.SetGenHeader(mail.HeaderDate, p.Now.UTC().Format(email.DateFormat))
	m.SetGenHeader(email.HeaderID, p.ID)
	if p.Subject != "" {
		m.SetGenHeader(mail.HeaderSubject, encodeText(p.Subject))
	}
	p.conversation(m)
	for _, h := range p.Headers {
		m.SetGenHeader(mail.Header(h.Name), encodeText(h.Value))
	}
	m.FromMailAddress(&netmail.Address{Name: p.From.Name, Address: p.From.Addr()})
	setAddresses(m, mail.HeaderTo, p.To)
	setAddresses(m, mail.HeaderCc, p.Cc)
	setAddresses(m, mail.HeaderReplyTo, p.ReplyTo)
	return id
}

// conversation sets what makes the message an answer (RFC 5322 section 3.6.4).
func (p Parts) conversation(m *mail.Msg) {
	if p.InReplyTo != "" {
		m.SetGenHeader(mail.HeaderInReplyTo, p.InReplyTo)
	}
	if refs := p.references(); len(refs) > 0 {
		m.SetGenHeader(mail.HeaderReferences, strings.Join(refs, " "))
	}
}

// references are those given, or the one message that is answered.
func (p Parts) references() []string {
	if len(p.References) == 0 && p.InReplyTo != "" {
		return []string{p.InReplyTo}
	}
	return p.References
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

// counter counts what is written and keeps the first error, which go-mail and
// the multipart writer may overwrite.
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
