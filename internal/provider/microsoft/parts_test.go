package microsoft

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
)

// TestPlan: which parts are the text, which are files, and what they are called.
func TestPlan(t *testing.T) {
	const b = "--b\r\n"
	for name, c := range map[string]struct {
		raw   string
		body  string
		files []string
	}{
		"text alone":       {"Subject: s\r\n\r\nhello\r\n", "text hello\n", nil},
		"charset":          {"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n", "text Grüße\n", nil},
		"a file alone":     {"Content-Type: application/pdf; name=\"=?utf-8?q?=C3=A4.pdf?=\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n", "text ", []string{"ä.pdf application/pdf 5"}},
		"text as file":     {"Content-Type: text/plain\r\nContent-Disposition: attachment; filename*=utf-8''%E2%82%AC.txt\r\n\r\nhello\r\n", "text ", []string{"€.txt text/plain 7"}},
		"alternative":      {"Content-Type: multipart/alternative; boundary=b\r\n\r\n" + b + "\r\nplain\r\n" + b + "Content-Type: text/x-amp-html\r\n\r\namp\r\n" + b + "Content-Type: text/html\r\n\r\n<p>\r\n--b--\r\n", "html <p>", nil},
		"file among forms": {"Content-Type: multipart/alternative; boundary=b\r\n\r\n" + b + "\r\nplain\r\n" + b + "Content-Type: application/pdf\r\n\r\nx\r\n--b--\r\n", "text plain", []string{"attachment-1.pdf application/pdf 1"}},
		"second text":      {"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b + "\r\nfirst\r\n" + b + "\r\nfooter\r\n--b--\r\n", "text first", []string{"attachment-1.txt text/plain 6"}},
		"picture in text": {
			"Content-Type: multipart/related; boundary=b\r\n\r\n" + b + "Content-Type: text/html\r\n\r\n<img src=cid:1>\r\n" + b + "Content-Type: image/png\r\nContent-ID: <1>\r\n\r\nx\r\n--b--\r\n",
			"html <img src=cid:1>",
			[]string{"attachment-1.png image/png 1 inline 1"},
		},
		"mail in mail": {"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b + "\r\nsee\r\n" + b + "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx\r\n--b--\r\n", "text see", []string{"attachment-1.eml message/rfc822 19"}},
	} {
		blue, problem := plan(email.Bytes(c.raw), 1<<20)
		if problem != nil {
			t.Errorf("%s: %v", name, problem)
			continue
		}
		if got := blue.message.Body.Kind + " " + blue.message.Body.Text; got != c.body {
			t.Errorf("%s: body %q, want %q", name, got, c.body)
		}
		var files []string
		for _, f := range blue.files {
			words := fmt.Sprint(f.name, " ", f.kind, " ", f.size)
			if f.inline {
				words += " inline " + f.id
			}
			files = append(files, words)
		}
		if d := cmp.Diff(c.files, files); d != "" {
			t.Errorf("%s: files (-want +got):\n%s", name, d)
		}
	}
	for name, raw := range map[string]string{
		"no boundary":      "Content-Type: multipart/mixed\r\n\r\n--b\r\n",
		"strange encoding": "Content-Transfer-Encoding: x-uuencode\r\n\r\nx\r\n",
		"strange charset":  "Content-Type: text/plain; charset=klingon\r\n\r\nx\r\n",
		"bad base64":       "Content-Transfer-Encoding: base64\r\n\r\n!!!\r\n",
		"too deep":         nested(30),
		"cut short":        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/pdf\r\n\r\nx",
		"wrong boundary":   "Content-Type: multipart/mixed; boundary=b\r\n\r\n--c\r\n\r\ntext\r\n--c--\r\n",
		"signed inside":    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n",
		"long":             "\r\n" + strings.Repeat("x", 1<<20+1),
	} {
		if blue, problem := plan(email.Bytes(raw), 1<<20); problem == nil {
			t.Errorf("%s: taken as %+v", name, blue)
		}
	}
}

// nested is multiparts in multiparts.
func nested(depth int) string {
	if depth == 0 {
		return "\r\ntext\r\n"
	}
	b := fmt.Sprint("b", depth)
	return "Content-Type: multipart/mixed; boundary=" + b + "\r\n\r\n--" + b + "\r\n" + nested(depth-1) + "\r\n--" + b + "--\r\n"
}
