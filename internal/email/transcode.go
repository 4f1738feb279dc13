package email

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
)

// The transcoder goes through a message line by line, with the open boundaries on
// a stack. Once it only looks (scan) and makes the plan; then it writes. It goes
// into message/rfc822 parts, because these may not be encoded as a whole (RFC 2046
// section 5.2.1).

// plan says which leaves, counted from the message's start, are to be encoded.
type plan struct {
	encode []bool
	any    bool // some bytes are above 127
}

// transcoder is where the walk stands.
type transcoder struct {
	scan bool
	plan plan
	out  bytes.Buffer // what is written and not yet read

	open   boundaries
	body   bool   // the lines are a body, not a header
	header []byte // lines of the header so far
	leaf   leaf
	leaves int // that were begun
}

// leaf is the body that the lines belong to.
type leaf struct {
	kind   leafKind
	number int
	sealed bool
	writer *quotedprintable.Writer // nil: lines are copied
}

type leafKind int

const (
	ignored leafKind = iota // before the first and after the last part of a multipart
	free                    // 7bit, 8bit, binary: may be encoded
	encoded                 // has an encoding
)

// line takes the next line of the message, with its end.
func (t *transcoder) line(b []byte) error {
	if d, last, ok := t.open.delimiter(b); ok {
		return t.cross(b, d, last)
	}
	if t.body {
		return t.bodyLine(b)
	}
	t.header = append(t.header, b...)
	if len(t.header) > MaxHeaderBytes {
		return fmt.Errorf("a header has more than %d bytes", MaxHeaderBytes)
	}
	if isBlankLine(b) {
		return t.begin()
	}
	return nil
}

// end takes the end of the message.
func (t *transcoder) end() error {
	if !t.body && len(t.header) > 0 {
		if err := t.begin(); err != nil {
			return err
		}
	}
	return t.closeLeaf()
}

// cross goes over a boundary line: into the next part, or behind the multipart.
func (t *transcoder) cross(b []byte, depth int, last bool) error {
	if !t.body && len(t.header) > 0 { // a part without an empty line
		if err := t.begin(); err != nil {
			return err
		}
	}
	if err := t.closeLeaf(); err != nil {
		return err
	}
	t.write(b)
	t.open, t.body = t.open.cross(depth, last), last
	if last {
		t.leaf = leaf{kind: ignored, sealed: t.sealed()}
	}
	return nil
}

func (t *transcoder) sealed() bool { return len(t.open) > 0 && t.open[len(t.open)-1].sealed }

// begin enters the entity whose header is complete.
func (t *transcoder) begin() error {
	raw := t.header
	t.header = nil
	if isEightBit(raw) {
		return ErrEightBitHeader
	}
	h, _, faults := splitHeader(raw, 1)
	if len(faults) > 0 { // in somebody else's mail that goes along: it stays as it is
		t.write(raw)
		t.body, t.leaf = true, leaf{kind: encoded}
		return nil
	}
	kind, params, _ := mime.ParseMediaType(h.Value("Content-Type"))
	free := isIdentity(h)
	switch {
	case isMultipart(h) && params["boundary"] != "":
		return t.multipart(raw, h, kind, params["boundary"])
	case kind == "message/rfc822" && free:
		t.copyHeader(raw, h)
		t.body = false // its own header follows
		return nil
	}
	t.beginLeaf(raw, h, free)
	return nil
}

func (t *transcoder) multipart(raw []byte, h Header, kind, text string) error {
	if len(t.open) == MaxDepth {
		return fmt.Errorf("multiparts more than %d deep", MaxDepth)
	}
	t.copyHeader(raw, h)
	sealed := t.sealed() || kind == "multipart/signed" || kind == "multipart/encrypted"
	t.open = append(t.open, boundary{text, sealed})
	t.body, t.leaf = true, leaf{kind: ignored, sealed: sealed}
	return nil
}

func (t *transcoder) beginLeaf(raw []byte, h Header, identity bool) {
	t.body = true
	t.leaf = leaf{kind: encoded, number: t.leaves, sealed: t.sealed()}
	if identity {
		t.leaf.kind = free
	}
	t.leaves++
	if t.scan {
		t.plan.encode = append(t.plan.encode, false)
		return
	}
	if t.leaf.number < len(t.plan.encode) && t.plan.encode[t.leaf.number] {
		t.leaf.writer = quotedprintable.NewWriter(&t.out)
		t.write(withEncoding(raw, h, "quoted-printable", len(t.open) == 0))
		return
	}
	t.write(raw)
}

// copyHeader writes the header of a multipart or a message: the bytes above 127
// within it are gone, so it may not say that it is 8bit. What is signed stays.
func (t *transcoder) copyHeader(raw []byte, h Header) {
	if !t.sealed() && h.Value("Content-Transfer-Encoding") != "" && isIdentity(h) {
		raw = withEncoding(raw, h, "7bit", false)
	}
	t.write(raw)
}

func (t *transcoder) write(b []byte) {
	if !t.scan {
		t.out.Write(b)
	}
}

func (t *transcoder) bodyLine(b []byte) error {
	if t.scan {
		return t.look(b)
	}
	switch {
	case t.leaf.writer != nil:
		return t.encode(b)
	case t.leaf.kind == ignored && isEightBit(b): // text for nobody: readers drop it
		b = bytes.Map(func(r rune) rune {
			if r >= 0x80 {
				return '?'
			}
			return r
		}, b)
	}
	t.write(b)
	return nil
}

// encode writes a line of a body as quoted-printable. The writer makes CRLF of
// whatever ends a line: only CRLF may come.
func (t *transcoder) encode(b []byte) error {
	text, ended := bytes.CutSuffix(b, []byte("\r\n"))
	if bytes.ContainsAny(text, "\r\n") {
		return errBareLineEnd
	}
	if _, err := t.leaf.writer.Write(text); err != nil || !ended {
		return err
	}
	_, err := t.leaf.writer.Write([]byte("\r\n"))
	return err
}

// look notes in the plan what a line has.
func (t *transcoder) look(b []byte) error {
	if !isEightBit(b) {
		return nil
	}
	t.plan.any = true
	switch {
	case t.leaf.sealed:
		return ErrSigned
	case t.leaf.kind == encoded:
		return errMislabelled
	case t.leaf.kind == free:
		t.plan.encode[t.leaf.number] = true
	}
	return nil
}

// closeLeaf writes what the encoder still holds.
func (t *transcoder) closeLeaf() error {
	if t.leaf.writer == nil {
		return nil
	}
	err := t.leaf.writer.Close()
	t.leaf.writer = nil
	return err
}

// isIdentity tells whether a body stands as it is (RFC 2045 section 6.2).
func isIdentity(h Header) bool {
	switch strings.ToLower(h.Value("Content-Transfer-Encoding")) {
	case "", "7bit", "8bit", "binary":
		return true
	}
	return false
}

// withEncoding is a header with that transfer encoding in place of its own. A
// whole message also gets the MIME-Version without which the encoding means
// nothing (RFC 2045 section 4).
func withEncoding(raw []byte, h Header, encoding string, whole bool) []byte {
	field := "Content-Transfer-Encoding: " + encoding + "\r\n"
	version := whole && h.Value("MIME-Version") == ""
	if version {
		field = "MIME-Version: 1.0\r\n" + field
	}
	out := make([]byte, 0, len(raw)+len(field))
	n := 0
	for _, f := range h {
		n += len(f.Raw)
		if f.Is("Content-Transfer-Encoding") || version && f.Is("MIME-Version") {
			continue
		}
		if out = append(out, f.Raw...); !endsLine(out) {
			out = append(out, '\r', '\n')
		}
	}
	out = append(out, field...)
	return append(out, raw[n:]...)
}
