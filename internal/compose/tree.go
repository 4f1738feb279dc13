package compose

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"
)

// entity is a node of the MIME tree (RFC 2045 section 2.4): a multipart, or a
// part with a body.
type entity struct {
	header   textproto.MIMEHeader
	boundary string // of a multipart
	parts    []*entity
	body     func(io.Writer) error // of a part, with its transfer encoding
}

// tree makes the whole message's entity. Boundaries are drawn outermost first.
func (p Parts) tree() (*entity, error) {
	var images, files []*entity
	for _, a := range p.Attachments {
		if a.ContentID != "" {
			images = append(images, a.entity())
		} else {
			files = append(files, a.entity())
		}
	}
	bodies := p.bodies()
	root := nest("mixed", nest("related", nest("alternative", bodies[0], bodies[1:]...), images...), files...)
	return root, root.draw(p.Random)
}

// bodies are text and HTML, the plainest first (RFC 2046 section 5.1.4). A message
// of files alone gets an empty text: readers expect a body there.
func (p Parts) bodies() []*entity {
	text := p.Text
	if text == "" && !p.NoText {
		text = textOf(p.HTML)
	}
	if p.HTML == "" {
		return []*entity{textEntity("plain", text, p.EightBit)}
	}
	html := textEntity("html", p.HTML, p.EightBit)
	if text == "" {
		return []*entity{html}
	}
	return []*entity{textEntity("plain", text, p.EightBit), html}
}

// nest puts parts into a multipart, or is the first alone where there are no more.
func nest(kind string, first *entity, more ...*entity) *entity {
	if len(more) == 0 {
		return first
	}
	e := &entity{header: textproto.MIMEHeader{}, parts: append([]*entity{first}, more...)}
	value := "multipart/" + kind
	if kind == "related" { // RFC 2387 section 3.1 wants the type of the root
		value += ";\r\n type=\"" + first.kind() + "\""
	}
	e.header.Set("Content-Type", value)
	// RFC 2045 section 6.4: a multipart says what is the most within it.
	if slices.ContainsFunc(e.parts, (*entity).eightBit) {
		e.header.Set("Content-Transfer-Encoding", "8bit")
	}
	return e
}

// kind is the Content-Type without parameters.
func (e *entity) kind() string {
	kind, _, _ := strings.Cut(e.header.Get("Content-Type"), ";")
	return kind
}

func (e *entity) eightBit() bool { return e.header.Get("Content-Transfer-Encoding") == "8bit" }

// draw gives every multipart its boundary: 128 random bits, which no content can
// contain by chance or foresight.
func (e *entity) draw(random io.Reader) error {
	if e.parts == nil {
		return nil
	}
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return fmt.Errorf("make a boundary: %w", err)
	}
	e.boundary = hex.EncodeToString(b[:])
	e.header.Set("Content-Type", e.header.Get("Content-Type")+";\r\n boundary="+e.boundary)
	for _, part := range e.parts {
		if err := part.draw(random); err != nil {
			return err
		}
	}
	return nil
}

// write ends the message's header with the fields of MIME and writes the body.
func (e *entity) write(w io.Writer) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(e.header)) {
		b.WriteString(name + ": " + e.header[name][0] + "\r\n")
	}
	b.WriteString("\r\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return e.writeBody(w)
}

func (e *entity) writeBody(w io.Writer) error {
	if e.parts == nil {
		return e.body(w)
	}
	mw := multipart.NewWriter(w)
	if err := mw.SetBoundary(e.boundary); err != nil {
		return err
	}
	for _, part := range e.parts {
		pw, err := mw.CreatePart(part.header)
		if err != nil {
			return err
		}
		if err := part.writeBody(pw); err != nil {
			return err
		}
	}
	return mw.Close()
}
