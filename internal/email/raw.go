package email

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Raw is a message that a caller composed, as CheckRaw accepted it.
type Raw struct {
	From        Address
	Sender      Address // zero where the field is missing
	To, Cc, Bcc []Address
	Subject     string   // decoded
	MessageID   string   // as written, with its angle brackets; empty where missing
	Attachments []string // the file names of all parts that have one, also within attached messages
	Bytes       []byte   // the message with CRLF line ends, Bcc still in it

	authors []Address // all of From, where that is to be replaced
	nobody  bool      // a To or Cc that named nobody was left out
	header  Header
	body    []byte
}

// maxFaults bounds how many problems are told of one message.
const maxFaults = 20

// rawCheck collects what is wrong with a raw message.
type rawCheck struct {
	raw    Raw
	anyone bool // written by a device: see CheckRawByAnyone
	faults []fault
	more   int // faults that are only counted

	inners     []inner // messages within the message that are still to be searched
	innerParts int     // found in them so far
}

func (c *rawCheck) add(line int, format string, args ...any) {
	if len(c.faults) == maxFaults {
		c.more++
		return
	}
	c.faults = append(c.faults, fault{line, fmt.Sprintf(format, args...)})
}

func (c *rawCheck) addAll(faults []fault) {
	for _, f := range faults {
		c.add(f.line, "%s", f.text)
	}
}

// CheckRaw checks a whole message that a caller composed and reads from it what
// gatepost must know. Bare LF becomes CRLF; bare CR, NUL, lines over 998 bytes, a
// second From and whatever else programs on the way would read differently is
// refused. All problems are told, with their lines, in the field "raw". The
// result may share memory with raw.
func CheckRaw(raw []byte) (Raw, []Problem) { return checkRaw(&rawCheck{}, raw) }

// CheckRawByAnyone is CheckRaw for a message whose From is to be replaced: it may be
// missing, or nothing that can be replied to, as what cron writes ("root (Cron Daemon)").
// From is zero then. A To, Cc or Bcc that names nobody ("root") is left out; see AddressTo.
func CheckRawByAnyone(raw []byte) (Raw, []Problem) { return checkRaw(&rawCheck{anyone: true}, raw) }

func checkRaw(c *rawCheck, raw []byte) (Raw, []Problem) {
	c.lines(raw)
	var faults []fault
	c.raw.header, c.raw.body, faults = splitHeader(c.raw.Bytes, 1)
	c.addAll(faults)
	if len(faults) == 0 {
		c.fields()
		c.parts()
	}
	return c.raw, c.problems()
}

func (c *rawCheck) problems() []Problem {
	var ps []Problem
	for _, f := range c.faults {
		ps = append(ps, Problem{"raw", f.String()})
	}
	if c.more > 0 {
		ps = append(ps, Problem{"raw", fmt.Sprintf("and %d more problems", c.more)})
	}
	return ps
}

// lines checks every line and sets Bytes to the message with CRLF line ends. It
// copies only where a line end is a bare LF.
func (c *rawCheck) lines(raw []byte) {
	c.raw.Bytes = raw
	if n := bytes.Count(raw, []byte("\n")); n != bytes.Count(raw, []byte("\r\n")) {
		c.raw.Bytes = make([]byte, 0, len(raw)+n)
	}
	canonical := len(c.raw.Bytes) == len(raw)
	for n := 1; len(raw) > 0; n++ {
		line, rest, ended := bytes.Cut(raw, []byte("\n"))
		raw = rest
		if ended {
			line = bytes.TrimSuffix(line, []byte("\r"))
		}
		c.line(n, line)
		if canonical {
			continue
		}
		if c.raw.Bytes = append(c.raw.Bytes, line...); ended {
			c.raw.Bytes = append(c.raw.Bytes, '\r', '\n')
		}
	}
}

func (c *rawCheck) line(n int, line []byte) {
	if len(line) > MaxLine {
		c.add(n, "longer than %d bytes (RFC 5322 section 2.1.1)", MaxLine)
	}
	if bytes.IndexByte(line, '\r') >= 0 {
		c.add(n, "contains a CR that is not part of a line end")
	}
	if bytes.IndexByte(line, 0) >= 0 {
		c.add(n, "contains a NUL byte")
	}
}

// onceOnly are the fields that a message has at most once (RFC 5322 section 3.6,
// RFC 2045 section 3).
var onceOnly = []string{
	"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID",
	"In-Reply-To", "References", "Subject", "Date", "MIME-Version",
}

// onceInPart are the fields that every part has at most once: programs differ in
// whether the first or the last counts.
var onceInPart = []string{"Content-Type", "Content-Transfer-Encoding", "Content-Disposition"}

func (c *rawCheck) once(h Header, names []string) {
	for _, name := range names {
		seen := false
		for _, f := range h {
			if !f.Is(name) {
				continue
			}
			if seen {
				c.add(f.Line, "a second field %s", name)
			}
			seen = true
		}
	}
}

// fields reads and checks the fields that gatepost must know.
func (c *rawCheck) fields() {
	c.once(c.raw.header, onceOnly)
	r := &c.raw
	for _, f := range r.header {
		switch strings.ToLower(f.Name) {
		case "from":
			c.mailbox(f, &r.From)
		case "sender":
			c.mailbox(f, &r.Sender)
		case "to":
			c.list(f, &r.To)
		case "cc":
			c.list(f, &r.Cc)
		case "bcc":
			c.list(f, &r.Bcc)
		case "subject":
			c.subject(f)
		case "message-id":
			r.MessageID = f.Value()
		}
	}
	if c.anyone {
		r.header = slices.DeleteFunc(r.header, c.namesNobody)
	}
	if len(r.header.Values("From")) == 0 && !c.anyone {
		c.add(1, "there is no field From")
	}
}

// mailbox reads a field that must hold exactly one address.
func (c *rawCheck) mailbox(f Field, a *Address) {
	list, err := ParseAddressList(f.Value())
	if f.Is("From") {
		c.raw.authors = list
	}
	switch {
	case c.anyone && (err != nil || len(list) != 1):
	case err != nil:
		c.add(f.Line, "the field %s: %v", f.Name, err)
	case len(list) != 1:
		c.add(f.Line, "the field %s has %d addresses: exactly one is accepted", f.Name, len(list))
	default:
		*a = list[0]
	}
}

// list reads a field of recipients; an empty one is as good as none.
func (c *rawCheck) list(f Field, to *[]Address) {
	if f.Value() == "" {
		return
	}
	list, err := ParseAddressList(f.Value())
	if err != nil && !c.anyone {
		c.add(f.Line, "the field %s: %v", f.Name, err)
	}
	*to = append(*to, list...)
}

// namesNobody tells whether a field of recipients is not to leave as it is. Whoever reads
// it could not answer, and some providers would refuse the message for it.
func (c *rawCheck) namesNobody(f Field) bool {
	if !f.Is("To") && !f.Is("Cc") && !f.Is("Bcc") || f.Value() == "" {
		return false
	}
	_, err := ParseAddressList(f.Value())
	c.raw.nobody = c.raw.nobody || err != nil
	return err != nil
}

func (c *rawCheck) subject(f Field) {
	text, err := words.DecodeHeader(f.Value())
	if err != nil {
		text = f.Value()
	}
	if err := CheckHeaderValue(text); err != nil {
		c.add(f.Line, "the subject %v", err)
	}
	c.raw.Subject = text
}
