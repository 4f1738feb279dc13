package email

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
)

// maxRecoded is how many transfer encodings may be around a message within the
// message. There should be none (RFC 2046 section 5.2.1).
const maxRecoded = 4

// inner is a message within the message (message/rfc822). It is searched for file
// names, because providers look there too; its faults are not told.
type inner struct {
	content  []byte
	encoding string
	line     int // of the part that holds it
	recoded  int // transfer encodings around it
}

// isMessage tells whether a part is a whole message (RFC 2046 section 5.2.1, RFC
// 6532 section 3.7).
func isMessage(h Header) bool {
	v := strings.ToLower(h.Value("Content-Type"))
	return strings.HasPrefix(v, "message/rfc822") || strings.HasPrefix(v, "message/global")
}

// endInner ends the message that the last part is; left are the bytes behind it.
func (w *walk) endInner(left int) {
	if w.inner != nil {
		w.inner.content = w.inner.content[:len(w.inner.content)-left]
		w.c.inners = append(w.c.inners, *w.inner)
		w.inner = nil
	}
}

// searchInner looks into all messages within the message, and those within them.
func (c *rawCheck) searchInner() {
	for len(c.inners) > 0 && len(c.faults) == 0 {
		m := c.inners[0]
		c.inners = c.inners[1:]
		if m.decode(); m.recoded > maxRecoded {
			c.add(m.line, "messages within the message have a transfer encoding, more than %d deep", maxRecoded)
			return
		}
		s := search{c: c, of: m}
		for line := range bytes.Lines(m.content) {
			if !s.line(line) {
				return
			}
		}
		s.end()
	}
}

// decode takes off the transfer encoding, as far as it can be read.
func (m *inner) decode() {
	var r io.Reader
	switch strings.ToLower(m.encoding) {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, bytes.NewReader(m.content))
	case "quoted-printable":
		r = quotedprintable.NewReader(bytes.NewReader(m.content))
	default:
		return
	}
	b, _ := io.ReadAll(r)
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	m.content = bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
	m.recoded++
}

// search goes through one message within the message, line by line.
type search struct {
	c      *rawCheck
	of     inner
	open   boundaries
	header []byte
	body   bool
	within *inner // an encoded message that the lines belong to
}

// line takes the next line; false ends the search.
func (s *search) line(b []byte) bool {
	depth, last, ok := s.open.delimiter(b)
	switch {
	case ok:
		ok = s.end()
		s.open, s.body = s.open.cross(depth, last), last
		return ok
	case s.within != nil:
		s.within.content = append(s.within.content, b...)
	case !s.body:
		s.header = append(s.header, b...)
		if isBlankLine(b) {
			return s.entity()
		}
	}
	return true
}

// end takes the end of a part.
func (s *search) end() bool {
	if s.within != nil {
		s.c.inners = append(s.c.inners, *s.within)
		s.within = nil
	}
	return len(s.header) == 0 || s.entity()
}

// entity enters the part whose header is complete.
func (s *search) entity() bool {
	h, _, _ := splitHeader(s.header, 1)
	s.header, s.body = nil, true
	if s.c.innerParts++; s.c.innerParts > MaxParts {
		s.c.add(s.of.line, "a message within the message has more than %d parts", MaxParts)
		return false
	}
	_, params, _ := mime.ParseMediaType(h.Value("Content-Type"))
	if isMultipart(h) {
		return s.push(params["boundary"])
	}
	if name := fileName(h, params); name != "" {
		s.c.raw.Attachments = append(s.c.raw.Attachments, name)
	}
	switch {
	case isMessage(h) && isIdentity(h):
		s.body = false
	case isMessage(h):
		s.within = &inner{encoding: h.Value("Content-Transfer-Encoding"), line: s.of.line, recoded: s.of.recoded}
	}
	return true
}

func (s *search) push(text string) bool {
	if len(s.open) == MaxDepth {
		s.c.add(s.of.line, "multiparts more than %d deep in a message within the message", MaxDepth)
		return false
	}
	if text != "" {
		s.open = append(s.open, boundary{text: text})
	}
	return true
}
