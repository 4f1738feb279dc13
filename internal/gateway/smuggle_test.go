package gateway

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// segments is the server's end of a connection whose client decides what comes in one
// read: a pipe keeps each write apart, as TCP does only by chance.
type segments struct {
	net.Conn
	from string
	said chan struct{} // closed when the server says no more
	once sync.Once
}

func (s *segments) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(s.from), 1))
}

func (s *segments) CloseWrite() error {
	s.once.Do(func() { close(s.said) })
	return nil
}

func (s *segments) Close() error {
	_ = s.CloseWrite()
	return s.Conn.Close()
}

// say talks to the door in the parts that are given, without waiting for answers, and
// tells all that it said up to its end.
func (w *world) say(from string, parts ...string) string {
	w.t.Helper()
	client, server := net.Pipe()
	s := &segments{Conn: server, from: from, said: make(chan struct{})}
	go w.Server.serve(s, Open)
	go func() {
		for _, p := range parts {
			if _, err := io.WriteString(client, p); err != nil {
				return
			}
		}
	}()
	go func() { <-s.said; client.Close() }()
	_ = client.SetReadDeadline(time.Now().Add(20 * time.Second))
	all, err := io.ReadAll(client)
	if err != nil && err != io.ErrClosedPipe {
		w.t.Fatalf("the connection goes on after %q", all)
	}
	return string(all)
}

const (
	strict    = "127.0.0.9"
	repairing = "127.0.0.10"
)

// repairs is a world with a device of each kind, which need no login.
func repairs(t *testing.T) *world {
	return newWorld(t, folder(t), func(c *Config) {
		c.Trusted = []Trusted{{netip.MustParsePrefix("127.0.0.0/8"), "office@acme.example"}}
		c.Repair = []netip.Prefix{netip.MustParsePrefix(repairing + "/32")}
		c.Limits.TrustedRate, c.Recognise = 1_000_000, true
	})
}

// ends are the ends of a message that some server somewhere takes for one, and others
// do not. The first word is what of a strict server: one message that is kept, one that
// is refused, or a connection that ends.
var ends = []struct{ name, bytes, strict string }{
	{"lflf", "\n.\n", "550 5.6.11"},
	{"crcr", "\r.\r", "550 5.6.11"},
	{"crlf", "\r.\n", "550 5.6.11"},
	{"lfcr", "\n.\r", "550 5.6.11"},
	{"lfcrlf", "\n.\r\n", "550 5.6.11"},
	{"crlflf", "\r\n.\n", "550 5.6.11"},
	{"crcrlf", "\r.\r\n", "550 5.6.11"},
	{"crlfcr", "\r\n.\r", "550 5.6.11"},
	{"crlfcrcrlf", "\r\n.\r\r\n", "550 5.6.11"},
	{"crcrlfcrlf", "\r\r\n.\r\n", "550 5.6.11"},
	{"lflfcrlf", "\n\n.\r\n", "550 5.6.11"},
	{"crlflfcrlf", "\r\n.\n\r\n", "550 5.6.11"},
	{"lfdotdot", "\n..\r\n", "550 5.6.11"},
	{"nullbefore", "\r\n\x00.\r\n", "550 5.6.0"},
	{"nullafter", "\r\n.\x00\r\n", "550 5.6.0"},
	{"nullbetween", "\r\n.\r\x00\n", "550 5.6.11"},
	{"nullcrlf", "\r\x00\n.\r\n", "550 5.6.11"},
	{"stuffed", "\r\n..\r\n", "250 2.0.0 kept as"},
	{"space after", "\r\n. \r\n", "250 2.0.0 kept as"},
	{"space before", "\r\n .\r\n", "250 2.0.0 kept as"},
	{"nel", "\r\n.\xc2\x85", "250 2.0.0 kept as"},
	{"ls", "\xe2\x80\xa8.\xe2\x80\xa8", "250 2.0.0 kept as"},
	{"vt", "\r\n.\x0b\x0c", "250 2.0.0 kept as"},
}

const (
	before   = "HELO x\r\nMAIL FROM:<office@acme.example>\r\nRCPT TO:<bob@example.com>\r\n"
	smuggled = "MAIL FROM:<office@acme.example>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n" +
		"From: office@acme.example\r\nTo: victim@example.com\r\n\r\nsmuggled\r\n.\r\n"
	first = "From: office@acme.example\r\nTo: bob@example.com\r\nMessage-ID: <1@x>\r\n\r\nfirst"
)

// lines are the last lines of all answers from the one to DATA on.
func afterData(said string) (answers []string) {
	_, rest, _ := strings.Cut(said, "\r\n354 ")
	for l := range strings.SplitSeq(rest, "\r\n") {
		if len(l) > 3 && l[3] == ' ' && l[0] >= '2' && l[0] <= '5' {
			answers = append(answers, l)
		}
	}
	return answers
}

// cuts are ways to cut a text in segments: none, in two at each place around where the
// trick is (and at some others), in three around each byte of it, and in single bytes.
func cuts(text string, at, length int) (ways [][]string) {
	ways = append(ways, []string{text})
	for i := 1; i < len(text); i++ {
		if i >= at-2 && i <= at+length+8 || i%37 == 0 {
			ways = append(ways, []string{text[:i], text[i:]})
		}
	}
	for i := at; i < at+length; i++ {
		ways = append(ways, []string{text[:i], text[i : i+1], text[i+1:]})
	}
	return append(ways, strings.Split(text, ""))
}

// However it comes in, what a client sends as one message is one or none, and nothing
// behind it is read as a command.
func TestSmuggling(t *testing.T) {
	w := repairs(t)
	for _, end := range ends {
		text := first + end.bytes + smuggled
		for i, parts := range cuts(text, len(first), len(end.bytes)) {
			said := w.say(strict, append([]string{before, "DATA\r\n"}, append(parts, "QUIT\r\n")...)...)
			got := afterData(said)
			if len(got) == 0 || !strings.HasPrefix(got[0], end.strict) {
				t.Fatalf("%s, cut %d: %q", end.name, i, got)
			}
			if rest := got[1:]; end.strict == "550 5.6.11" && len(rest) != 0 || end.strict != "550 5.6.11" && (len(rest) != 1 || !strings.HasPrefix(rest[0], "221")) {
				t.Fatalf("%s, cut %d, goes on: %q", end.name, i, got)
			}
		}
	}
	w.noneSmuggled()
}

// A listed device gets its message through, if it can be read as one; never two.
func TestSmugglingWhereLinesAreRepaired(t *testing.T) {
	w := repairs(t)
	for _, end := range ends {
		text := first + end.bytes + smuggled
		for i, parts := range cuts(text, len(first), len(end.bytes)) {
			said := w.say(repairing, append([]string{before, "DATA\r\n"}, append(parts, "QUIT\r\n")...)...)
			got := afterData(said)
			if len(got) != 2 || !strings.HasPrefix(got[0], "250 2.0.0 kept as") && !strings.HasPrefix(got[0], "550 5.6.0") {
				t.Fatalf("%s, cut %d: %q", end.name, i, got)
			}
			if !strings.HasPrefix(got[1], "221 ") && !strings.HasPrefix(got[1], "421 4.7.0 the message before had an end that is not CR LF") {
				t.Fatalf("%s, cut %d, goes on: %q", end.name, i, got)
			}
		}
	}
	w.noneSmuggled()
}

// noneSmuggled sends a last message, and looks at whom the ones before have reached.
func (w *world) noneSmuggled() {
	w.t.Helper()
	last := strings.ReplaceAll(first, "first", "last")
	if got := afterData(w.say(strict, before, "DATA\r\n", last+"\r\n.\r\nQUIT\r\n")); len(got) != 2 || got[0][:3] != "250" {
		w.t.Fatalf("a proper message: %q", got)
	}
	for n := 1; ; n++ {
		letters := w.letters(n)
		for _, l := range letters {
			if strings.Join(l.env.Recipients, " ") != "bob@example.com" {
				w.t.Fatalf("a message has reached %v", l.env.Recipients)
			}
		}
		if strings.Contains(letters[n-1].raw, "last") {
			return
		}
	}
}

// A device may end lines and its message with LF alone, say QUIT, and come again.
func TestDeviceWithBareLF(t *testing.T) {
	w := repairs(t)
	script := strings.ReplaceAll(before+"DATA\r\n", "\r\n", "\n")
	for i, end := range []string{"\n.\n", "\n.\r\n", "\r\n.\r\n"} {
		body := strings.ReplaceAll(first, "1@x", fmt.Sprint(i, "@x"))
		got := afterData(w.say(repairing, script, strings.ReplaceAll(body, "\r\n", "\n")+end, "QUIT\n"))
		if len(got) != 2 || got[0][:3] != "250" || got[1][:3] != "221" {
			t.Errorf("%q: %q", end, got)
		}
	}
	for _, l := range w.letters(3) {
		if strings.Contains(strings.ReplaceAll(l.raw, "\r\n", ""), "\n") || !strings.HasSuffix(l.raw, "\r\n\r\nfirst\r\n") {
			t.Errorf("left as %q", l.raw)
		}
	}
}

// Commands end with CR LF, and hide none: a CR or LF within one ends the connection.
func TestSmuggledCommands(t *testing.T) {
	w := repairs(t)
	for _, line := range []string{"NOOP\nNOOP\r\n", "NOOP\rNOOP\r\n", "NOOP\r\r\n", "NOOP\n\r\n", "NOOP\n", "\rNOOP\r\n", "MAIL FROM:<a@acme.example>\nRCPT TO:<b@example.com>\r\n"} {
		for i := range len(line) {
			said := w.say(strict, "HELO x\r\n", line[:i], line[i:], "VRFY x\r\n")
			if n := strings.Count(said, "\r\n"); n != 3 || !strings.Contains(said, "\r\n500 5.5.2 a line has to end with CR LF") {
				t.Errorf("%q cut at %d: %q", line, i, said)
			}
		}
	}
	// What comes together with DATA was written by somebody who did not wait for its answer.
	for i := range len("DATA\r\n") {
		text := "DATA\r\n" + first + "\r\n.\r\n"
		said := w.say(strict, before+text[:i], text[i:])
		if strings.Contains(said, "\r\n354 ") || !strings.Contains(said, "503 5.5.0 the message may come only after the 354") {
			t.Errorf("cut at %d: %q", i, said)
		}
	}
}

// A chunk has the length that was announced: what looks like an end in it is none, and
// what lies behind it is no part of it.
func TestSmugglingInChunks(t *testing.T) {
	w := repairs(t)
	for _, end := range append(ends, struct{ name, bytes, strict string }{"proper", "\r\n.\r\n", "250 2.0.0 kept as"}) {
		body := first + end.bytes + smuggled
		for _, from := range []string{strict, repairing} {
			for _, parts := range cuts(body, len(first), len(end.bytes)) {
				said := w.say(from, append([]string{before, fmt.Sprintf("BDAT %d LAST\r\n", len(body))}, append(parts, "QUIT\r\n")...)...)
				lines := strings.Split(strings.TrimSuffix(said, "\r\n"), "\r\n")
				if len(lines) < 6 || lines[len(lines)-1][:3] != "221" || strings.Contains(said, "354") {
					t.Fatalf("%s from %s: %q", end.name, from, said)
				}
				want := end.strict
				if from == repairing && want == "550 5.6.11" {
					continue
				}
				if answer := lines[4]; !strings.HasPrefix(answer, want) && !strings.HasPrefix(answer, strings.Replace(want, " ", "-", 1)) {
					t.Fatalf("%s from %s: %q, want %s", end.name, from, lines, want)
				}
			}
		}
	}
	w.noneSmuggled()
}

// The same over TCP, in one segment and in as many as there are bytes.
func TestSmugglingOverTCP(t *testing.T) {
	w := repairs(t)
	for _, end := range ends {
		text := first + end.bytes + smuggled
		for _, parts := range [][]string{{text}, {first, end.bytes, smuggled}, strings.Split(text, "")} {
			c := w.dial(Open, strict)
			c.want("220")
			c.send(before + "DATA\r\n")
			for range 3 {
				c.want("250")
			}
			c.want("354")
			for _, p := range parts {
				_, _ = io.WriteString(c.conn, p)
			}
			if end.strict == "550 5.6.11" {
				if _, said := c.answer(); said != "" && !strings.HasPrefix(said, end.strict) { // it may be lost with the connection
					t.Fatalf("%s: %q", end.name, said)
				}
				c.gone()
				continue
			}
			if _, said := c.answer(); !strings.HasPrefix(said, end.strict) && !strings.HasPrefix(said, strings.Replace(end.strict, " ", "-", 1)) {
				t.Fatalf("%s: %q", end.name, said)
			}
			c.cmd("QUIT", "221")
			c.gone()
		}
	}
	w.noneSmuggled()
}
