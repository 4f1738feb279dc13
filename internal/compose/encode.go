package compose

import (
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"net/textproto"
	"strings"

	"gatepost/internal/email"
)

// textEntity is a body as a part.
func textEntity(subtype, s string, eightBit bool) *entity {
	if strings.Contains(s, "\r") {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	encoding := chooseEncoding(s, eightBit)
	return &entity{
		header: textproto.MIMEHeader{
			"Content-Type":              {"text/" + subtype + "; charset=UTF-8"},
			"Content-Transfer-Encoding": {encoding},
		},
		body: func(w io.Writer) error { return writeText(w, s, encoding) },
	}
}

// shortLine is the longest line that is sent as it is where not all of the way is
// known (RFC 5322 section 2.1.1).
const shortLine = 78

// chooseEncoding picks the transfer encoding of text with LF line ends. What every
// program on the way leaves alone stays as it is: ASCII in short lines; what the
// next hop takes too: UTF-8 in lines that RFC 5322 allows. The rest becomes
// quoted-printable, or base64 where more than half would be escaped, which is then
// the shorter.
func chooseEncoding(s string, eightBit bool) string {
	m := measureText(s)
	switch {
	case !m.control && m.high == 0 && (m.longest <= shortLine || eightBit && m.longest <= email.MaxLine):
		return "7bit"
	case !m.control && eightBit && m.longest <= email.MaxLine:
		return "8bit"
	case m.high > len(s)/2:
		return "base64"
	}
	return "quoted-printable"
}

// measures are what the choice of an encoding needs to know.
type measures struct {
	longest int  // line, in bytes
	high    int  // bytes above 127
	control bool // control characters but TAB
}

func measureText(s string) measures {
	var m measures
	start := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n':
			m.longest = max(m.longest, i-start)
			start = i + 1
		case c >= 0x80:
			m.high++
		case c < ' ' && c != '\t', c == 0x7f:
			m.control = true
		}
	}
	m.longest = max(m.longest, len(s)-start)
	return m
}

// writeText writes text with LF line ends so that a reader gets CRLF. (The writer
// of quoted-printable makes CRLF of LF. It drops the line end of "\ré\n" (Go 1.26):
// no CR comes here.)
func writeText(w io.Writer, s, encoding string) error {
	if encoding == "quoted-printable" {
		qw := quotedprintable.NewWriter(w)
		if _, err := io.WriteString(qw, s); err != nil {
			return err
		}
		return qw.Close()
	}
	b := withCRLF(s)
	if encoding == "base64" {
		return writeBase64(w, b)
	}
	_, err := w.Write(b)
	return err
}

// withCRLF is s with CRLF for its LF: in one piece, because texts are most of what is
// composed.
func withCRLF(s string) []byte {
	b := make([]byte, 0, len(s)+strings.Count(s, "\n"))
	for {
		line, rest, more := strings.Cut(s, "\n")
		b = append(b, line...)
		if !more {
			return b
		}
		b, s = append(b, '\r', '\n'), rest
	}
}

// base64Line is how many bytes make a line of 76 characters (RFC 2045 section 6.8).
const base64Line = 57

// writeBase64 writes b in lines, many at a time.
func writeBase64(w io.Writer, b []byte) error {
	const lines = 512
	out := make([]byte, 0, min(lines, len(b)/base64Line+1)*(base64Line/3*4+2))
	for len(b) > 0 {
		out = out[:0]
		for range lines {
			n := min(base64Line, len(b))
			if n == 0 {
				break
			}
			out = append(base64.StdEncoding.AppendEncode(out, b[:n]), "\r\n"...)
			b = b[n:]
		}
		if _, err := w.Write(out); err != nil {
			return err
		}
	}
	return nil
}
