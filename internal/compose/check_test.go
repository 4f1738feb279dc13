package compose

import (
	"bytes"
	"errors"
	"html"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
)

func TestCheckTellsAllProblemsAtOnce(t *testing.T) {
	good := Attachment{Filename: "a.pdf"}
	p := Parts{
		To:          []email.Address{{Local: "a", Domain: "b.c"}, {Local: "a b", Domain: "c"}},
		Cc:          []email.Address{{Name: "x\ny", Local: "a", Domain: "b.c"}},
		ReplyTo:     []email.Address{{Local: "a", Domain: "B.c"}},
		Subject:     "a\r\nb",
		Text:        "\xff",
		HTML:        "a\x00",
		Headers:     []Header{{"Bcc", "x@y.z"}, {"X-A", "a\nb"}, {"x-a", "b"}, {"X-L", strings.Repeat("x", 901)}, {"X Y", ""}},
		Attachments: []Attachment{good, {Filename: "../x"}, {Filename: "a", ContentType: "pdf"}, {Filename: "b", ContentType: "message/rfc822"}, {Filename: "c", ContentType: "a/b\r\nX: y"}},
	}
	var fields []string
	for _, problem := range Check(p) {
		if problem.Message == "" {
			t.Error("no message for", problem.Field)
		}
		fields = append(fields, problem.Field)
	}
	want := []string{
		"from", "to[1]", "cc[0]", "reply_to[0]", "subject", "text", "html", "headers.Bcc", "headers.X-A", "headers.x-a",
		"headers.X-L", "headers.X Y", "attachments[1].filename", "attachments[2].content_type", "attachments[3].content_type", "attachments[4].content_type",
	}
	if d := cmp.Diff(want, fields); d != "" {
		t.Error(d)
	}
}

func TestCheckBudgets(t *testing.T) {
	for field, change := range map[string]func(*Parts){
		"text":        func(p *Parts) { p.Text = "" },
		"attachments": func(p *Parts) { p.Attachments = make([]Attachment, maxAttachments+1) },
		"headers":     func(p *Parts) { p.Headers = make([]Header, maxHeaders+1) },
		"to[0]":       func(p *Parts) { p.To[0].Name = strings.Repeat("n", 70_000) },
	} {
		p := testParts()
		change(&p)
		if ps := Check(p); len(ps) != 1 && field != "to[0]" || ps[0].Field != field {
			t.Errorf("%s: %v", field, ps)
		}
	}
	p := testParts()
	for range 99 {
		p.Headers = append(p.Headers, Header{"X-" + strings.Repeat("a", len(p.Headers)%60) + string(rune('a'+len(p.Headers)/60)), strings.Repeat("word ", 300) + "x"})
	}
	if ps := Check(p); len(ps) != 1 || ps[0].Field != "headers" {
		t.Errorf("a header of 300 KB: %v", ps)
	}
}

func TestTwoThousandRecipientsFit(t *testing.T) {
	p := testParts()
	p.To = nil
	for range 2000 {
		p.To = append(p.To, email.Address{Name: "Somebody Someone", Local: "somebody.someone", Domain: "example.org"})
	}
	checkWire(t, p, build(t, p))
}

// injections are values that try to become header lines, commands or bodies.
var injections = []string{
	"\r\nBcc: x@evil.example", "\nBcc: x@evil.example", "\rBcc: x@evil.example", "\r\n\r\n<body>", "\n\n<body>", "\r\r\nBcc: x@evil.example",
	"\r\n Bcc: x@evil.example", "\n\tBcc: x@evil.example", "a\r\n\tb", "\r\n.\r\nMAIL FROM:<x@evil.example>", "\n.\nQUIT\n", "\n.\r\nRSET\r\n",
	"%0d%0aBcc: x@evil.example", "%0D%0A%0D%0A", `\r\nBcc: x@evil.example`, "&#13;&#10;Bcc: x", "\\u000d\\u000aBcc: x",
	"a\u2028Bcc: x@evil.example", "a\u2029Bcc: x@evil.example", "a\u0085Bcc: x@evil.example", "a\u560d\u560aBcc: x", "a\x0bBcc: x", "a\x0cBcc: x",
	"a\x1cBcc: x", "a\x1eBcc: x", "a\x00b", "a\x08b", "a\x7fb", "\xff\xfe", "\xed\xa0\x80", "\xc0\x8d\xc0\x8aBcc: x",
	"=?utf-8?q?a=0d=0aBcc:x@evil.example?=", "=?utf-8?b?DQpCY2M6IHhAZXZpbC5leGFtcGxl?=", "=?utf-8?q?a?=\r\n =?utf-8?q?=0ab?=",
	`x" <y@evil.example>, "`, "x>, <y@evil.example", "x@a.example, y@evil.example", `"a> ORCPT=x"@d.example`, "x (c) y", "g: a@b.c;",
	strings.Repeat("x", 70_000), strings.Repeat("x ", 35_000), `a"; filename="b.exe`, "a; boundary=b", "Content-Type: text/html\r\n\r\n<p>",
}

// fieldsOf puts a value into each string field in turn.
var fieldsOf = map[string]func(*Parts, string){
	"from name":    func(p *Parts, s string) { p.From.Name = s },
	"from local":   func(p *Parts, s string) { p.From.Local = s },
	"from domain":  func(p *Parts, s string) { p.From.Domain = s },
	"to name":      func(p *Parts, s string) { p.To[0].Name = s },
	"to local":     func(p *Parts, s string) { p.To[0].Local = s },
	"to domain":    func(p *Parts, s string) { p.To[0].Domain = s },
	"cc name":      func(p *Parts, s string) { p.Cc = []email.Address{{Name: s, Local: "a", Domain: "b.c"}} },
	"reply_to":     func(p *Parts, s string) { p.ReplyTo = []email.Address{{Name: s, Local: s, Domain: "b.c"}} },
	"subject":      func(p *Parts, s string) { p.Subject = s },
	"text":         func(p *Parts, s string) { p.Text = s },
	"html":         func(p *Parts, s string) { p.HTML = s },
	"header name":  func(p *Parts, s string) { p.Headers = []Header{{"X-" + s, "v"}} },
	"header value": func(p *Parts, s string) { p.Headers = []Header{{"X-Foo", s}} },
	"filename":     func(p *Parts, s string) { p.Attachments = []Attachment{{Filename: s}} },
	"content_type": func(p *Parts, s string) { p.Attachments = []Attachment{{Filename: "a", ContentType: s}} },
	"type param":   func(p *Parts, s string) { p.Attachments = []Attachment{{Filename: "a", ContentType: "a/b; c=" + s}} },
	"content_id": func(p *Parts, s string) {
		p.HTML = `<img src="cid:` + html.EscapeString(url.PathEscape(s)) + `">`
		p.Attachments = []Attachment{{Filename: "a", ContentID: s}}
	},
	"in_reply_to":     func(p *Parts, s string) { p.InReplyTo = s },
	"in_reply_to id":  func(p *Parts, s string) { p.InReplyTo = "<" + s + "@b.c>" },
	"references":      func(p *Parts, s string) { p.References = []string{"<a@b.c>", "<a@" + s + ">"} },
	"message_id_host": func(p *Parts, s string) { p.MessageIDHost = s },
	"id host":         func(p *Parts, s string) { p.MessageIDHost = "b.c" + s },
	"content":         func(p *Parts, s string) { p.Attachments = []Attachment{{Filename: "a", Content: []byte(s)}} },
}

// A value is refused, or it comes back as it was: it never gains a header line,
// a part or an address.
func TestInjections(t *testing.T) {
	for name, set := range fieldsOf {
		for _, value := range injections {
			p := testParts()
			set(&p, value)
			var b bytes.Buffer
			_, err := Build(&b, p)
			if invalid := Invalid(nil); errors.As(err, &invalid) {
				if b.Len() > 0 {
					t.Errorf("%s %.60q: refused, and written", name, value)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			checkWire(t, p, b.Bytes())
			for parser, read := range parsers {
				if d := cmp.Diff(asked(p), read(t, b.Bytes())); d != "" {
					t.Errorf("%s %.60q: %s reads otherwise: %s", name, value, parser, d)
				}
			}
		}
	}
}

func TestInvalidSaysWhatIsWrong(t *testing.T) {
	p := testParts()
	p.Subject = "a\nb"
	_, err := Build(io.Discard, p)
	if err == nil || !strings.Contains(err.Error(), "subject: contains a line break") {
		t.Fatal(err)
	}
}
