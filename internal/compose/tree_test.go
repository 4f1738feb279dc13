package compose

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everything is a message with every level of parts.
func everything() Parts {
	p := testParts()
	p.Text, p.InReplyTo = "", "<1@b.c>"
	p.HTML = `<h1>Hi Zoë</h1><p>See <a href="https://x.example">this</a>:</p><img src="cid:logo" alt="Logo">`
	p.Attachments = []Attachment{
		{Filename: "a.pdf", Content: []byte("%PDF")},
		{Filename: "logo.png", ContentID: "logo", Content: []byte("png")},
	}
	return p
}

func TestBuildEverything(t *testing.T) {
	want := strings.ReplaceAll(`Date: Fri, 20 Nov 2026 12:00:00 +0000
In-Reply-To: <1@b.c>
MIME-Version: 1.0
Message-ID: <msg_01h455vb4pex5vsknk084sn02q@example.com>
References: <1@b.c>
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_=F0=9F=8E=89?=
X-Gatepost-Id: msg_01h455vb4pex5vsknk084sn02q
From: =?utf-8?q?Zo=C3=AB?= <zoe@example.com>
To: "Doe, Jane" <jane@example.org>
Content-Type: multipart/mixed;
 boundary=52fdfc072182654f163f5f0f9a621d72

--52fdfc072182654f163f5f0f9a621d72
Content-Type: multipart/related;
 type="multipart/alternative";
 boundary=9566c74d10037c4d7bbb0407d1e2c649

--9566c74d10037c4d7bbb0407d1e2c649
Content-Type: multipart/alternative;
 boundary=81855ad8681d0d86d1e91e00167939cb

--81855ad8681d0d86d1e91e00167939cb
Content-Transfer-Encoding: quoted-printable
Content-Type: text/plain; charset=UTF-8

Hi Zo=C3=AB
=3D=3D=3D=3D=3D=3D

See this <https://x.example>:

Logo

--81855ad8681d0d86d1e91e00167939cb
Content-Transfer-Encoding: quoted-printable
Content-Type: text/html; charset=UTF-8

<h1>Hi Zo=C3=AB</h1><p>See <a href=3D"https://x.example">this</a>:</p><img =
src=3D"cid:logo" alt=3D"Logo">
--81855ad8681d0d86d1e91e00167939cb--

--9566c74d10037c4d7bbb0407d1e2c649
Content-Disposition: inline;
 filename=logo.png
Content-ID: <logo>
Content-Transfer-Encoding: base64
Content-Type: image/png;
 name=logo.png

cG5n

--9566c74d10037c4d7bbb0407d1e2c649--

--52fdfc072182654f163f5f0f9a621d72
Content-Disposition: attachment;
 filename=a.pdf
Content-Transfer-Encoding: base64
Content-Type: application/pdf;
 name=a.pdf

JVBERg==

--52fdfc072182654f163f5f0f9a621d72--
`, "\n", "\r\n")
	if d := cmp.Diff(want, string(build(t, everything()))); d != "" {
		t.Error(d)
	}
}

func TestBuildNestsOnlyWhereNeeded(t *testing.T) {
	file, image := Attachment{Filename: "a.pdf"}, Attachment{Filename: "i.png", ContentID: "i"}
	for want, change := range map[string]func(*Parts){
		"text/plain":                                             func(*Parts) {},
		"text/html":                                              func(p *Parts) { p.Text, p.HTML, p.NoText = "", "<p>x", true },
		"text/html; nothing to read":                             func(p *Parts) { p.Text, p.HTML = "", "<img src=https://x>" },
		"alternative(text/plain, text/html)":                     func(p *Parts) { p.HTML = "<p>x" },
		"alternative(text/plain, text/html); made":               func(p *Parts) { p.Text, p.HTML = "", "<p>x" },
		"alternative(text/plain, text/html); given":              func(p *Parts) { p.HTML, p.NoText = "<p>x", true },
		"mixed(text/plain, application/pdf)":                     func(p *Parts) { p.Attachments = []Attachment{file} },
		"mixed(text/plain, application/pdf); alone":              func(p *Parts) { p.Text, p.Attachments = "", []Attachment{file} },
		"related(text/html, image/png)":                          func(p *Parts) { p.Text, p.HTML, p.Attachments = "", "<img src=cid:i>", []Attachment{image} },
		"related(alternative(text/plain, text/html), image/png)": func(p *Parts) { p.HTML, p.Attachments = "<img src=cid:i>", []Attachment{image} },
		"mixed(alternative(text/plain, text/html), application/pdf, application/pdf)": func(p *Parts) {
			p.HTML, p.Attachments = "x", []Attachment{file, file}
		},
		"mixed(related(alternative(text/plain, text/html), image/png), application/pdf)": func(p *Parts) {
			p.HTML, p.Attachments = "<img src=cid:i>", []Attachment{file, image}
		},
	} {
		p := testParts()
		change(&p)
		raw := build(t, p)
		checkWire(t, p, raw)
		want, _, _ = strings.Cut(want, ";")
		if got := readStandard(t, raw).Shape; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestChooseEncoding(t *testing.T) {
	long := strings.Repeat("x", 79)
	for _, c := range []struct{ s, far, near string }{ // near: the next hop takes 8bit
		{"", "7bit", "7bit"},
		{"plain\n\ttext \n", "7bit", "7bit"},
		{long, "quoted-printable", "7bit"},
		{"Grüße\n", "quoted-printable", "8bit"},
		{"Grüße\x01", "quoted-printable", "quoted-printable"},
		{strings.Repeat("x", 998) + "\n", "quoted-printable", "7bit"},
		{strings.Repeat("x", 999) + "\n", "quoted-printable", "quoted-printable"},
		{strings.Repeat("é", 499) + "\n", "base64", "8bit"},
		{strings.Repeat("é", 500) + "\n", "base64", "base64"},
		{"こんにちは", "base64", "8bit"},
		{"Привет, мир", "base64", "8bit"},
		{"ééxxxxx", "quoted-printable", "8bit"},
	} {
		if far, near := chooseEncoding(c.s, false), chooseEncoding(c.s, true); far != c.far || near != c.near {
			t.Errorf("%.20q: %s and %s, want %s and %s", c.s, far, near, c.far, c.near)
		}
	}
}

// What is above 127 shows on every level around it (RFC 2045 section 6.4).
func TestEightBitIsSaidOnAllLevels(t *testing.T) {
	p := everything()
	p.EightBit = true
	raw := string(build(t, p))
	checkWire(t, p, []byte(raw))
	if n := strings.Count(raw, "Content-Transfer-Encoding: 8bit\r\n"); n != 5 || !strings.Contains(raw, "\r\nHi Zoë\r\n") {
		t.Errorf("%d fields say 8bit\n%s", n, raw)
	}
	p.EightBit = false
	if raw = string(build(t, p)); strings.Contains(raw, "8bit") {
		t.Error(raw)
	}
}

func TestBase64IsTheShorter(t *testing.T) {
	s := strings.Repeat("こんにちは、世界。\n", 1000)
	var qp, b64 strings.Builder
	if writeText(&qp, s, "quoted-printable") != nil || writeText(&b64, s, "base64") != nil || b64.Len() >= qp.Len() {
		t.Fatal(qp.Len(), b64.Len())
	}
	for line := range strings.SplitSeq(b64.String(), "\r\n") {
		if len(line) > 76 {
			t.Fatalf("%d characters in a line", len(line))
		}
	}
}
