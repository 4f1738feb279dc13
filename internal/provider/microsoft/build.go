package microsoft

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/mail"
	"slices"
	"strings"

	"github.com/emersion/go-message/charset"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// Mail that is too large for one request is built of parts: a draft in JSON, then each
// file by itself (learn.microsoft.com/graph/outlook-large-attachments). Exchange then
// writes the message anew. Its text alternative, the order of its parts and fields that
// JSON has no place for do not survive, so what a signature covers, what is encrypted,
// and what programs read (reports, invitations) is refused.

// graphAddress and graphMessage are a message in JSON
// (learn.microsoft.com/graph/api/resources/message).
type graphAddress struct {
	Email struct {
		Address string `json:"address"`
		Name    string `json:"name,omitempty"`
	} `json:"emailAddress"`
}

type graphMessage struct {
	Subject    string         `json:"subject"`
	Body       graphBody      `json:"body"`
	From       *graphAddress  `json:"from,omitempty"`
	To         []graphAddress `json:"toRecipients"`
	Cc         []graphAddress `json:"ccRecipients,omitempty"`
	Bcc        []graphAddress `json:"bccRecipients,omitempty"`
	ReplyTo    []graphAddress `json:"replyTo,omitempty"`
	Importance string         `json:"importance,omitempty"`
	MessageID  string         `json:"internetMessageId,omitempty"`
	Headers    []headerRow    `json:"internetMessageHeaders,omitempty"`
}

type graphBody struct {
	Kind string `json:"contentType"`
	Text string `json:"content"`
}

// mostHeaders is how many fields of its own a message in JSON may have.
const mostHeaders = 5

// blueprint is what a message is built of.
type blueprint struct {
	message graphMessage
	files   []file
}

// file is an attachment: what is said of it, and its size without encoding.
type file struct {
	name, kind, id string
	inline         bool
	size           int64
}

// plan reads a message for what it is built of. Its files are counted, not kept.
func plan(msg email.Content, mostText int64) (blueprint, *provider.Error) {
	b := &reading{most: mostText}
	head, err := walk(msg, b.visit)
	if err != nil {
		return blueprint{}, cannotBuild(err)
	}
	out := blueprint{files: b.files}
	if out.message, err = jsonHeader(head); err != nil {
		return blueprint{}, cannotBuild(err)
	}
	out.message.Body = graphBody{"text", b.text.String()}
	if b.html.Len() > 0 {
		out.message.Body = graphBody{"html", b.html.String()}
	}
	return out, nil
}

// reading gathers the texts of a message and counts its files.
type reading struct {
	text, html bytes.Buffer
	begun      bool
	group      int // the alternative that the texts belong to
	most       int64
	files      []file
}

var errLongText = errors.New("its text alone is larger than one request to Microsoft Graph")

func (b *reading) visit(p *part) error {
	if b.isBody(p) {
		b.begun, b.group = true, p.group
		return b.read(p)
	}
	if b.isOtherForm(p) {
		return nil
	}
	size, err := io.Copy(io.Discard, p.body)
	if err != nil {
		return fmt.Errorf("a part of the message: %w", err)
	}
	b.files = append(b.files, fileOf(p, len(b.files)+1, size))
	return nil
}

// isOtherForm tells whether a part is one more form of the text, which JSON has no place
// for.
func (b *reading) isOtherForm(p *part) bool {
	return p.group != 0 && p.group == b.group && strings.HasPrefix(p.kind, "text/") && !p.file && !p.related
}

// isBody tells whether a part is the message's text: the first one, or another form of
// it.
func (b *reading) isBody(p *part) bool {
	return p.isText() && (!b.begun || p.group != 0 && p.group == b.group && !(p.related && b.html.Len() > 0))
}

func (b *reading) read(p *part) error {
	from, err := charset.Reader(cmp.Or(p.params["charset"], "us-ascii"), p.body)
	if err != nil {
		return fmt.Errorf("charset of the text: %w", err)
	}
	into := &b.text
	if p.kind == "text/html" {
		into = &b.html
	}
	text, err := io.ReadAll(io.LimitReader(from, b.most+1))
	if err != nil {
		return fmt.Errorf("the text: %w", err)
	}
	if int64(len(text)) > b.most {
		return errLongText
	}
	_, err = into.Write(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	return err
}

func fileOf(p *part, number int, size int64) file {
	f := file{name: p.name, kind: p.kind, id: p.id(), size: size}
	f.inline = f.id != "" && !p.file && p.related
	if f.name == "" {
		f.name = fmt.Sprintf("attachment-%d%s", number, ending(p.kind))
	}
	return f
}

// ending is that of a file without a name.
func ending(kind string) string {
	switch kind {
	case "message/rfc822":
		return ".eml"
	case "text/plain":
		return ".txt"
	case "text/html":
		return ".html"
	}
	if list, err := mime.ExtensionsByType(kind); err == nil && len(list) > 0 {
		return list[0]
	}
	return ".bin"
}

// jsonHeader is what JSON can say of a header.
func jsonHeader(head mail.Header) (m graphMessage, err error) {
	m.Subject = decodeWords(head.Get("Subject"))
	m.MessageID = strings.TrimSpace(head.Get("Message-Id"))
	if word := strings.ToLower(strings.TrimSpace(head.Get("Importance"))); slices.Contains([]string{"low", "normal", "high"}, word) {
		m.Importance = word
	}
	var from []graphAddress
	for name, into := range map[string]*[]graphAddress{"From": &from, "To": &m.To, "Cc": &m.Cc, "Bcc": &m.Bcc, "Reply-To": &m.ReplyTo} {
		if *into, err = addressesIn(head, name); err != nil {
			return m, err
		}
	}
	if len(from) > 0 {
		m.From = &from[0]
	}
	if m.To == nil {
		m.To = []graphAddress{}
	}
	m.Headers = ownFields(head)
	return m, nil
}

func addressesIn(head mail.Header, name string) ([]graphAddress, error) {
	parser := mail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: charset.Reader}}
	var all []graphAddress
	for _, value := range head[name] {
		if strings.TrimSpace(value) == "" {
			continue
		}
		list, err := parser.ParseList(value)
		if err != nil && !strings.HasSuffix(strings.TrimSpace(value), ":;") { // a group of nobody
			return nil, fmt.Errorf("header field %s: %w", name, err)
		}
		for _, a := range list {
			var g graphAddress
			g.Email.Address, g.Email.Name = a.Address, a.Name
			all = append(all, g)
		}
	}
	return all, nil
}

// address makes the message go to the envelope's recipients: those that are missing are
// added, and one too many is an error.
func (m *graphMessage) address(envelope []string) error {
	wanted, there := map[string]bool{}, map[string]bool{}
	for _, a := range envelope {
		wanted[strings.ToLower(a)] = true
	}
	for _, list := range [][]graphAddress{m.To, m.Cc, m.Bcc} {
		for _, a := range list {
			address := strings.ToLower(a.Email.Address)
			if there[address] = true; !wanted[address] {
				return errors.New("its header names a recipient whom this sending leaves out")
			}
		}
	}
	for _, a := range envelope {
		if !there[strings.ToLower(a)] {
			var g graphAddress
			g.Email.Address = a
			m.Bcc = append(m.Bcc, g)
		}
	}
	return nil
}

// ownFields are those that start with X-, gatepost's first.
func ownFields(head mail.Header) []headerRow {
	var names []string
	for name := range head {
		if strings.HasPrefix(name, "X-") && name != email.HeaderID {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var rows []headerRow
	for _, name := range append([]string{email.HeaderID}, names...) {
		if value := head.Get(name); value != "" && len(rows) < mostHeaders {
			rows = append(rows, headerRow{name, value})
		}
	}
	return rows
}

func cannotBuild(err error) *provider.Error {
	const bySMTP = "Send it through an account with the transport microsoft_smtp, which takes it as it is"
	if s, ok := errors.AsType[*sealedError](err); ok {
		return webcall.Refuse("message_cannot_be_rebuilt",
			"The message is too large for one request to Microsoft Graph, and building it of parts would destroy it, because it is "+s.what+".",
			bySMTP+", or send a link in place of the attachment.")
	}
	if errors.Is(err, errLongText) {
		return webcall.Refuse("message_too_large",
			"The message cannot go through Microsoft Graph: "+err.Error()+".", bySMTP+", or put the text into a file.")
	}
	return webcall.Refuse("message_cannot_be_rebuilt",
		"The message is too large for one request to Microsoft Graph, and its parts cannot be read with certainty: "+err.Error()+".", bySMTP+".")
}

// build makes the draft of a large message. Where a file cannot be added, the draft is
// taken away again.
func (d drafts) build(ctx context.Context, env email.Envelope, msg email.Content) (string, *provider.Error) {
	blue, problem := plan(msg, d.a.settings.MaxRequest)
	if problem != nil {
		return "", problem
	}
	if err := blue.message.address(env.Recipients); err != nil {
		return "", cannotBuild(err)
	}
	text, err := json.Marshal(blue.message)
	if err != nil {
		return "", cannotBuild(err)
	}
	if int64(len(text)) > d.a.settings.MaxRequest {
		return "", cannotBuild(errLongText)
	}
	id, problem := d.createJSON(ctx, msg, text)
	if problem != nil {
		return "", problem
	}
	if problem = d.attachAll(ctx, id, msg, blue.files); problem != nil {
		if ctx.Err() == nil {
			_ = d.DeleteDraft(ctx, id) // what is left over is found by its mark
		}
		return "", problem
	}
	return id, nil
}

func (d drafts) createJSON(ctx context.Context, msg email.Content, text []byte) (id string, problem *provider.Error) {
	problem = d.a.withToken(ctx, toDraft, func(token email.Secret) *provider.Error {
		c := call{method: http.MethodPost, path: "/messages", token: token, kind: "application/json", body: bytes.NewReader(text), size: int64(len(text)), p: toDraft}
		got, problem := d.a.ask(ctx, c, maxPage)
		if problem != nil {
			return problem
		}
		if got.resp.StatusCode/100 != 2 {
			return d.a.refusedMessage(provider.StageUpload, toDraft, msg, token, got)
		}
		id, problem = madeDraft(got)
		return problem
	})
	return id, problem
}
