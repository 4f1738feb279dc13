package microsoft

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"

	"github.com/emersion/go-message/charset"

	"gatepost/internal/email"
)

// part is a leaf of a message, with its encoding undone.
type part struct {
	head    textproto.MIMEHeader
	kind    string // media type, lower case
	params  map[string]string
	name    string // of a file; empty: none is given
	file    bool   // it says that it is an attachment
	related bool   // it stands beside the text that shows it
	group   int    // number of the alternative that it belongs to; 0: none
	body    io.Reader
}

// id is what the text calls the part, without brackets.
func (p *part) id() string { return strings.Trim(strings.TrimSpace(p.head.Get("Content-Id")), "<>") }

// sealedError is a message whose meaning would not survive being built anew.
type sealedError struct{ what string }

func (e *sealedError) Error() string { return "the message is " + e.what }

// errNesting is a message that no program writes.
var errNesting = errors.New("the message has too many parts, or parts too deep within parts")

const (
	mostDepth = 20
	mostParts = 1000
)

// sealed says what a media type is that cannot be taken apart; empty where it can.
func sealed(kind string, params map[string]string) string {
	switch kind {
	case "multipart/signed":
		return "signed (" + kind + ")"
	case "multipart/encrypted":
		return "encrypted (" + kind + ")"
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		if strings.EqualFold(params["smime-type"], "signed-data") {
			return "signed (S/MIME)"
		}
		return "encrypted or signed (S/MIME)"
	case "multipart/report":
		return "a report (" + kind + ")"
	case "text/calendar":
		return "an invitation (" + kind + ")"
	}
	return ""
}

// walker goes through the leaves of a message, in order.
type walker struct {
	visit  func(*part) error
	groups int
	parts  int
}

// walk reads a message and visits its leaves. It returns the message's own header.
func walk(msg email.Content, visit func(*part) error) (mail.Header, error) {
	r, err := msg.Open()
	if err != nil {
		return nil, fmt.Errorf("open the message: %w", err)
	}
	defer r.Close()
	m, err := mail.ReadMessage(r)
	if err != nil {
		return nil, err
	}
	w := &walker{visit: visit}
	return m.Header, w.entity(textproto.MIMEHeader(m.Header), m.Body, place{})
}

// place is where a part stands.
type place struct {
	depth, group int
	related      bool
}

func (w *walker) entity(head textproto.MIMEHeader, body io.Reader, at place) error {
	if w.parts++; w.parts > mostParts || at.depth > mostDepth {
		return errNesting
	}
	kind, params, err := mime.ParseMediaType(head.Get("Content-Type"))
	if err != nil && kind == "" {
		kind, params = "text/plain", nil // RFC 2045 section 5.2
	}
	disposition, file, _ := mime.ParseMediaType(head.Get("Content-Disposition"))
	attached := disposition == "attachment"
	if what := sealed(kind, params); what != "" && (!attached || at.depth == 0) {
		return &sealedError{what}
	}
	if strings.HasPrefix(kind, "multipart/") {
		return w.multipart(kind, params["boundary"], body, at)
	}
	name := decodeWords(file["filename"])
	if name == "" {
		name = decodeWords(params["name"])
	}
	if body, err = decoded(head.Get("Content-Transfer-Encoding"), body); err != nil {
		return err
	}
	return w.visit(&part{
		head: head, kind: kind, params: params, name: name, file: attached, related: at.related, group: at.group, body: body,
	})
}

func (w *walker) multipart(kind, boundary string, body io.Reader, at place) error {
	at.depth++
	switch kind {
	case "multipart/alternative":
		w.groups++
		at.group = w.groups
	case "multipart/related":
		at.related = true
	}
	parts := multipart.NewReader(body, boundary)
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF { // to the letter: one that is wrapped is a message cut short
			return nil
		}
		if err != nil {
			return fmt.Errorf("parts of the message: %w", err)
		}
		if err := w.entity(p.Header, p, at); err != nil {
			return err
		}
	}
}

// decoded undoes a transfer encoding (RFC 2045 section 6).
func decoded(encoding string, body io.Reader) (io.Reader, error) {
	switch encoding = strings.ToLower(strings.TrimSpace(encoding)); encoding {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body), nil
	case "quoted-printable":
		return quotedprintable.NewReader(body), nil
	case "", "7bit", "8bit", "binary":
		return body, nil
	}
	return nil, fmt.Errorf("the transfer encoding %q is not known", encoding)
}

// decodeWords reads encoded words (RFC 2047), which many programs put into the names of
// files too. What cannot be read stays as it is.
func decodeWords(s string) string {
	text, err := (&mime.WordDecoder{CharsetReader: charset.Reader}).DecodeHeader(s)
	if err != nil {
		return s
	}
	return text
}

// isText tells whether a part is a body rather than a file.
func (p *part) isText() bool {
	return slices.Contains([]string{"text/plain", "text/html"}, p.kind) && !p.file && p.name == ""
}
