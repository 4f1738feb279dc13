package smtpdoor

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// many is how many messages each program hands over.
const many = 200

// letter is a message that a program is given.
type letter struct {
	n       int
	from    string
	to      []string
	header  string // with CR LF
	body    string // with CR LF
	subject string
}

// text is the message with CR LF at the ends of lines, as it has to arrive.
func (l letter) text() []byte { return []byte(l.header + "\r\n" + l.body) }

// unix is the message as files are on the programs' systems.
func (l letter) unix() []byte { return bytes.ReplaceAll(l.text(), []byte("\r\n"), []byte("\n")) }

// content makes what is special about a message: more fields, and the body.
type content struct {
	undated bool // neither Date nor Message-ID
	crowd   bool // three recipients
	fields  string
	body    string
}

const eightBit = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=%s\r\nContent-Transfer-Encoding: 8bit\r\n"

// contents are what the messages are, in turn.
func contents(n int) content {
	switch n % 9 {
	case 0:
		return content{body: lines(".", "..", ".hidden", "...", ". ", "a.", "", ".", "From here on", ">From there", ".QUIT", "end")}
	case 1:
		return content{fields: fmt.Sprintf(eightBit, "utf-8"), body: lines("Grüße aus Köln, für 5 €", "日本語のメール", "👋 "+strings.Repeat("ä", 400))}
	case 2:
		return content{fields: fmt.Sprintf(eightBit, "iso-8859-1"), body: lines("Gr\xfc\xdfe", "\xe9t\xe9 \xa0\xff", "end")}
	case 3:
		return content{fields: longFields(), body: lines("The header is long.")}
	case 4:
		return content{undated: true, body: lines("Neither a Date nor a Message-ID.")}
	case 5:
		return content{crowd: true, body: lines("To three.")}
	case 6:
		return content{body: lines("", "", strings.Repeat("x", 998), "trailing blanks \t ", "."+strings.Repeat("y", 996), "\ttab", "\f\x01\x1b[0m", "", "")}
	case 7:
		return content{}
	}
	size := 300
	if n%36 == 8 {
		size = 100 << 10
	}
	return attached(n, size)
}

func lines(l ...string) string { return strings.Join(l, "\r\n") + "\r\n" }

// longFields are a folded field of some kilobytes, one line of nearly the most that there may be, and folds by
// tabs and of several kinds of white space.
func longFields() string {
	var b strings.Builder
	b.WriteString("References:")
	for i := range 100 {
		fmt.Fprintf(&b, "\r\n <%032d@example.org>", i)
	}
	b.WriteString("\r\nX-Long: " + strings.Repeat("0123456789 ", 89) + "\r\n")
	b.WriteString("X-Folded: one\r\n\ttwo\r\n  \t three;  four\r\nX-Colons:no space: and more\r\n")
	return b.String()
}

// attached is a multipart message with a file of so many random bytes.
func attached(n, size int) content {
	random := rand.New(rand.NewPCG(uint64(n), uint64(size)))
	file := make([]byte, size)
	for i := range file {
		file[i] = byte(random.Uint32())
	}
	var b strings.Builder
	b.WriteString("--=_b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSiehe Anhänge.\r\n")
	b.WriteString("--=_b\r\nContent-Type: application/octet-stream; name=\"file.bin\"\r\nContent-Disposition: attachment;\r\n" +
		"\tfilename=\"file.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for text := base64.StdEncoding.EncodeToString(file); text != ""; {
		end := min(76, len(text))
		b.WriteString(text[:end] + "\r\n")
		text = text[end:]
	}
	b.WriteString("--=_b--\r\n")
	return content{fields: "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n\tboundary=\"=_b\"\r\n", body: b.String()}
}

// newLetter is the message of a number, for a program whose account is from. Its first recipient is its alone.
func newLetter(from string, n int, domain string) letter {
	c := contents(n)
	program, _, _ := strings.Cut(from, "@")
	l := letter{n: n, from: from, to: []string{fmt.Sprintf("%s-%d@%s", program, n, domain)}, body: c.body}
	l.subject = fmt.Sprintf("message %d of %s", n, program)
	l.header = fmt.Sprintf("From: %s <%s>\r\nTo: %s\r\nSubject: %s\r\n", program, from, l.to[0], l.subject)
	if c.crowd {
		l.to = append(l.to, fmt.Sprintf("second-%d@%s", n, domain), fmt.Sprintf("third-%d@%s", n, domain))
		l.header += "Cc: \"Second, of course\" <" + l.to[1] + ">\r\n"
	}
	if !c.undated {
		l.header += fmt.Sprintf("Date: Sun, 22 Nov 2026 10:00:%02d +0100\r\nMessage-ID: <%d.%s@acme.example>\r\n", n%60, n, program)
	}
	l.header += c.fields
	return l
}
