package sandbox

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// graphMessage is a message in JSON (learn.microsoft.com/graph/api/resources/message),
// as far as it can be sent.
type graphMessage struct {
	Subject string `json:"subject"`
	Body    struct {
		ContentType string `json:"contentType"`
		Content     string `json:"content"`
	} `json:"body"`
	To          []graphRecipient  `json:"toRecipients"`
	Cc          []graphRecipient  `json:"ccRecipients"`
	Bcc         []graphRecipient  `json:"bccRecipients"`
	ReplyTo     []graphRecipient  `json:"replyTo"`
	From        *graphRecipient   `json:"from"`
	Sender      *graphRecipient   `json:"sender"`
	Importance  string            `json:"importance"`
	MessageID   string            `json:"internetMessageId"`
	Headers     []HeaderLine      `json:"internetMessageHeaders"`
	Attachments []graphAttachment `json:"attachments"`
}

type graphRecipient struct {
	Email struct {
		Address string `json:"address"`
		Name    string `json:"name,omitempty"`
	} `json:"emailAddress"`
}

func recipient(a *mail.Address) graphRecipient {
	var r graphRecipient
	r.Email.Address, r.Email.Name = a.Address, a.Name
	return r
}

// graphAttachment is a file (learn.microsoft.com/graph/api/resources/fileattachment).
type graphAttachment struct {
	Type      string `json:"@odata.type"`
	Name      string `json:"name"`
	Kind      string `json:"contentType"`
	Content   []byte `json:"contentBytes"`
	Inline    bool   `json:"isInline"`
	ContentID string `json:"contentId"`
}

// maxCustomHeaders is how many headers of its own a message in JSON may have.
const maxCustomHeaders = 5

const (
	textCustomHeader  = "The internet message header name should start with 'x-' or 'X-'."
	textCustomHeaders = "The number of internet message headers is more than the maximum of 5 that is allowed."
)

// mime writes the message as RFC 5322 wants it, or says in Graph's words why it
// cannot be.
func (g *graphMessage) mime(own string, now time.Time) (raw []byte, problem string) {
	if len(g.Headers) > maxCustomHeaders {
		return nil, textCustomHeaders
	}
	var b bytes.Buffer
	from := (&mail.Address{Address: own}).String()
	if g.From != nil && g.From.Email.Address != "" {
		from = recipientList([]graphRecipient{*g.From})
	}
	putField(&b, "From", from)
	putField(&b, "To", recipientList(g.To))
	putField(&b, "Cc", recipientList(g.Cc))
	putField(&b, "Bcc", recipientList(g.Bcc))
	putField(&b, "Reply-To", recipientList(g.ReplyTo))
	putField(&b, "Subject", mime.QEncoding.Encode("utf-8", g.Subject))
	putField(&b, "Message-ID", g.MessageID)
	putField(&b, "Date", now.UTC().Format(time.RFC1123Z))
	putField(&b, "Importance", g.Importance)
	for _, h := range g.Headers {
		if !strings.HasPrefix(strings.ToLower(h.Name), "x-") {
			return nil, textCustomHeader
		}
		putField(&b, h.Name, h.Value)
	}
	b.WriteString("MIME-Version: 1.0\r\n")
	g.text(&b)
	return attach(b.Bytes(), g.Attachments), ""
}

// putField writes a header field; an empty one is left out. Nothing in it ends the line.
func putField(b *bytes.Buffer, name, value string) {
	if value != "" {
		fmt.Fprintf(b, "%s: %s\r\n", name, strings.NewReplacer("\r", "", "\n", " ").Replace(value))
	}
}

func recipientList(all []graphRecipient) string {
	var out []string
	for _, r := range all {
		out = append(out, (&mail.Address{Name: r.Email.Name, Address: r.Email.Address}).String())
	}
	return strings.Join(out, ", ")
}

func (g *graphMessage) text(b *bytes.Buffer) {
	kind := "text/plain"
	if strings.EqualFold(g.Body.ContentType, "html") {
		kind = "text/html"
	}
	fmt.Fprintf(b, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", kind)
	w := quotedprintable.NewWriter(b)
	_, _ = w.Write([]byte(g.Body.Content)) // a buffer takes everything
	_ = w.Close()
	b.WriteString("\r\n")
}

// attach puts files behind a message's content: what was all becomes the first part
// of multipart/mixed.
func attach(raw []byte, files []graphAttachment) []byte {
	if len(files) == 0 {
		return raw
	}
	head := readHeader(raw)
	boundary := "_" + rand.Text() + "_"
	var top, first bytes.Buffer
	for _, f := range head.fields {
		into := &top
		if strings.HasPrefix(strings.ToLower(f.name), "content-") {
			into = &first
		}
		into.Write(raw[f.start:f.end])
	}
	fmt.Fprintf(&top, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\n", boundary, boundary)
	top.Write(first.Bytes())
	body := raw[head.end:]
	if !bytes.HasPrefix(body, []byte("\r\n")) && !bytes.HasPrefix(body, []byte("\n")) {
		top.WriteString("\r\n")
	}
	top.Write(body)
	for _, f := range files {
		f.write(&top, boundary)
	}
	fmt.Fprintf(&top, "\r\n--%s--\r\n", boundary)
	return top.Bytes()
}

func (f graphAttachment) write(b *bytes.Buffer, boundary string) {
	kind := f.Kind
	if kind == "" {
		kind = "application/octet-stream"
	}
	disposition := "attachment"
	if f.Inline {
		disposition = "inline"
	}
	fmt.Fprintf(b, "\r\n--%s\r\n", boundary)
	putField(b, "Content-Type", kind)
	putField(b, "Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": f.Name}))
	if f.ContentID != "" {
		putField(b, "Content-ID", "<"+f.ContentID+">")
	}
	b.WriteString("Content-Transfer-Encoding: base64\r\n\r\n")
	text := base64.StdEncoding.EncodeToString(f.Content)
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	b.WriteString(text)
}
