package compose

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"testing"

	"github.com/emersion/go-message"
	gomail "github.com/emersion/go-message/mail"

	"gatepost/internal/email"
)

// content is what a reader gets from a message.
type content struct {
	From, To, Cc, ReplyTo []string // Name|addr
	Subject, Text, HTML   string
	Headers               map[string]string
	Files                 []file
}

type file struct{ Name, Type, Body string }

// parsers are two that share nothing with the writer.
var parsers = map[string]func(testing.TB, []byte) content{"standard library": readStandard, "go-message": readGoMessage}

// asked is what a reader must get.
func asked(p Parts) content {
	c := content{
		From: show([]email.Address{p.From}), To: show(p.To), Cc: show(p.Cc), ReplyTo: show(p.ReplyTo),
		Subject: p.Subject, Text: crlf(p.Text), HTML: crlf(p.HTML), Headers: map[string]string{},
	}
	for _, h := range p.Headers {
		c.Headers[textproto.CanonicalMIMEHeaderKey(h.Name)] = h.Value
	}
	for _, a := range p.Attachments {
		kind, _, _ := mime.ParseMediaType(a.contentType())
		c.Files = append(c.Files, file{a.Filename, kind, string(a.Content)})
	}
	return c
}

func crlf(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	return strings.ReplaceAll(s, "\n", "\r\n")
}

func show(list []email.Address) []string {
	var s []string
	for _, a := range list {
		s = append(s, a.Name+"|"+a.Addr())
	}
	return s
}

// ours are the fields that every message has.
var ours = map[string]bool{
	"Date": true, "Mime-Version": true, "Message-Id": true, "Subject": true, "X-Gatepost-Id": true,
	"From": true, "To": true, "Cc": true, "Reply-To": true, "Content-Type": true, "Content-Transfer-Encoding": true,
}

// readStandard reads with net/mail and mime/multipart.
func readStandard(t testing.TB, raw []byte) content {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := content{Headers: map[string]string{}}
	for name, to := range map[string]*[]string{"From": &c.From, "To": &c.To, "Cc": &c.Cc, "Reply-To": &c.ReplyTo} {
		if m.Header.Get(name) == "" {
			continue
		}
		list, err := m.Header.AddressList(name)
		if err != nil {
			t.Fatalf("%s: %v: %q", name, err, m.Header.Get(name))
		}
		for _, a := range list {
			*to = append(*to, a.Name+"|"+a.Address)
		}
	}
	for name, values := range m.Header {
		if len(values) != 1 {
			t.Fatalf("%d fields %s", len(values), name)
		}
		if !ours[name] {
			c.Headers[name] = decodeWords(t, values[0])
		}
	}
	c.Subject = decodeWords(t, m.Header.Get("Subject"))
	c.part(t, textproto.MIMEHeader(m.Header), m.Body)
	return c
}

func decodeWords(t testing.TB, s string) string {
	t.Helper()
	text, err := new(mime.WordDecoder).DecodeHeader(s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (c *content) part(t testing.TB, h textproto.MIMEHeader, body io.Reader) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		mr := multipart.NewReader(body, params["boundary"])
		for {
			p, err := mr.NextRawPart()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c.part(t, p.Header, p)
		}
	}
	switch h.Get("Content-Transfer-Encoding") {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	_, disposition, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
	if disposition["filename"] != params["name"] {
		t.Fatalf("names differ: %q %q", disposition["filename"], params["name"])
	}
	c.leaf(t, kind, disposition["filename"], body)
}

func (c *content) leaf(t testing.TB, kind, name string, body io.Reader) {
	t.Helper()
	b, err := io.ReadAll(body)
	switch {
	case err != nil:
		t.Fatal(err)
	case name != "":
		c.Files = append(c.Files, file{name, kind, string(b)})
	case kind == "text/plain":
		c.Text += string(b)
	case kind == "text/html":
		c.HTML += string(b)
	default:
		t.Fatalf("a part %s without a name", kind)
	}
}

// readGoMessage reads with emersion/go-message.
func readGoMessage(t testing.TB, raw []byte) content {
	t.Helper()
	e, err := message.Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	h := gomail.Header{Header: e.Header}
	c := content{Headers: map[string]string{}}
	for name, to := range map[string]*[]string{"From": &c.From, "To": &c.To, "Cc": &c.Cc, "Reply-To": &c.ReplyTo} {
		list, err := h.AddressList(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, a := range list {
			*to = append(*to, a.Name+"|"+a.Address)
		}
	}
	for f := h.Fields(); f.Next(); {
		if !ours[f.Key()] {
			c.Headers[f.Key()], _ = f.Text()
		}
	}
	c.Subject, _ = h.Subject()
	err = e.Walk(func(_ []int, e *message.Entity, err error) error {
		kind, params, _ := e.Header.ContentType()
		if strings.HasPrefix(kind, "multipart/") || err != nil && params["charset"] == "utf-8" {
			return err
		}
		ah := gomail.AttachmentHeader{Header: e.Header}
		name, nameErr := ah.Filename()
		if nameErr != nil {
			return nameErr
		}
		c.leaf(t, kind, name, e.Body)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// checkWire holds a message to what may go over the wire.
func checkWire(t testing.TB, raw []byte) {
	t.Helper()
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(line) > email.MaxLine || bytes.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("line %.200q", line)
		}
		if bytes.ContainsFunc(line, func(r rune) bool { return r >= 0x80 }) {
			t.Fatalf("not ASCII: %.200q", line)
		}
	}
	if _, problems := email.CheckRaw(raw); len(problems) > 0 {
		t.Fatal(problems)
	}
}
