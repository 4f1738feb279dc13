package sandbox

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"strings"

	entity "github.com/emersion/go-message"
	"github.com/emersion/go-message/charset"
)

// Detail is a message as its recipients have it, taken apart.
type Detail struct {
	Summary
	Headers     []HeaderLine `json:"headers"`
	Text        string       `json:"text"`
	HTML        string       `json:"html"`
	Attachments []Attachment `json:"attachments"`
	// Problem says why the parts are not all here; empty when they are.
	Problem string `json:"problem,omitempty"`
}

// HeaderLine is a header field, unfolded and decoded (RFC 2047).
type HeaderLine struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Attachment is a part that is not the text.
type Attachment struct {
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int    `json:"size"`
	// ContentID is by what the HTML names it; empty for most.
	ContentID string `json:"content_id,omitempty"`
}

// Budgets for showing a message: what comes from outside may be built to be
// expensive.
const (
	maxParts      = 200
	maxDepth      = 20
	maxShownText  = 1 << 20
	maxShownField = 64 << 10
	maxHeaderSize = 1 << 20
)

var errBudget = errors.New("the message has too many parts or too deep ones; the rest is not shown")

// detail takes a message apart, as far as it can be.
func (m *message) detail() Detail {
	d := Detail{Summary: m.summary(), Headers: headerLines(m.raw), Attachments: []Attachment{}}
	e, err := parse(m.raw)
	if err == nil {
		w := walker{d: &d}
		err = w.part(e, 0)
	}
	if err != nil {
		d.Problem = err.Error()
	}
	return d
}

func headerLines(raw []byte) []HeaderLine {
	h := readHeader(raw)
	lines := []HeaderLine{}
	for _, f := range h.fields {
		if f.name != "" {
			value := h.text(f)
			lines = append(lines, HeaderLine{f.name, decodeWords(value[:min(len(value), maxShownField)])})
		}
	}
	return lines
}

// decodeWords decodes encoded words; what cannot be decoded stays as it is.
func decodeWords(value string) string {
	words := mime.WordDecoder{CharsetReader: charset.Reader}
	text, err := words.DecodeHeader(value)
	if err != nil {
		text = value
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

func parse(raw []byte) (*entity.Entity, error) {
	e, err := entity.ReadWithOptions(bytes.NewReader(raw), &entity.ReadOptions{MaxHeaderBytes: maxHeaderSize})
	if err != nil && !entity.IsUnknownCharset(err) && !entity.IsUnknownEncoding(err) {
		return nil, err
	}
	return e, nil
}

// walker fills a Detail with the parts of a message.
type walker struct {
	d     *Detail
	parts int

	wanted int               // the number of an attachment whose content is read, from 1
	found  []byte            // its content
	images map[string]string // not nil: data URLs of pictures by Content-ID are read
}

func (w *walker) part(e *entity.Entity, depth int) error {
	w.parts++
	if w.parts > maxParts || depth > maxDepth {
		return errBudget
	}
	if many := e.MultipartReader(); many != nil {
		return w.children(many, depth)
	}
	return w.leaf(e)
}

func (w *walker) children(many entity.MultipartReader, depth int) error {
	for {
		child, err := many.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !entity.IsUnknownCharset(err) && !entity.IsUnknownEncoding(err) {
			return err
		}
		if err := w.part(child, depth+1); err != nil {
			return err
		}
	}
}

// leaf takes the first plain text and the first HTML as the message's text.
func (w *walker) leaf(e *entity.Entity) error {
	kind, params, err := e.Header.ContentType()
	if err != nil || kind == "" {
		kind = "text/plain"
	}
	disposition, more, _ := e.Header.ContentDisposition()
	switch {
	case kind == "text/plain" && disposition != "attachment" && w.d.Text == "":
		return read(&w.d.Text, e.Body)
	case kind == "text/html" && disposition != "attachment" && w.d.HTML == "":
		return read(&w.d.HTML, e.Body)
	}
	name := more["filename"]
	if name == "" {
		name = params["name"]
	}
	return w.file(e, kind, decodeWords(name))
}

// file notes an attachment, and keeps its content where that is asked for.
func (w *walker) file(e *entity.Entity, kind, name string) error {
	id := bare(e.Header.Get("Content-Id"))
	a := Attachment{Filename: name, ContentType: kind, ContentID: id}
	picture := w.images != nil && id != ""
	var err error
	if picture || w.wanted == len(w.d.Attachments)+1 {
		w.found, err = io.ReadAll(io.LimitReader(e.Body, maxMessage))
		a.Size = len(w.found)
	} else {
		var n int64
		n, err = io.Copy(io.Discard, e.Body)
		a.Size = int(n)
	}
	if picture {
		if url := imageURL(kind, w.found); url != "" {
			w.images[id] = url
		}
	}
	w.d.Attachments = append(w.d.Attachments, a)
	return err
}

// read takes text up to the budget, and the rest is passed over.
func read(into *string, body io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(body, maxShownText))
	*into = strings.ToValidUTF8(string(data), "\uFFFD")
	return err
}
