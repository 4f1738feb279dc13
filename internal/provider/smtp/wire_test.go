package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/textproto"
	"strings"
	"testing"

	"gatepost/internal/email"
)

func TestReadReply(t *testing.T) {
	for in, want := range map[string]reply{
		"250 2.1.0 OK\r\n":            {250, "2.1.0", "OK"},
		"250\r\n":                     {250, "", ""},
		"250 \r\n":                    {250, "", ""},
		"354 go\n":                    {354, "", "go"},
		"250-a\r\n250-b\r\n250 c\r\n": {250, "", "a\nb\nc"},
		"550-5.7.26 one\r\n550-5.7.26 two\r\n550 5.7.26 three\r\n": {550, "5.7.26", "one\ntwo\nthree"},
		"550-5.1.1 one\r\n550 5.7.1 two\r\n":                       {550, "5.1.1", "one\n5.7.1 two"},
		"550 3.1.1 no class\r\n":                                   {550, "", "3.1.1 no class"},
		"550 5.1 short\r\n":                                        {550, "", "5.1 short"},
		"550 5.1.1.1 long\r\n":                                     {550, "", "5.1.1.1 long"},
		"250 2.0.0\r\n":                                            {250, "2.0.0", ""},
	} {
		got, err := readReply(bufio.NewReaderSize(strings.NewReader(in), maxLine))
		if err != nil || got != want {
			t.Errorf("%q: %+v %v, want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{
		"hello\r\n", "25\r\n", "150 x\r\n", "650 x\r\n", "2x0 y\r\n", "250:x\r\n", "\r\n",
		"250-a\r\n251 b\r\n", "250-a\r\nb\r\n",
		"250 " + strings.Repeat("x", maxLine) + "\r\n",
		strings.Repeat("250-x\r\n", maxLines+1),
	} {
		if got, err := readReply(bufio.NewReaderSize(strings.NewReader(in), maxLine)); !errors.Is(err, errReply) {
			t.Errorf("%.40q: %+v %v, want no SMTP reply", in, got, err)
		}
	}
	for _, in := range []string{"", "250 x", "250-x\r\n"} {
		if _, err := readReply(bufio.NewReaderSize(strings.NewReader(in), maxLine)); !errors.Is(err, io.EOF) {
			t.Errorf("%q: %v, want the end", in, err)
		}
	}
}

func FuzzReadReply(f *testing.F) {
	f.Add([]byte("250-2.1.0 a\r\n250 2.1.0 b\r\n"))
	f.Add([]byte("550 5.1.1\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := readReply(bufio.NewReaderSize(bytes.NewReader(b), maxLine))
		if err == nil && (r.code < 200 || r.code > 599 || len(r.words()) > 512) {
			t.Errorf("%q: %+v", b, r)
		}
	})
}

// FuzzBody: what goes over the wire is read back by the standard library's reader
// of DATA as the very content, holds no bare CR or LF, and ends at our dot and
// nowhere before, however it is cut into blocks.
func FuzzBody(f *testing.F) {
	f.Add([]byte("A: b\r\n\r\n.\r\n..x\r\nend"), 3)
	f.Add([]byte("\r\n.\r\n"), 1)
	f.Add([]byte("x\n.\n"), 2)
	f.Add([]byte("\r"), 1)
	f.Fuzz(func(t *testing.T, content []byte, size int) {
		var st stuffer
		var out []byte
		var err error
		for rest := content; len(rest) > 0 && err == nil; {
			n := min(max(size, 1), len(rest))
			out, err = st.add(out, rest[:n])
			rest = rest[n:]
		}
		if err == nil {
			out, err = st.end(out)
		}
		b, problem := prepare(email.Bytes(content))
		if (err == nil) != (problem == nil) {
			t.Fatalf("in blocks: %v, at once: %v", err, problem)
		}
		if err != nil {
			if errors.Is(err, errBareLine) && !bare(content) {
				t.Errorf("%q has no bare CR or LF", content)
			}
			return
		}
		defer b.done()
		if !bytes.Equal(out, b.whole) {
			t.Fatalf("in blocks %q, at once %q", out, b.whole)
		}
		if bare(out) {
			t.Errorf("bare CR or LF on the wire: %q", out)
		}
		in := bufio.NewReader(bytes.NewReader(append(out, "NEXT"...)))
		back, err := io.ReadAll(textproto.NewReader(in).DotReader())
		rest, _ := io.ReadAll(in)
		want := bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
		if len(want) > 0 && !bytes.HasSuffix(want, []byte("\n")) {
			want = append(want, '\n')
		}
		if err != nil || !bytes.Equal(back, want) || string(rest) != "NEXT" {
			t.Errorf("%q is read back as %q, then %q (%v)", content, back, rest, err)
		}
	})
}

func bare(b []byte) bool {
	return bytes.ContainsAny(bytes.ReplaceAll(b, []byte("\r\n"), nil), "\r\n")
}
