package compose

import (
	"bytes"
	"errors"
	"io"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
)

func testParts() Parts {
	return Parts{
		ID:      "msg_01h455vb4pex5vsknk084sn02q",
		Now:     time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
		From:    email.Address{Name: "Zoë", Local: "zoe", Domain: "example.com"},
		To:      []email.Address{{Name: "Doe, Jane", Local: "jane", Domain: "example.org"}},
		Subject: "Grüße 🎉",
		Text:    "Hello, Zoë 🎉\n",
		Random:  rand.New(rand.NewSource(1)),
	}
}

func build(t testing.TB, p Parts) []byte {
	t.Helper()
	var b bytes.Buffer
	built, err := Build(&b, p)
	if err != nil {
		t.Fatal(err)
	}
	if built.Size != int64(b.Len()) {
		t.Fatalf("size %d, wrote %d", built.Size, b.Len())
	}
	return b.Bytes()
}

func TestBuildSimple(t *testing.T) {
	want := strings.ReplaceAll(`Date: Fri, 20 Nov 2026 12:00:00 +0000
MIME-Version: 1.0
Message-ID: <msg_01h455vb4pex5vsknk084sn02q@example.com>
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_=F0=9F=8E=89?=
X-Gatepost-Id: msg_01h455vb4pex5vsknk084sn02q
From: =?utf-8?q?Zo=C3=AB?= <zoe@example.com>
To: "Doe, Jane" <jane@example.org>
Content-Transfer-Encoding: quoted-printable
Content-Type: text/plain; charset=UTF-8

Hello, Zo=C3=AB =F0=9F=8E=89
`, "\n", "\r\n")
	if d := cmp.Diff(want, string(build(t, testParts()))); d != "" {
		t.Error(d)
	}
}

func TestBuildReadsBack(t *testing.T) {
	p := testParts()
	p.Cc = []email.Address{{Local: "c", Domain: "example.org"}, {Name: `"Q" \ <x@y>`, Local: "q", Domain: "xn--bcher-kva.example"}}
	p.ReplyTo = []email.Address{{Name: strings.Repeat("Ünïcode ", 15) + "x", Local: "r", Domain: "example.com"}}
	p.HTML = "<p>" + strings.Repeat("Hellö 🎉 ", 500) + "</p>"
	p.Headers = []Header{{"X-Foo", "bär"}, {"List-Unsubscribe", "<https://example.com/u?a=b>, <mailto:u@example.com>"}}
	p.Attachments = []Attachment{
		{Filename: "naïve 🎉.pdf", Content: bytes.Repeat([]byte{0, 1, '\r', '\n', 255}, 1000)},
		{Filename: `a "b"; c.txt`, ContentType: "text/plain; charset=iso-8859-1", Content: []byte("\xe9")},
		{Filename: strings.Repeat("é", 127), Content: []byte{}},
	}
	raw := build(t, p)
	checkWire(t, p, raw)
	for name, read := range parsers {
		if d := cmp.Diff(asked(p), read(t, raw)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestBuildTextOfAnyLineEnds(t *testing.T) {
	p := testParts()
	p.Text = "a\rb\nc\r\nd\n\r\u00e9\n.\r\n.\nMAIL FROM:<x@y>\n" + strings.Repeat("long ", 1000) + "\n" + strings.Repeat("x", 5000)
	p.HTML = "\r\r\n\n" // CR, CRLF, LF
	raw := build(t, p)
	checkWire(t, p, raw)
	if d := cmp.Diff(asked(p), readStandard(t, raw)); d != "" {
		t.Error(d)
	}
}

func TestBuildAttachmentAlone(t *testing.T) {
	p := testParts()
	p.Text = ""
	p.Attachments = []Attachment{{Filename: "a.bin", Content: []byte("x")}}
	if d := cmp.Diff(asked(p), readStandard(t, build(t, p))); d != "" {
		t.Error(d)
	}
}

func TestBuildHTMLAlone(t *testing.T) {
	p := testParts()
	p.Text, p.HTML, p.NoText = "", "<p>x</p>", true
	if d := cmp.Diff(asked(p), readStandard(t, build(t, p))); d != "" {
		t.Error(d)
	}
}

func TestBuildNamesNoProgram(t *testing.T) {
	raw := strings.ToLower(string(build(t, testParts())))
	for _, field := range []string{"user-agent", "x-mailer", "bcc", "go-mail"} {
		if strings.Contains(raw, field) {
			t.Errorf("the message has %s", field)
		}
	}
}

func TestBuildIsRepeatable(t *testing.T) {
	for name, change := range map[string]func(*Parts){
		"text":        func(*Parts) {},
		"alternative": func(p *Parts) { p.HTML = "<p>x</p>" },
		"all": func(p *Parts) {
			p.HTML = `<img src="cid:a">`
			p.Attachments = []Attachment{{Filename: "a", ContentID: "a"}, {Filename: "b"}}
		},
		"mixed": func(p *Parts) { p.Attachments = []Attachment{{Filename: "a", Content: []byte("x")}, {Filename: "b"}} },
	} {
		p, again := testParts(), testParts()
		change(&p)
		change(&again)
		if d := cmp.Diff(string(build(t, p)), string(build(t, again))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestMessageIDHost(t *testing.T) {
	p := testParts()
	p.MessageIDHost = "mail.example.net"
	built, err := Build(io.Discard, p)
	if err != nil || built.MessageID != "<"+p.ID+"@mail.example.net>" {
		t.Fatal(built, err)
	}
}

// failAfter takes n bytes.
type failAfter struct{ n int }

func (f *failAfter) Write(b []byte) (int, error) {
	if f.n -= len(b); f.n < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestBuildTellsEveryWriteError(t *testing.T) {
	p := testParts()
	p.HTML = "<img src=cid:x>"
	p.Attachments = []Attachment{{Filename: "a", Content: []byte("x")}, {Filename: "b", ContentID: "x"}}
	for n := range len(build(t, p)) {
		if _, err := Build(&failAfter{n}, p); !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

func TestBuildNeedsRandomBytes(t *testing.T) {
	p := testParts()
	p.HTML, p.Random = "x", bytes.NewReader(nil)
	if _, err := Build(io.Discard, p); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}

func BenchmarkBuild2KB(b *testing.B) {
	p := testParts()
	p.Text = strings.Repeat("All work and no play makes Jack a dull boy, and so on.\n", 37)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Build(io.Discard, p); err != nil {
			b.Fatal(err)
		}
	}
}
