package email

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/emersion/go-message"
	"github.com/google/go-cmp/cmp"
)

// eightBitMail has every place where bytes above 127 may be, and some where they
// should not.
const eightBitMail = "From: a@b.c\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=out\r\nContent-Transfer-Encoding: 8bit\r\n\r\npré\r\n" +
	"--out\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n" +
	"--in\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nX-After: 1\r\n\r\nGrüße = \t\r\n.\r\nFrom me \r\n\r\n" +
	"--in\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>ü\r\n--in--\r\népilogue\r\n" +
	"--out  \r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n" +
	"--out\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
	"From: x@y.z\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: binary\r\n\r\nna\xefve \xff\r\n" +
	"--out\r\n\r\nplain\r\n--out\r\n\r\n\xe9\r\n--out--\r\n\xe9"

// leaves are the decoded bodies of a message, through a parser that shares
// nothing with the writer.
func leaves(t testing.TB, raw []byte) (bodies []string) {
	t.Helper()
	e, err := message.Read(bytes.NewReader(raw))
	if err != nil && !message.IsUnknownCharset(err) {
		t.Fatal(err)
	}
	err = e.Walk(func(_ []int, e *message.Entity, err error) error {
		kind, _, _ := e.Header.ContentType()
		if strings.HasPrefix(kind, "multipart/") {
			return nil
		}
		if err != nil && !message.IsUnknownCharset(err) {
			return err
		}
		b, err := io.ReadAll(e.Body)
		bodies = append(bodies, string(b))
		if kind == "message/rfc822" {
			bodies = append(bodies[:len(bodies)-1], leaves(t, b)...)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bodies
}

func sevenBits(t testing.TB, raw string) string {
	t.Helper()
	var b bytes.Buffer
	if err := Encode7Bit(strings.NewReader(raw), &b); err != nil {
		t.Fatal(err)
	}
	if isEightBit(b.Bytes()) {
		t.Fatalf("bytes above 127 are left in %q", b.String())
	}
	return b.String()
}

func TestSevenBitOfEveryPart(t *testing.T) {
	want := strings.NewReplacer(
		"boundary=out\r\nContent-Transfer-Encoding: 8bit\r\n", "boundary=out\r\nContent-Transfer-Encoding: 7bit\r\n", "pré", "pr?", "épilogue", "?pilogue", "\r\n\xe9\r\n--out--\r\n\xe9", "",
		"Content-Transfer-Encoding: 8bit\r\nX-After: 1\r\n\r\nGrüße = \t\r\n.\r\nFrom me \r\n", "X-After: 1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe =3D =09\r\n.\r\nFrom me=20\r\n",
		"text/html; charset=utf-8\r\n\r\n<p>ü", "text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>=C3=BC",
		"message/rfc822\r\nContent-Transfer-Encoding: 8bit", "message/rfc822\r\nContent-Transfer-Encoding: 7bit",
		"Content-Transfer-Encoding: binary\r\n\r\nna\xefve \xff", "Content-Transfer-Encoding: quoted-printable\r\n\r\nna=EFve =FF",
	).Replace(eightBitMail)
	want += "Content-Transfer-Encoding: quoted-printable\r\n\r\n=E9\r\n--out--\r\n?"
	if d := cmp.Diff(want, sevenBits(t, eightBitMail)); d != "" {
		t.Error(d)
	}
}

func TestSevenBitReadsBack(t *testing.T) {
	after := sevenBits(t, eightBitMail)
	if d := cmp.Diff(leaves(t, []byte(eightBitMail)), leaves(t, []byte(after))); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(after, sevenBits(t, after)); d != "" {
		t.Errorf("what is 7bit changed: %s", d)
	}
}

func TestSevenBitOfAMessageWithoutMIME(t *testing.T) {
	for in, want := range map[string]string{
		"From: a@b.c\r\n\r\né":       "From: a@b.c\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9",
		"MIME-Version:\r\n\r\né\r\n": "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n",
		"\r\né\r\n":                  "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n",
		"MIME-Version: 1.0\r\nContent-Transfer-Encoding:\r\n 8bit\r\n\r\né ": "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9=20",
	} {
		if got := sevenBits(t, in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Only lines of multiparts that are open end a part, also with blanks behind them.
func TestSevenBitEndsPartsWhereTheyEnd(t *testing.T) {
	const in = "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n" +
		"--i \t\r\n\r\né\r\n--i-- \r\n--i\r\n\r\né\r\n--o\r\n\r\n--i\r\nX: é\r\n--o-- \r\n"
	const want = "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n" +
		"--i \t\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n--i-- \r\n--i\r\n\r\n?\r\n" +
		"--o\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n--i\r\nX: =C3=A9\r\n--o-- \r\n"
	if d := cmp.Diff(want, sevenBits(t, in)); d != "" {
		t.Error(d)
	}
}

func TestSevenBitLeavesWhatIsSevenBit(t *testing.T) {
	for _, in := range []string{
		"", "\r\n", "From: a@b.c", "From: a@b.c\r\n\r\nplain\r\n", "From: a@b.c\r\nContent-Transfer-Encoding: 8bit\r\n\r\nplain = \r\n",
		"From: a@b.c\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\nx \r\n--b--\r\n",
		"nonsense\r\n\r\nx", rawMixed,
	} {
		c, err := SevenBit(Bytes(in))
		if b, ok := c.(Bytes); err != nil || !ok || string(b) != in {
			t.Errorf("%.60q: %v %v", in, c, err)
		}
	}
}

func TestSevenBitRefuses(t *testing.T) {
	signed := func(kind, inner string) string {
		return "From: a@b.c\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/" + kind + "; boundary=b\r\n\r\n--b\r\n" + inner + "\r\n--b--\r\n--o--\r\n"
	}
	for in, want := range map[string]error{
		signed("signed", "\r\né"):    ErrSigned,
		signed("Encrypted", "\r\né"): ErrSigned,
		signed("signed", "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\né\r\n--c--"): ErrSigned,
		signed("signed", "Content-Type: message/rfc822\r\n\r\nFrom: x@y.z\r\n\r\né"):               ErrSigned,
		"From: é@b.c\r\n\r\nx": ErrEightBitHeader,
		signed("mixed", "Content-Disposition: x; filename=é\r\n\r\nx"):             ErrEightBitHeader,
		signed("mixed", "Content-Type: message/rfc822\r\n\r\nSubject: é\r\n\r\nx"): ErrEightBitHeader,
		"Content-Transfer-Encoding: base64\r\n\r\né":                               errMislabelled,
		"Content-Transfer-Encoding: x-uuencode\r\n\r\né":                           errMislabelled,
		"\r\né\rx\r\n": errBareLineEnd,
		"\r\né\nx\r\n": errBareLineEnd,
	} {
		var b bytes.Buffer
		if err := Encode7Bit(strings.NewReader(in), &b); !errors.Is(err, want) || b.Len() > 0 {
			t.Errorf("%.120q: %v, want %v; wrote %q", in, err, want, b.String())
		}
	}
	long := "\r\n" + strings.Repeat("é", maxReadLine)
	if err := Encode7Bit(strings.NewReader(long), io.Discard); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
}

// broken is content that fails where it is told to.
type broken struct {
	Bytes
	opens int // that succeed
}

func (b *broken) Open() (io.ReadCloser, error) {
	if b.opens--; b.opens < 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return io.NopCloser(io.MultiReader(bytes.NewReader(b.Bytes), iotest.ErrReader(io.ErrClosedPipe))), nil
}

func TestSevenBitTellsReadErrors(t *testing.T) {
	if _, err := SevenBit(&broken{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if _, err := SevenBit(&broken{Bytes: Bytes("\r\né\r\n"), opens: 1}); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	if err := Encode7Bit(iotest.ErrReader(io.ErrClosedPipe), io.Discard); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	_, w := io.Pipe()
	w.CloseWithError(io.ErrShortWrite)
	if err := Encode7Bit(strings.NewReader("\r\né"), w); err == nil {
		t.Error("no error of the writer")
	}
}

// Content is what a transport opens several times, also at the same time.
func TestSevenBitContentOpensAgain(t *testing.T) {
	c, err := SevenBit(Bytes(eightBitMail))
	if err != nil {
		t.Fatal(err)
	}
	first, _ := c.Open()
	second, _ := c.Open()
	a, err := io.ReadAll(iotest.OneByteReader(first))
	b, err2 := io.ReadAll(second)
	if err != nil || err2 != nil || int64(len(a)) != c.Size() || !bytes.Equal(a, b) || string(a) != sevenBits(t, eightBitMail) {
		t.Fatal(len(a), len(b), c.Size(), err, err2)
	}
	if first.Close() != nil || second.Close() != nil {
		t.Fatal("close")
	}
}

func FuzzSevenBit(f *testing.F) {
	f.Add([]byte(eightBitMail))
	f.Add([]byte(rawMixed))
	f.Add([]byte(attached("8bit", withFile("x"))))
	f.Add([]byte("From: a@b.c\n\né\n"))
	f.Add([]byte("From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX: 1\r\n\r\n\xff\r\n--b--\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, problems := CheckRaw(raw)
		if len(problems) > 0 {
			return
		}
		c, err := SevenBit(Bytes(r.Bytes))
		if err != nil {
			return
		}
		body, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(body)
		if err != nil || int64(len(out)) != c.Size() || isEightBit(out) {
			t.Fatalf("%v, %d of %d bytes: %q", err, len(out), c.Size(), out)
		}
		checkWireForm(t, out)
		again, problems := CheckRaw(out)
		if len(problems) > 0 || again.From != r.From || !cmp.Equal(again.Attachments, r.Attachments) {
			t.Fatalf("reads otherwise: %v\n%q\n%q", problems, r.Bytes, out)
		}
	})
}
