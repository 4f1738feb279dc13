package compose

import (
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
		local := rapid.SampledFrom([]string{"a", "x.y+z", "o'neill", strings.Repeat("l", 64)}).Draw(t, "local")
		var a email.Address
		oddText(t, "name", fragments, func(s string) (ok bool) {
			var err error
			a, err = email.NewAddress(s, local+"@example.org")
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
	for range rapid.IntRange(0, 2).Draw(t, "attachments") {
		p.Attachments = append(p.Attachments, Attachment{
			Filename:    "f" + oddText(t, "filename", fragments, func(s string) bool { return email.CheckFileName("f"+s) == nil }),
			ContentType: rapid.SampledFrom([]string{"", "image/png", `text/plain; charset="utf-8"; x="a b;"`}).Draw(t, "type"),
			Content:     rapid.SliceOf(rapid.Byte()).Draw(t, "content"),
		})
	}
	if p.Text == "" && p.HTML == "" && len(p.Attachments) == 0 {
		p.Text = "x"
	}
	return p
}

// Whatever a caller may ask for, both parsers read it back.
func TestOddPartsReadBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := oddParts(r)
		raw := build(t, p)
		checkWire(t, raw)
		for name, read := range parsers {
			if d := cmp.Diff(asked(p), read(t, raw)); d != "" {
				r.Fatalf("%s: %s\n%s", name, d, raw)
			}
		}
	})
}
