package email

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message"
	"github.com/google/go-cmp/cmp"
)

var testMarks = Marks{ID: "msg_01h455vb4pex5vsknk084sn02q", Now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}

const rawMixed = "Received: by a\r\nFrom: =?utf-8?q?Zo=C3=AB?= <zoe@b.c>\r\nSender: s@b.c\r\n" +
	"To: Jane <jane@b.c>, team: x@b.c, y@b.c;\r\nCc: c@b.c\r\nBCC: hidden@b.c\r\n" +
	"Subject: =?utf-8?q?=C3=85?=\r\n b\r\nMessage-ID: <1@b.c>\r\nX-Gatepost-Id: forged\r\nReturn-Path: <r@b.c>\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"out\"\r\n\r\npreamble\r\n" +
	"--out\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n" +
	"--in\r\n\r\nplain\r\n--not a boundary\r\n--in  \r\nContent-Type: text/html\r\n\r\n<p>\r\n--in--\r\nepilogue\r\n" +
	"--out\r\nContent-Type: application/pdf; name=wrong.pdf\r\nContent-Disposition: attachment; filename*=utf-8''na%C3%AFve.pdf\r\n\r\n%PDF\r\n" +
	"--out\r\nContent-Disposition: attachment; filename=not quoted.exe\r\n\r\nMZ\r\n" +
	"--out\r\nContent-Type: image/png; name=\"=?utf-8?q?=C3=A9.png?=\"\r\n\r\npng\r\n--out--\r\n"

func TestCheckRawReadsAMessage(t *testing.T) {
	r, problems := CheckRaw([]byte(rawMixed))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got := fmt.Sprint(r.From, r.Sender, r.To, r.Cc, r.Bcc, " ", r.Subject, " ", r.MessageID)
	want := "Zoë <zoe@b.c> s@b.c [Jane <jane@b.c> x@b.c y@b.c] [c@b.c] [hidden@b.c] Å b <1@b.c>"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if d := cmp.Diff([]string{"naïve.pdf", "not quoted.exe", "é.png"}, r.Attachments); d != "" {
		t.Error(d)
	}
}

func TestRewriteKeepsAllElse(t *testing.T) {
	var out bytes.Buffer
	r, _ := CheckRaw([]byte(rawMixed))
	id, err := r.Rewrite(&out, testMarks)
	if err != nil || id != "<1@b.c>" {
		t.Fatal(id, err)
	}
	want := "X-Gatepost-Id: msg_01h455vb4pex5vsknk084sn02q\r\nDate: Fri, 20 Nov 2026 12:00:00 +0000\r\n" + rawMixed
	for _, gone := range []string{"BCC: hidden@b.c\r\n", "X-Gatepost-Id: forged\r\n", "Return-Path: <r@b.c>\r\n"} {
		want = strings.Replace(want, gone, "", 1)
	}
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}

func TestRewriteAddsWhatIsMissing(t *testing.T) {
	for in, want := range map[string]string{
		"From: a@b.c\n\nhello\n":                   "From: a@b.c\r\n\r\nhello\r\n",
		"Bcc: x@b.c\nFrom: a@b.c\n\nhello":         "From: a@b.c\r\n\r\nhello",
		"From: a@b.c":                              "From: a@b.c\r\n\r\n",
		"From: a@b.c\r\nBcc:\r\n x@b.c":            "From: a@b.c\r\n\r\n",
		"Resent-Bcc: x@b.c\r\nFrom: a@b.c\r\n":     "From: a@b.c\r\n\r\n",
		"Message-ID:\r\nFrom: a@b.c\r\n\r\n\r\nx":  "From: a@b.c\r\n\r\n\r\nx",
		"From: a@b.c\n\n\n.\nMAIL FROM:<x@y>\n.\n": "From: a@b.c\r\n\r\n\r\n.\r\nMAIL FROM:<x@y>\r\n.\r\n",
	} {
		r, problems := CheckRaw([]byte(in))
		if len(problems) > 0 {
			t.Errorf("%q: %v", in, problems)
			continue
		}
		var out bytes.Buffer
		id, err := r.Rewrite(&out, testMarks)
		want = "X-Gatepost-Id: " + testMarks.ID + "\r\nDate: Fri, 20 Nov 2026 12:00:00 +0000\r\nMessage-ID: <" + testMarks.ID + "@b.c>\r\n" + want
		if err != nil || out.String() != want || id != "<"+testMarks.ID+"@b.c>" {
			t.Errorf("%q: %v\ngot  %q\nwant %q", in, err, out.String(), want)
		}
	}
}

func TestRewriteTellsAWriteError(t *testing.T) {
	r, _ := CheckRaw([]byte(rawMixed))
	_, w := io.Pipe()
	w.CloseWithError(io.ErrShortWrite)
	if _, err := r.Rewrite(w, testMarks); err == nil {
		t.Fatal("no error")
	}
}

// nested is a message with multiparts n deep.
func nested(n int) string {
	var b strings.Builder
	b.WriteString("From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n")
	for i := range n - 1 {
		fmt.Fprintf(&b, "--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n", i, i+1)
	}
	fmt.Fprintf(&b, "--b%d\r\n\r\nx\r\n", n-1)
	for i := n - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "--b%d--\r\n", i)
	}
	return b.String()
}

func TestCheckRawRefuses(t *testing.T) {
	const from = "From: a@b.c\r\n"
	const mixed = from + "Content-Type: multipart/mixed; boundary=b\r\n"
	for in, want := range map[string]string{
		"":                           "no field From",
		"\r\nbody":                   "no field From",
		"To: a@b.c\r\n\r\n":          "no field From",
		from + "from: x@b.c\r\n\r\n": "line 2: a second field From",
		"From: a@b.c, x@b.c\r\n\r\n": "line 1: the field From has 2 addresses",
		"From: nobody\r\n\r\n":       "line 1: the field From: not a list",
		"From: \"a b\"@c.d\r\n\r\n":  "contains a space",
		"From: g:;\r\n\r\n":          "0 addresses",
		"From: =?utf-8?q?a=0ab?= <a@b.c>\r\n\r\n":                                              "line break",
		from + "To: a@b\r\nX: 1\r\nTO: c@d\r\n\r\n":                                            "line 4: a second field To",
		from + "Date: 1\r\nDate: 2\r\n\r\n":                                                    "a second field Date",
		from + "To: a@b.c, nonsense\r\n\r\n":                                                   "line 2: the field To",
		from + "Bcc: nonsense\r\n\r\n":                                                         "line 2: the field Bcc",
		from + "Subject: =?utf-8?q?a=0d=0aBcc:x?=\r\n\r\n":                                     "line 2: the subject contains a line break",
		from + "Subject: a\u2028Bcc: x\r\n\r\n":                                                "line 2: the field Subject contains U+2028",
		from + "Subject: \xe9\r\n\r\n":                                                         "not UTF-8",
		from + "Subject: a\x1bb\r\n\r\n":                                                       "control character",
		from + "X: a\r\n \t\r\n b\r\n\r\n":                                                     "folded with an empty line",
		from + "nonsense\r\n\r\n":                                                              "line 2: not a header field",
		from + "Bcc : x@b.c\r\n\r\n":                                                           "line 2: not a header field",
		" Subject: a\r\n" + from + "\r\n":                                                      "line 1: not a header field",
		from + "X: a\rBcc: x@b.c\r\n\r\n":                                                      "line 2: contains a CR",
		from + "\r\na\rb\r\nc\r\r\n":                                                           "line 4: contains a CR",
		from + "\r\na\x00b":                                                                    "line 3: contains a NUL",
		from + "\r\n" + strings.Repeat("x", 999):                                               "line 3: longer than 998 bytes",
		from + strings.Repeat("X: a\r\n", MaxHeaderFields):                                     "a header has more than",
		from + "X: " + strings.Repeat("a\r\n ", 100_000):                                       "a header has more than",
		mixed + "\r\n--b\r\n\r\nx\r\n":                                                         "line 7: a multipart does not end: the line --b-- is missing",
		mixed + "\r\n--b--\r\n":                                                                "has no part",
		mixed + "\r\n--b\r\nnonsense\r\n--b--\r\n":                                             "line 5: not a header field",
		mixed + "\r\n--b\r\nX: a\r\n--b--\r\n":                                                 "not a header field",
		mixed + "Content-Type: text/plain\r\n\r\n":                                             "line 3: a second field Content-Type",
		mixed + "Content-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\n--b--":                    "may not have a transfer encoding",
		from + "Content-Type: multipart/mixed\r\n\r\n":                                         "without a usable boundary",
		from + "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n":                          "without a usable boundary",
		from + "Content-Type: multipart/mixed; boundary=\"a b \"\r\n\r\n":                      "without a usable boundary",
		from + "Content-Type: multipart/mixed; boundary=a b\r\n\r\n":                           "cannot be read",
		strings.Replace(mixed, "=b", "=\"b:c\"", 1) + "\r\n--b:c\r\n--b:c\r\n\r\n--b:c--":      "boundary line within the header",
		mixed + "\r\n--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b--":            "can be taken for that of the one around it",
		mixed + "\r\n--b\r\n\r\n--b--x\r\n--b--":                                               "line 6: starts like a boundary line",
		mixed + "\r\n--b\r\n\r\n--b x\r\n--b--":                                                "line 6: starts like a boundary line",
		mixed + "\r\n--b\r\nContent-Type: multipart/mixed; boundary=b--\r\n\r\n--b--":          "can be taken for that of the one around it",
		mixed + "\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n--b--": "line 9: a multipart does not end before",
		nested(33): "more than 32 deep",
		mixed + "\r\n" + strings.Repeat("--b\r\n\r\n", MaxParts+1) + "--b--": "more than 1000 parts",
	} {
		_, problems := CheckRaw([]byte(in))
		if !strings.Contains(fmt.Sprint(problems), want) {
			t.Errorf("%.120q: %.300v; want %q", in, problems, want)
		}
	}
}

func TestCheckRawTellsAllProblemsAtOnce(t *testing.T) {
	in := "From: a@b.c\r\nFrom: x@b.c\r\nTo: nonsense\r\n\r\n" + strings.Repeat("x", 999) + "\r\n\x00\r\n"
	if _, problems := CheckRaw([]byte(in)); len(problems) != 4 || problems[0].Field != "raw" {
		t.Error(problems)
	}
	_, problems := CheckRaw([]byte("From: a@b.c\r\n\r\n" + strings.Repeat("\x00\n", 1000)))
	if len(problems) != maxFaults+1 || problems[maxFaults].Message != "and 980 more problems" {
		t.Error(len(problems), problems[len(problems)-1])
	}
}

func TestCheckRawAcceptsAtItsLimits(t *testing.T) {
	for name, in := range map[string]string{
		"depth": nested(MaxDepth),
		"line":  "From: a@b.c\r\n\r\n" + strings.Repeat("x", MaxLine),
		"parts": "From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\n", MaxParts) + "--b--",
	} {
		if _, problems := CheckRaw([]byte(in)); len(problems) > 0 {
			t.Error(name, problems)
		}
	}
}

// What is accepted must be read alike by other parsers: the same parts with the
// same names.
func TestOtherParsersReadTheSameParts(t *testing.T) {
	r, _ := CheckRaw([]byte(rawMixed))
	e, err := message.Read(bytes.NewReader(r.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	err = e.Walk(func(_ []int, e *message.Entity, err error) error {
		kind, _, _ := e.Header.ContentType()
		types = append(types, kind)
		return err
	})
	want := []string{"multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf", "text/plain", "image/png"}
	if d := cmp.Diff(want, types); err != nil || d != "" {
		t.Fatal(err, d)
	}
}

func FuzzCheckRaw(f *testing.F) {
	f.Add([]byte(rawMixed))
	f.Add([]byte(nested(3)))
	f.Add([]byte("From: a@b.c\nTo: x@b.c\n\nhello\n"))
	f.Add([]byte("From: a@b.c\r\nBcc: x@b.c\r\n y@b.c\r\n\r\n\r\n.\r\n"))
	f.Add([]byte("From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"))
	f.Add([]byte("From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX=Y: 1\r\n\r\nx\r\n--b--\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, problems := CheckRaw(raw)
		if len(problems) > 0 {
			return
		}
		var out bytes.Buffer
		if _, err := r.Rewrite(&out, testMarks); err != nil {
			t.Fatal(err)
		}
		checkWireForm(t, out.Bytes())
		msg, err := mail.ReadMessage(bytes.NewReader(out.Bytes()))
		if err != nil {
			t.Fatalf("net/mail: %v\n%q", err, out.Bytes())
		}
		from, err := mail.ParseAddress(msg.Header.Get("From"))
		if len(msg.Header["From"]) != 1 || len(msg.Header["Bcc"]) != 0 || len(msg.Header["X-Gatepost-Id"]) != 1 {
			t.Fatalf("header %v", msg.Header)
		}
		if err == nil && !strings.EqualFold(from.Address[:strings.LastIndex(from.Address, "@")], r.From.Local) {
			t.Fatalf("From is %v, we read %v", from, r.From)
		}
		readParts(t, msg)
		again, problems := CheckRaw(out.Bytes())
		if len(problems) > 0 || again.From != r.From || !cmp.Equal(again.Attachments, r.Attachments) {
			t.Fatalf("what was rewritten reads otherwise: %v\n%q", problems, out.Bytes())
		}
	})
}

// checkWireForm holds bytes to what may go out: CRLF, no NUL, no long lines.
func checkWireForm(t *testing.T, b []byte) {
	t.Helper()
	if bytes.IndexByte(b, 0) >= 0 {
		t.Fatal("a NUL")
	}
	for line := range bytes.SplitSeq(b, []byte("\r\n")) {
		if len(line) > MaxLine || bytes.ContainsAny(line, "\r\n") {
			t.Fatalf("line %.100q", line)
		}
	}
}

// readParts reads the first level of parts to their ends.
func readParts(t *testing.T, msg *mail.Message) {
	t.Helper()
	e, err := message.New(message.HeaderFromMap(msg.Header), msg.Body)
	if err != nil {
		return
	}
	kind, params, err := e.Header.ContentType()
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return
	}
	mr := multipart.NewReader(e.Body, params["boundary"])
	for {
		p, err := mr.NextRawPart()
		if err == io.EOF {
			return
		}
		if err == nil {
			_, err = io.Copy(io.Discard, p)
		}
		if err != nil {
			t.Fatalf("mime/multipart: %v", err)
		}
	}
}
