package compose

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gatepost/internal/email"
)

// fragments are what headers and MIME stumble over.
var fragments = []string{
	" ", "  ", "\t", "a", "Z", "é", "ß", "🎉", "日本", "שלום", "e\u0301", "\u00a0", "\u200d", "\ufeff",
	"=?", "?=", "=?utf-8?q?x?=", "=?utf-8?b?eA==?= ", "=", "?", "_", "%", "%0d%0a", `"`, `\`, "'", "<", ">", "(", ")",
	"@", ",", ";", ":", ".", "..", "--", "From ", "Bcc: x@y.z", "*0*=", "utf-8''", "word ", strings.Repeat("x", 80),
	strings.Repeat("ü", 40), strings.Repeat("long ", 30),
}

var lineFragments = append([]string{"\r", "\n", "\r\n", "\n.\n", "\n--", " \n", "\t\r\n", "\nFrom x", "=\n", strings.Repeat("y", 1200)}, fragments...)

// oddText draws text of fragments that ok accepts.
func oddText(t *rapid.T, label string, from []string, ok func(string) bool) string {
	parts := rapid.SliceOfN(rapid.SampledFrom(from), 0, 12).Draw(t, label)
	for s := strings.Join(parts, ""); ; s = strings.Join(parts, "") {
		if ok(s) {
			return s
		}
		parts = parts[:len(parts)-1]
	}
}

func oddAddresses(t *rapid.T, label string) []email.Address {
	var list []email.Address
	for range rapid.IntRange(0, 3).Draw(t, label) {
		local := rapid.SampledFrom([]string{"a", "x.y+z", "o'neill", strings.Repeat("l", 64), "zoë", "用户.名"}).Draw(t, "local")
		domain := rapid.SampledFrom([]string{"example.org", "bücher.example", "例え.テスト"}).Draw(t, "domain")
		var a email.Address
		oddText(t, "name", fragments, func(s string) (ok bool) {
			var err error
			a, err = email.NewAddress(s, local+"@"+domain)
			return err == nil
		})
		list = append(list, a)
	}
	return list
}

func oddParts(t *rapid.T) Parts {
	p := testParts()
	value := func(s string) bool { return email.CheckHeaderValue(s) == nil }
	body := func(s string) bool { return checkBody(s) == nil }
	p.To, p.Cc, p.ReplyTo = oddAddresses(t, "to"), oddAddresses(t, "cc"), oddAddresses(t, "reply_to")
	p.Subject = oddText(t, "subject", fragments, value)
	p.Text, p.HTML = oddText(t, "text", lineFragments, body), oddText(t, "html", lineFragments, body)
	for _, name := range []string{"X-One", "x-two", strings.Repeat("X", 64)}[:rapid.IntRange(0, 3).Draw(t, "headers")] {
		p.Headers = append(p.Headers, Header{name, oddText(t, name, fragments, value)})
	}
	p.EightBit, p.NoText = rapid.Bool().Draw(t, "eight_bit"), rapid.Bool().Draw(t, "no_text")
	p.InReplyTo = rapid.SampledFrom([]string{"", "<a@b.c>", "<" + strings.Repeat("x", 800) + "@[b]>"}).Draw(t, "in_reply_to")
	p.References = rapid.SliceOfN(rapid.SampledFrom([]string{"<1@b.c>", "<a!#$%&'*+-/?=^_`{|}~.@x>"}), 0, 20).Draw(t, "references")
	oddAttachments(t, &p)
	if p.Text == "" && p.HTML == "" && len(p.Attachments) == 0 {
		p.Text = "x"
	}
	return p
}

// oddAttachments adds files, and images that the HTML names.
func oddAttachments(t *rapid.T, p *Parts) {
	for i := range rapid.IntRange(0, 3).Draw(t, "attachments") {
		a := Attachment{
			Filename:    "f" + oddText(t, "filename", fragments, func(s string) bool { return email.CheckFileName("f"+s) == nil }),
			ContentType: rapid.SampledFrom([]string{"", "image/png", `text/plain; charset="utf-8"; x="a b;"`}).Draw(t, "type"),
			Content:     rapid.SliceOf(rapid.Byte()).Draw(t, "content"),
		}
		if rapid.Bool().Draw(t, "inline") {
			a.ContentID = rapid.SampledFrom([]string{"logo", "a$b@c.d", "=~!*", strings.Repeat("i", 190)}).Draw(t, "content_id") + strconv.Itoa(i)
			p.HTML = `<img src="cid:` + a.ContentID + `" alt="ä">` + p.HTML
		}
		p.Attachments = append(p.Attachments, a)
	}
}

// Whatever a caller may ask for, both parsers read it back. Each round of rapid
// is a hundred messages.
func TestOddPartsReadBack(t *testing.T) {
	for range 10 {
		rapid.Check(t, func(r *rapid.T) {
			p := oddParts(r)
			raw := build(t, p)
			checkWire(t, p, raw)
			for name, read := range parsers {
				if d := cmp.Diff(asked(p), read(t, raw)); d != "" {
					r.Fatalf("%s: %s\n%s", name, d, raw)
				}
			}
			readSevenBit(t, p, raw)
		})
	}
}

// readSevenBit holds the message against what a server without 8BITMIME gets.
func readSevenBit(t *testing.T, p Parts, raw []byte) {
	var b bytes.Buffer
	err := email.Encode7Bit(bytes.NewReader(raw), &b)
	if errors.Is(err, email.ErrEightBitHeader) {
		return // SMTPUTF8 comes with 8BITMIME
	}
	if err != nil {
		t.Fatal(err)
	}
	p.EightBit = false
	checkWire(t, p, b.Bytes())
	if d := cmp.Diff(asked(p), readStandard(t, b.Bytes())); d != "" {
		t.Fatal(d)
	}
}
