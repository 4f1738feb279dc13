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
	size, err := io.Copy(io.Discard, e.Body)
	w.d.Attachments = append(w.d.Attachments, Attachment{decodeWords(name), kind, int(size)})
	return err
}

// read takes text up to the budget, and the rest is passed over.
func read(into *string, body io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(body, maxShownText))
	*into = strings.ToValidUTF8(string(data), "\uFFFD")
	return err
}
