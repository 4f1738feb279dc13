package email

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// attached is a message around another, which is attached with that encoding.
func attached(encoding, content string) string {
	return "From: a@b.c\r\nContent-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\n\r\nsee below\r\n" +
		"--out\r\nContent-Type: message/rfc822; name=mail.eml\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n" + content + "\r\n" +
		"--out\r\nContent-Disposition: attachment; filename=last.pdf\r\n\r\nx\r\n--out--\r\n"
}

func withFile(name string) string {
	return "From: x@y.z\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\nContent-Type: text/plain\r\n\r\nhi\r\n" +
		"--in\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"" + name + "\"\r\n\r\nMZ\r\n--in--\r\n"
}

func lines64(s string) string {
	var b strings.Builder
	for s = base64.StdEncoding.EncodeToString([]byte(s)); len(s) > 76; s = s[76:] {
		b.WriteString(s[:76] + "\r\n")
	}
	return b.String() + s
}

func TestCheckRawSearchesAttachedMessages(t *testing.T) {
	file := withFile("evil.exe")
	open := strings.TrimSuffix(file, "--in--\r\n")
	for name, in := range map[string]string{
		"as it is":           attached("7bit", file),
		"in capitals":        strings.Replace(attached("", file), "message/rfc822", "MESSAGE/RFC822", 1),
		"global":             strings.Replace(attached("", file), "message/rfc822", "message/global", 1),
		"base64":             attached("base64", lines64(file)),
		"base64 of bare LF":  attached("base64", lines64(strings.ReplaceAll(file, "\r\n", "\n"))),
		"quoted-printable":   attached("quoted-printable", strings.ReplaceAll(file, "=", "=3D")),
		"not ended":          attached("8bit", open),
		"with a bad header":  attached("8bit", "nonsense\r\nFrom: 1\r\nFrom: 2\r\n"+file),
		"alone, not a part":  attached("", "Content-Disposition: attachment; filename=evil.exe\r\n\r\nMZ"),
		"header alone":       attached("", "Content-Disposition: attachment; filename=evil.exe"),
		"base64 cut in it":   attached("base64", lines64(file)[:270]+"\r\n!!!"),
		"within another":     attached("", "Content-Type: message/rfc822\r\n\r\n"+file),
		"base64 in base64":   attached("base64", lines64("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"+lines64(file))),
		"the whole message":  "From: a@b.c\r\nContent-Type: message/rfc822; name=mail.eml\r\nMIME-Version: 1.0\r\n\r\n" + file,
		"encoded in as such": attached("", strings.Replace(file, "application/octet-stream", "message/rfc822; name=evil.exe", 1)),
	} {
		r, problems := CheckRaw([]byte(in))
		if len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
			continue
		}
		got := strings.Join(r.Attachments, " ")
		if !strings.Contains(got, "evil.exe") || !strings.Contains(got, "mail.eml") || name != "the whole message" && !strings.Contains(got, "last.pdf") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestCheckRawKeepsAttachedMessagesApart(t *testing.T) {
	r, problems := CheckRaw([]byte(attached("", withFile("a.txt"))))
	if d := cmp.Diff([]string{"mail.eml", "last.pdf", "a.txt"}, r.Attachments); d != "" || len(problems) > 0 {
		t.Error(d, problems)
	}
	if r.From.Addr() != "a@b.c" || !strings.Contains(string(r.Bytes), withFile("a.txt")) {
		t.Error("the attached message was taken for the message")
	}
}

// matryoshka is a message in n layers of base64.
func matryoshka(n int) string {
	s := withFile("evil.exe")
	for range n - 1 {
		s = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines64(s)
	}
	return attached("base64", lines64(s))
}

func TestCheckRawBudgetsOfAttachedMessages(t *testing.T) {
	many := "Content-Type: multipart/mixed; boundary=in\r\n\r\n" + strings.Repeat("--in\r\n\r\n", MaxParts+1)
	deep := strings.TrimPrefix(nested(MaxDepth+1), "From: a@b.c\r\n")
	for in, want := range map[string]string{
		attached("", many):                "line 8: a message within the message has more than 1000 parts",
		attached("", deep):                "more than 32 deep in a message within the message",
		matryoshka(maxRecoded + 1):        "line 8: messages within the message have a transfer encoding, more than 4 deep",
		attached("base64", lines64(many)): "more than 1000 parts",
	} {
		if _, problems := CheckRaw([]byte(in)); len(problems) != 1 || !strings.Contains(fmt.Sprint(problems), want) {
			t.Errorf("%.80q: %v; want %q", in, problems, want)
		}
	}
	if _, problems := CheckRaw([]byte(matryoshka(maxRecoded))); len(problems) > 0 {
		t.Error(problems)
	}
}
