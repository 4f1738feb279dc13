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
	"slices"
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
	InReplyTo, References string
	Headers               map[string]string
	Shape                 string // of the parts: mixed(related(alternative(text/plain, …), …), …)
	Files                 []file
}

type file struct{ Name, Type, ID, Disposition, Body string }

// parsers are two that share nothing with the writer.
var parsers = map[string]func(testing.TB, []byte) content{"standard library": readStandard, "go-message": readGoMessage}

// asked is what a reader must get.
func asked(p Parts) content {
	c := content{
		From: show([]email.Address{p.From}), To: show(p.To), Cc: show(p.Cc), ReplyTo: show(p.ReplyTo),
		Subject: p.Subject, Text: crlf(p.Text), HTML: crlf(p.HTML), Headers: map[string]string{},
		InReplyTo: p.InReplyTo, References: strings.Join(p.references(), " "), Shape: shape(p),
	}
	if p.Text == "" && !p.NoText {
		c.Text = crlf(textOf(p.HTML))
	}
	for _, h := range p.Headers {
		c.Headers[textproto.CanonicalMIMEHeaderKey(h.Name)] = h.Value
	}
	for _, a := range p.Attachments { // the inline ones stand before the others
		if a.ContentID != "" {
			c.Files = append(c.Files, file{a.Filename, kindOf(a), "<" + a.ContentID + ">", "inline", string(a.Content)})
		}
	}
	for _, a := range p.Attachments {
		if a.ContentID == "" {
			c.Files = append(c.Files, file{a.Filename, kindOf(a), "", "attachment", string(a.Content)})
		}
	}
	return c
}

func kindOf(a Attachment) string {
	kind, _, _ := mime.ParseMediaType(a.contentType())
	return kind
}

// shape is the structure that the parts must get.
func shape(p Parts) string {
	s := "text/plain"
	if p.HTML != "" && (p.Text != "" || !p.NoText && textOf(p.HTML) != "") {
		s = "alternative(text/plain, text/html)"
	} else if p.HTML != "" {
		s = "text/html"
	}
	var images, files string
	for _, a := range p.Attachments {
		if a.ContentID != "" {
			images += ", " + kindOf(a)
		} else {
			files += ", " + kindOf(a)
		}
	}
	if images != "" {
		s = "related(" + s + images + ")"
	}
	if files != "" {
		s = "mixed(" + s + files + ")"
	}
	return s
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
	"In-Reply-To": true, "References": true,
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
	c.InReplyTo, c.References = m.Header.Get("In-Reply-To"), m.Header.Get("References")
	c.Shape = c.part(t, textproto.MIMEHeader(m.Header), m.Body)
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

// part reads a part and returns its shape.
func (c *content) part(t testing.TB, h textproto.MIMEHeader, body io.Reader) string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		return c.multipart(t, kind, params, body)
	}
	switch h.Get("Content-Transfer-Encoding") {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	value, disposition, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
	if disposition["filename"] != params["name"] {
		t.Fatalf("names differ: %q %q", disposition["filename"], params["name"])
	}
	c.leaf(t, file{disposition["filename"], kind, h.Get("Content-ID"), value, ""}, body)
	return kind
}

func (c *content) multipart(t testing.TB, kind string, params map[string]string, body io.Reader) string {
	var kinds []string
	mr := multipart.NewReader(body, params["boundary"])
	for {
		p, err := mr.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, c.part(t, p.Header, p))
	}
	if root := strings.SplitN(kinds[0], "(", 2); kind == "multipart/related" {
		if want := params["type"]; want != root[0] && want != "multipart/"+root[0] {
			t.Fatalf("type=%s around %s", want, kinds[0])
		}
	}
	return strings.TrimPrefix(kind, "multipart/") + "(" + strings.Join(kinds, ", ") + ")"
}

func (c *content) leaf(t testing.TB, f file, body io.Reader) {
	t.Helper()
	b, err := io.ReadAll(body)
	f.Body = string(b)
	switch kind := f.Type; {
	case err != nil:
		t.Fatal(err)
	case f.Name != "":
		c.Files = append(c.Files, f)
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
	c.InReplyTo, c.References = h.Get("In-Reply-To"), h.Get("References")
	c.Shape = c.entity(t, e)
	return c
}

// entity reads a part and returns its shape.
func (c *content) entity(t testing.TB, e *message.Entity) string {
	t.Helper()
	kind, _, _ := e.Header.ContentType()
	mr := e.MultipartReader()
	if mr == nil {
		ah := gomail.AttachmentHeader{Header: e.Header}
		name, err := ah.Filename()
		if err != nil {
			t.Fatal(err)
		}
		disposition, _, _ := e.Header.ContentDisposition()
		c.leaf(t, file{name, kind, e.Header.Get("Content-ID"), disposition, ""}, e.Body)
		return kind
	}
	var kinds []string
	for {
		part, err := mr.NextPart()
		if err == io.EOF {
			return strings.TrimPrefix(kind, "multipart/") + "(" + strings.Join(kinds, ", ") + ")"
		}
		if err != nil && !message.IsUnknownCharset(err) {
			t.Fatal(err)
		}
		kinds = append(kinds, c.entity(t, part))
	}
}

// checkWire holds a message to what may go over the wire: bytes above 127 only in
// the local parts of addresses and, where the next hop takes them, in bodies.
func checkWire(t testing.TB, p Parts, raw []byte) {
	t.Helper()
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(line) > email.MaxLine || bytes.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("line %.200q", line)
		}
	}
	for _, list := range [][]email.Address{{p.From}, p.To, p.Cc, p.ReplyTo} {
		for _, a := range list {
			if a.NeedsUTF8() {
				head = bytes.ReplaceAll(head, []byte(a.Local+"@"), []byte("@"))
			}
		}
	}
	if !p.EightBit {
		head = slices.Concat(head, body)
	}
	if i := bytes.IndexFunc(head, func(r rune) bool { return r >= 0x80 }); i >= 0 {
		t.Fatalf("not ASCII: %.200q", head[i:])
	}
	if r, problems := email.CheckRaw(raw); len(problems) > 0 || len(r.Attachments) != len(p.Attachments) {
		t.Fatal(problems, r.Attachments)
	}
}
