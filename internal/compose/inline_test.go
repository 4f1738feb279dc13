package compose

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNamedIDs(t *testing.T) {
	const page = `<body background="CID:back"><img src=" cid:a%40b%2Bc " alt="cid:not"><img srcset="cid:x 1x, cid:y 2x,https://z">
<a href="cid:doc">cid:text</a><div style="background: url( 'cid:css' )"><style>p{background:URL(cid:sheet)}</style><img src=cid:a@b+c>
<!--[if mso]><v:fill src="cid:mso"/><![endif]--><!-- <img src="cid:comment"> --><video poster="&#99;id:poster"><svg><image xlink:href="cid:svg"/></svg>`
	want := []string{"back", "a@b+c", "x", "y", "doc", "css", "sheet", "mso", "poster", "svg"}
	if d := cmp.Diff(want, namedIDs(page).order); d != "" {
		t.Error(d)
	}
}

func TestCheckInline(t *testing.T) {
	image := func(id string) Attachment { return Attachment{Filename: "i.png", ContentID: id} }
	for name, c := range map[string]struct {
		html  string
		files []Attachment
		want  string
	}{
		"right":              {"<img src=cid:a><img src=cid:a>", []Attachment{image("a")}, "[]"},
		"none":               {"<p>cid:a", nil, "[]"},
		"no part":            {"<img src=cid:a>", []Attachment{{Filename: "a"}}, `[html: names "cid:a", and no attachment has that content_id]`},
		"not used":           {"<p>x", []Attachment{image("a")}, "[attachments[0].content_id: the HTML does not name it: write cid: and this id where the image belongs, or leave content_id empty for a file]"},
		"other case":         {"<img src=cid:A>", []Attachment{image("a")}, `does not name it`},
		"without HTML":       {"", []Attachment{image("a")}, "does not name it"},
		"twice":              {"<img src=cid:a>", []Attachment{image("a"), image("a")}, "[attachments[1].content_id: given twice]"},
		"with its brackets":  {"<img src=cid:a>", []Attachment{image("<a>")}, `'<' may not be in a content id`},
		"long":               {"<img src=cid:a>", []Attachment{image(strings.Repeat("a", 201))}, "longer than 200 bytes"},
		"many without parts": {manyIDs(100), nil, `names "cid:19"`},
	} {
		p := testParts()
		p.HTML, p.Attachments = c.html, c.files
		ps := Check(p)
		if got := fmt.Sprint(ps); !strings.Contains(got, c.want) || len(ps) > maxUnknown {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func manyIDs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<img src=cid:%d>", i)
	}
	return b.String()
}

func TestCheckConversation(t *testing.T) {
	for _, id := range []string{"<4711@example.org>", "<a.b+c=d@[127.0.0.1]>", "<$x/1@y>"} {
		p := testParts()
		p.InReplyTo, p.References = id, []string{id, id}
		if ps := Check(p); len(ps) > 0 {
			t.Errorf("%s: %v", id, ps)
		}
	}
	for _, id := range []string{
		"a@b", "<a@b", "a@b>", "<a>", "<@b>", "<a@>", "<>", " ", "<a b@c>", "<a@b> <c@d>", "<a@b><c@d>", "<a@b>\r\n", "<a@b\r\nX: y@z>", "<ä@b>",
		"<\"a\"@b>", "<a@b(c)>", "<=?utf-8?q?a?=@b>", "<" + strings.Repeat("x", 900) + "@b>", "<a@b\u2028>", "<a\x00@b>",
	} {
		p := testParts()
		p.InReplyTo = id
		if ps := Check(p); len(ps) != 1 || ps[0].Field != "in_reply_to" {
			t.Errorf("in_reply_to %.80q: %v", id, ps)
		}
		p.InReplyTo, p.References = "", []string{"<a@b>", id}
		if ps := Check(p); len(ps) != 1 || ps[0].Field != "references[1]" {
			t.Errorf("references %.80q: %v", id, ps)
		}
	}
}

func TestCheckConversationGivenTwice(t *testing.T) {
	p := testParts()
	p.InReplyTo = "<a@b.c>"
	p.Headers = []Header{{"in-reply-to", "<x@y.z>"}, {"References", "<x@y.z>"}}
	want := "[headers.in-reply-to: given twice headers.References: given twice]"
	if got := fmt.Sprint(Check(p)); got != want {
		t.Error(got)
	}
	p.InReplyTo = ""
	if ps := Check(p); len(ps) > 0 {
		t.Errorf("as headers alone: %v", ps)
	}
	p.References = make([]string, maxReferences+1)
	if ps := Check(p); len(ps) != 2 || ps[0].Field != "references" {
		t.Error(ps)
	}
}

func TestCheckMessageIDHost(t *testing.T) {
	for _, host := range []string{"a b", "b.c>\r\nX: y", "Example.com", "bücher.example", "[127.0.0.1]", "a@b"} {
		p := testParts()
		p.MessageIDHost = host
		if ps := Check(p); len(ps) != 1 || ps[0].Field != "message_id_host" {
			t.Errorf("%q: %v", host, ps)
		}
	}
}
