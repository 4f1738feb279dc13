package gateway

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/control"
)

// ready is a client that has logged in and said an envelope.
func (w *world) ready() *talk {
	w.t.Helper()
	c := w.login()
	c.cmd("MAIL FROM:<ada@acme.example>", "250")
	c.cmd("RCPT TO:<bob@example.com>", "250")
	return c
}

// readyWith is ready with another key, named other.
func (w *world) readyWith(key string) *talk {
	w.t.Helper()
	c := w.hello(Implicit)
	c.cmd("AUTH PLAIN "+plainOf("other", key), "235")
	c.cmd("MAIL FROM:<ada@acme.example>", "250")
	c.cmd("RCPT TO:<bob@example.com>", "250")
	return c
}

// well tells whether a good client is served.
func (w *world) well() {
	w.t.Helper()
	began := time.Now()
	c := w.login()
	said := c.mail("ada@acme.example", []string{"bob@example.com"}, simple("ada@acme.example", "bob@example.com"))
	if !strings.HasPrefix(said, "250 ") {
		w.t.Errorf("a good client is told %q", said)
	}
	if took := time.Since(began); took > 15*time.Second {
		w.t.Errorf("a good client has waited %s", took)
	}
	c.cmd("QUIT", "221")
	c.conn.Close()
}

// empty waits until all connections have gone, and what they held has been given back.
func (w *world) empty() {
	w.t.Helper()
	var here int
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		w.crowd.mu.Lock()
		here = len(w.crowd.conns) + len(w.crowd.network) + w.crowd.last
		w.crowd.mu.Unlock()
		if here == 0 && w.bodies.held() == 0 {
			return
		}
	}
	w.t.Fatalf("connections remain: %d; of the room for messages %d are held", here, w.bodies.held())
}

// held is how much all messages on their way in hold.
func (b *budget) held() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// gone is ends, and the client's end of it.
func (t *talk) gone() {
	t.t.Helper()
	t.ends()
	t.conn.Close()
}

// until polls a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// allocated is how many bytes the process asks for while f runs: what a server keeps of
// what it reads is among them, however short it keeps it.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// pour sends the same bytes until the server ends it, and tells how many there were.
func (t *talk) pour(part []byte, most int64) (sent int64) {
	for sent < most {
		_ = t.conn.SetWriteDeadline(time.Now().Add(20 * time.Second))
		n, err := t.conn.Write(part)
		if sent += int64(n); err != nil {
			return sent
		}
	}
	return sent
}

// A line that does not end is ended by the server, wherever it stands, and costs no memory.
func TestEndlessLines(t *testing.T) {
	const four = 4 << 30
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.Size = 1 << 20 })
	plain := func() *talk { c := w.dial(StartTLS, "127.0.0.1"); c.want("220"); return c }
	for name, c := range map[string]struct {
		talk  func() *talk
		begin string
		want  string
		most  int64 // that the server may read, and what is on the way
	}{
		"first line":       {plain, "", "500 5.5.2 the line is too long", 16 << 20},
		"command":          {w.login, "NOOP ", "500 5.5.2 the line is too long", 16 << 20},
		"EHLO":             {plain, "EHLO ", "500 5.5.2 the line is too long", 16 << 20},
		"AUTH at once":     {func() *talk { return w.hello(Implicit) }, "AUTH PLAIN ", "500 5.5.2 the line is too long", 16 << 20},
		"AUTH when asked":  {func() *talk { c := w.hello(Implicit); c.cmd("AUTH LOGIN", "334"); return c }, "", "500 5.5.2 the line is too long", 16 << 20},
		"parameter":        {w.login, "MAIL FROM:<ada@acme.example> SIZE=", "500 5.5.2 the line is too long", 16 << 20},
		"header":           {func() *talk { c := w.ready(); c.cmd("DATA", "354"); return c }, "Subject: ", "552 5.3.4 ", 20 << 20},
		"body":             {func() *talk { c := w.ready(); c.cmd("DATA", "354"); return c }, simple("ada@acme.example", "bob@example.com"), "552 5.3.4 ", 20 << 20},
		"of dots":          {func() *talk { c := w.ready(); c.cmd("DATA", "354"); return c }, "..", "552 5.3.4 ", 20 << 20},
		"BDAT's number":    {w.ready, "BDAT 1", "500 5.5.2 the line is too long", 16 << 20},
		"where TLS begins": {func() *talk { c := plain(); c.cmd("EHLO x", "250"); c.cmd("STARTTLS", "220"); return c }, "", "", 16 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			talk, part := c.talk(), bytes.Repeat([]byte("1"), 256<<10)
			talk.send(c.begin)
			var sent int64
			took := allocated(func() { sent = talk.pour(part, four) })
			if sent > c.most || took > 16<<20 {
				t.Errorf("the server has let %d bytes come, and used %d", sent, took)
			}
			if _, said := talk.answer(); said != "" && !strings.HasPrefix(said, c.want) { // it may be lost with the connection
				t.Errorf("said %q", said)
			}
		})
	}
	w.empty()
	w.well()
}

// A line that is too long by little is told so, in words that arrive.
func TestLongLines(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	c := w.hello(StartTLS)
	c.cmd("NOOP "+strings.Repeat("x", maxCommand-7), "250")
	c.cmd("NOOP "+strings.Repeat("x", maxCommand-6), "500 5.5.2 the line is too long")
	c.gone()
	c = w.hello(Implicit)
	c.cmd("AUTH PLAIN", "334")
	c.cmd(strings.Repeat("A", maxLogin-2), "501 5.5.2")
	c.cmd("AUTH PLAIN", "334")
	c.cmd(strings.Repeat("A", maxLogin-1), "500 5.5.2 the line is too long")
	c.gone()
}

// NUL is nowhere taken.
func TestNUL(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	for _, line := range []string{"\x00", "NOOP \x00", "\x00NOOP", "MAIL FROM:<a\x00@acme.example>", "NOOP\x00\r\nNOOP"} {
		c := w.login()
		c.cmd(line, "500 5.5.2 a line has to end with CR LF, and may have no other CR, LF or NUL in it")
		c.gone()
	}
	for _, raw := range []string{
		"From: ada@acme.example\r\nTo: bob@example.com\r\nSubject: a\x00b\r\n\r\nx\r\n",
		"From: ada@acme.example\r\nTo: bob@example.com\r\n\r\nx\x00\r\n",
		"\x00From: ada@acme.example\r\nTo: bob@example.com\r\n\r\nx\r\n",
	} {
		c := w.login()
		if said := c.mail("ada@acme.example", []string{"bob@example.com"}, raw); !strings.HasPrefix(said, "550") {
			t.Errorf("%q: %q", raw, said)
		}
		c.cmd("NOOP", "250")
	}
	c := w.hello(Implicit)
	c.cmd("AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00shop\x00"+w.key+"\x00")), "501")
}

// 100,000 recipients: so many as a message may have are taken, ten times as many are refused,
// then the connection ends.
func TestTooManyRecipients(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	c := w.login()
	c.cmd("MAIL FROM:<ada@acme.example>", "250")
	codes := map[string]int{}
	used := allocated(func() {
		go func() {
			for i := 0; i < 100_000; i += 100 {
				var b strings.Builder
				for j := range 100 {
					fmt.Fprintf(&b, "RCPT TO:<r%d@example.com>\r\n", i+j)
				}
				if _, err := io.WriteString(c.conn, b.String()); err != nil {
					return
				}
			}
		}()
		for {
			_, said := c.answer()
			if len(said) < 9 {
				break
			}
			codes[said[:9]]++
		}
	})
	if codes["250 2.1.5"] != 1000 || codes["452 4.5.3"] != 10_000 || codes["421 4.7.0"] != 1 {
		t.Errorf("answers: %v", codes)
	}
	if used > 64<<20 { // of 11,000 commands and answers
		t.Errorf("that has used %d bytes", used)
	}
	w.empty()
	w.well()
}

// What is over the limit is refused for now, and the rest goes: clients that know
// RFC 5321 section 4.5.3.1.10 send it in another message.
func TestRecipientsOverTheLimit(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.Recipients, c.Limits.Errors = 2, 3 })
	c := w.ready()
	c.cmd("RCPT TO:<eve@example.com>", "250")
	for range 5 {
		c.cmd("RCPT TO:<more@example.com>", "452 4.5.3 at most 2 recipients")
	}
	c.cmd("DATA", "354")
	c.cmd(simple("ada@acme.example", "bob@example.com")+".", "250 2.0.0 kept as")
	if got := w.letters(1)[0].env.Recipients; len(got) != 2 {
		t.Errorf("left to %v", got)
	}
	c.cmd("MAIL FROM:<>", "250")
	c.cmd("RCPT TO:<>", "553 5.1.3 <> is nobody")
	for _, to := range []string{"bob", "eve"} {
		c.cmd("RCPT TO:<"+to+"@example.com>", "250")
	}
	for range 20 {
		c.cmd("RCPT TO:<more@example.com>", "452 4.5.3 at most 2 recipients")
	}
	c.want("421 4.7.0 too many recipients over the limit")
	c.gone()
}

// Before a login nothing but a login is done, whatever comes together with it.
func TestNothingBeforeLogin(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	for _, mode := range []Mode{StartTLS, Implicit} {
		c := w.hello(mode)
		c.send("MAIL FROM:<ada@acme.example>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n" + simple("ada@acme.example", "bob@example.com") + ".\r\n")
		c.want("530 5.7.0")
		c.want("503 5.5.1")
		c.want("503 5.5.1")
		for range 6 { // lines of the message
			c.want("500 5.5.1 unknown command")
		}
		c.cmd("BDAT 5 LAST\r\nNOOP ", "503 5.5.1")
		c.gone()
	}
	c := w.hello(StartTLS)
	for range 3 {
		c.cmd("AUTH PLAIN "+plainOf("shop", w.key), "538 5.7.11")
	}
	c.cmd("MAIL FROM:<ada@acme.example>", "530")
	if n := w.taken; len(n) != 0 {
		t.Errorf("%d messages have left", len(n))
	}
}

// What a client says that has not logged in does not keep its connection alive for
// longer than a login may take; its place can be taken meanwhile.
func TestChunksBeforeLoginEndTheConnection(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	for _, announced := range []string{"0", "1", "36700160", "9223372036854775807"} {
		c := w.hello(Implicit)
		c.cmd("BDAT "+announced, "503 5.5.1")
		c.gone()
	}
	w.empty()
}

// BDAT of any number, at any time: an answer, and no memory for what is only announced.
func TestChunksAbused(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.Size = 1 << 20 })
	for arg, want := range map[string]string{
		"":                          "501 5.5.4",
		"-1":                        "501 5.5.4",
		"-9223372036854775808":      "501 5.5.4",
		"+1":                        "501 5.5.4",
		"01":                        "501 5.5.4",
		"0x10":                      "501 5.5.4",
		"1 2":                       "501 5.5.4",
		"1 LAST LAST":               "501 5.5.4",
		"LAST":                      "501 5.5.4",
		"9223372036854775808":       "501 5.5.4",
		"99999999999999999999 LAST": "501 5.5.4",
		"1048577":                   "552 5.3.4",
		"4294967296 LAST":           "552 5.3.4",
		"9223372036854775807":       "552 5.3.4",
	} {
		for _, before := range []string{"", "BDAT 5\r\nhello"} {
			c := w.ready()
			if before != "" {
				c.send(before)
				c.want("250 2.0.0 5 bytes")
			}
			if said := c.cmd("BDAT "+arg+"\r\nNOOP", ""); !strings.HasPrefix(said, want) {
				t.Errorf("BDAT %s after %q: %q", arg, before, said)
			}
			c.gone() // what follows cannot be told from what was announced
		}
	}
	w.empty()
	w.well()
}

// Chunks that come all the same are read and thrown away, up to the end that they have
// announced; a refused message stays refused.
func TestChunksAfterARefusal(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.Size = 1000 })
	c := w.login()
	c.send("BDAT 6\r\nNOOP\r\nBDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<ada@acme.example>\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n")
	for _, want := range []string{"503 5.5.1", "503 5.5.1", "250 2.1.0", "554 5.5.1 no recipient", "554 5.5.1 no recipient"} {
		c.want(want)
	}
	c.cmd("RSET", "250")
	c.cmd("MAIL FROM:<ada@acme.example>", "250")
	c.cmd("RCPT TO:<bob@example.com>", "250")
	c.send("BDAT 600\r\n" + strings.Repeat("x", 600) + "BDAT 600\r\n" + strings.Repeat("NOOP\r\n", 100) + "BDAT 0 LAST\r\n")
	c.want("250 2.0.0 600 bytes")
	c.want("552 5.3.4")
	c.want("552 5.3.4")
	c.cmd("MAIL FROM:<ada@acme.example>", "250")
	c.cmd("RCPT TO:<bob@example.com>", "250")
	c.send("BDAT 5\r\nhello")
	c.want("250")
	c.cmd("DATA", "503 5.5.1 the message has begun with BDAT")
	c.cmd("RSET", "250")
	if len(w.taken) != 0 {
		t.Error("something was taken")
	}
}

// What was announced and sent is never more in memory than a message may be, and what
// all clients hold together is bounded: the others are told to come again.
func TestRoomForMessages(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.Size, c.Limits.Bodies = 1<<20, 2<<20 })
	part := strings.Repeat("x", 1<<20-200)
	var holders []*talk
	for range 2 {
		c := w.readyWith(w.newKey(control.NewKey{Name: "other", Scopes: []string{access.ScopeMessagesSend}}))
		c.send("BDAT " + strconv.Itoa(len(part)) + "\r\n" + part)
		c.want("250")
		holders = append(holders, c)
	}
	late := w.ready()
	late.send("BDAT " + strconv.Itoa(len(part)) + " LAST\r\n" + part)
	late.want("452 4.3.1 too much mail is being taken")
	late.cmd("MAIL FROM:<ada@acme.example>", "250")
	late.cmd("RCPT TO:<bob@example.com>", "250")
	late.cmd("DATA", "354")
	late.cmd(part+"\r\n.", "452 4.3.1")
	if used := w.bodies.held(); used > 2<<20 {
		t.Errorf("%d bytes are held", used)
	}
	holders[0].cmd("QUIT", "221")
	holders[1].conn.Close()
	late.conn.Close()
	w.empty()
	w.well()
}

// One key, and one client without a login, has half of the room at most: the others go on.
func TestRoomOfOneSender(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.Size, c.Limits.Bodies = 1<<20, 4<<20 })
	device := func() *talk {
		c := w.dial(Open, "127.0.0.9")
		c.want("220")
		c.cmd("HELO nas", "250")
		c.cmd("MAIL FROM:<>", "250")
		c.cmd("RCPT TO:<bob@example.com>", "250")
		return c
	}
	part := "BDAT 1000000\r\n" + strings.Repeat("x", 1_000_000)
	var holders []*talk
	for _, ready := range []func() *talk{w.ready, device} {
		for range 2 {
			c := ready()
			c.cmd(part, "250") // and an empty command, which is wrong
			holders = append(holders, c)
		}
		c := ready()
		c.send(part)
		c.want("452 4.3.1 too much mail of this key or client")
		c.conn.Close()
		if len(holders) == 2 {
			other := w.readyWith(w.newKey(control.NewKey{Name: "other", Scopes: []string{access.ScopeMessagesSend}}))
			other.send(part)
			other.want("250")
			other.conn.Close()
			until(t, "it is given back", func() bool { return w.bodies.held() <= 2<<20 })
		}
	}
	for _, c := range holders {
		c.conn.Close()
	}
	w.empty()
	if n := len(w.bodies.by); n != 0 {
		t.Errorf("%d senders are remembered", n)
	}
}

// Where there is little memory, one message of the size that is announced is taken.
func TestRoomForTheLargestMessage(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.Size, c.Memory = 1<<20, 1<<20 })
	head := simple("ada@acme.example", "bob@example.com")
	for range 2 { // what the first held has been given back
		said := w.login().mail("ada@acme.example", []string{"bob@example.com"}, head+strings.Repeat(strings.Repeat("x", 62)+"\r\n", (1<<20-len(head))/64))
		if !strings.HasPrefix(said, "250 ") {
			t.Errorf("said %q", said)
		}
	}
}

// A message has a time for all of it, however steadily it comes: between its chunks, too.
func TestMessageThatTakesTooLong(t *testing.T) {
	for name, begin := range map[string]string{"lines": "DATA\r\n", "a chunk": "BDAT 1000000\r\n", "commands": "BDAT 1\r\nx"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, folder(t), func(c *Config) { c.Limits.Whole, c.Limits.IdleCommands = 500*time.Millisecond, 1_000_000 })
			c, stop := w.ready(), make(chan struct{})
			c.send(begin)
			go drip(c.conn, "NOOP\r\n", stop)
			_, said := c.answer()
			for said != "" && said[0] < '4' {
				_, said = c.answer()
			}
			close(stop)
			if !strings.HasPrefix(said, "421 4.4.2 a message may take 500ms") {
				t.Errorf("said %q", said)
			}
			c.conn.Close()
			w.empty()
		})
	}
}

// Whoever sends a large message that is refused in its midst sends it all before he listens,
// and hears why all the same; it costs no memory, and it ends.
func TestRefusalIsHeardBehindALargeMessage(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.Size = 32 << 20 })
	head := simple("ada@acme.example", "bob@example.com")
	part := []byte(strings.Repeat("x", 62) + "\r\n")
	for name, c := range map[string]struct{ begin, want string }{
		"a bare LF": {"DATA\r\n" + head + "bare\n", "550 5.6.11 "},
		"too soon":  {"DATA\r\n" + head, "503 5.5.0 "},
		"too large": {"BDAT 99999999\r\n", "552 5.3.4 "},
	} {
		t.Run(name, func(t *testing.T) {
			talk := w.ready()
			used := allocated(func() {
				begin := c.begin
				if rest, ok := strings.CutPrefix(begin, "DATA\r\n"); ok && name != "too soon" {
					talk.cmd("DATA", "354")
					begin = rest
				}
				talk.send(begin)
				if sent := talk.pour(bytes.Repeat(part, 1024), 20<<20); sent < 20<<20 {
					t.Errorf("cut after %d bytes", sent)
				}
			})
			talk.want(c.want)
			talk.gone()
			if used > 8<<20 {
				t.Errorf("that has used %d bytes", used)
			}
		})
	}
	talk := w.ready()
	talk.cmd("DATA", "354")
	talk.send("bare\n")
	if sent := talk.pour(part, 1<<30); sent > 80<<20 {
		t.Errorf("%d bytes were read", sent)
	}
	talk.conn.Close()
	w.empty()
}

// What a message held is given back however its connection ends.
func TestRoomIsGivenBack(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.Size = 1 << 20; c.Limits.IdleCommands, c.Limits.Recipients = 20, 1 })
	for name, end := range map[string]func(*talk){
		"QUIT":           func(c *talk) { c.cmd("QUIT", "221") },
		"cut":            func(c *talk) { c.conn.Close() },
		"a bare LF":      func(c *talk) { c.cmd("NOOP\nNOOP", "500") },
		"HTTP":           func(c *talk) { c.cmd("GET / HTTP/1.1", "554") },
		"RSET":           func(c *talk) { c.cmd("RSET", "250"); c.conn.Close() },
		"EHLO":           func(c *talk) { c.cmd("EHLO x", "250"); c.conn.Close() },
		"too large":      func(c *talk) { c.cmd("BDAT 99999999", "552") },
		"no number":      func(c *talk) { c.cmd("BDAT x", "501") },
		"cut in a chunk": func(c *talk) { c.send("BDAT 1000\r\nx"); c.conn.Close() },
		"mistakes": func(c *talk) {
			c.send(strings.Repeat("X\r\n", 20))
			c.conn.(interface{ CloseWrite() error }).CloseWrite()
		},
		"commands": func(c *talk) {
			c.send(strings.Repeat("NOOP\r\n", 30))
			c.conn.(interface{ CloseWrite() error }).CloseWrite()
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.ready()
			c.send("BDAT 100000\r\n" + strings.Repeat("x", 100_000))
			c.want("250")
			if w.bodies.held() == 0 {
				t.Fatal("nothing is counted")
			}
			end(c)
			began := time.Now()
			until(t, "it is given back", func() bool { return w.bodies.held() == 0 })
			if took := time.Since(began); took > lastWords*3/4 {
				t.Errorf("it was held for %s more", took)
			}
			c.conn.Close()
			w.empty()
		})
	}
}

// STARTTLS forgets what came with it, and a login that came before it is not taken over.
func TestSTARTTLSInjection(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Plain = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")} })
	for _, more := range []string{"NOOP\r\n", "EHLO evil\r\nMAIL FROM:<ada@acme.example>\r\n", "N", "\r\n", "\x16\x03\x01", "AUTH PLAIN " + plainOf("shop", w.key) + "\r\n"} {
		c := w.hello(StartTLS)
		c.cmd("STARTTLS\r\n"+strings.TrimSuffix(more, "\r\n"), "554 5.5.0 nothing may be sent together with STARTTLS")
		c.gone()
	}
	// Behind the 220 it is TLS or nothing: what is not is never read as a command.
	c := w.hello(StartTLS)
	c.cmd("STARTTLS", "220")
	c.send("EHLO evil\r\nMAIL FROM:<ada@acme.example>\r\n")
	if _, said := c.answer(); strings.Contains(said, "250") {
		t.Errorf("a command in the clear is answered: %q", said)
	}
	// In the same record as the last of the handshake is not in the clear: it is the client's.
	c = w.hello(StartTLS)
	c.startTLS(w.client)
	c.cmd("MAIL FROM:<ada@acme.example>", "503 5.5.1 say EHLO first")
	c.cmd("EHLO x", "250")
	c.cmd("STARTTLS\r\nNOOP", "503 5.5.1 TLS has begun already")
	c.want("250 2.0.0 yes")
	// Somebody in between logs in first, and lets the victim begin TLS on it.
	c = w.dial(StartTLS, "127.0.0.2")
	c.want("220")
	c.cmd("EHLO x", "250")
	c.cmd("AUTH PLAIN "+plainOf("shop", w.key), "235")
	c.cmd("STARTTLS", "503 5.5.1 TLS begins before the login")
	w.well()
}

// Nothing that is no SMTP is taken for it.
func TestOtherProtocols(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	smtp := "HELO x\r\nMAIL FROM:<a@acme.example>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n" + simple("office@acme.example", "bob@example.com") + ".\r\n"
	for _, method := range []string{"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE"} {
		for _, mode := range []Mode{StartTLS, Open} { // there without a login: a browser behind it must not send
			c := w.dial(mode, "127.0.0.9")
			c.want("220")
			c.cmd(method+" / HTTP/1.1\r\nHost: mail\r\nContent-Length: 999\r\n\r\n"+smtp, "554 5.5.1 this is SMTP, not HTTP")
			c.gone()
		}
	}
	c := w.dial(StartTLS, "127.0.0.1")
	c.want("220")
	c.send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03no line ends here")
	c.want("554 5.5.1 this port begins in the clear: choose STARTTLS")
	c.gone()
	for _, garbage := range []string{"EHLO x\r\n", "\x16\x03\x01\xff\xff", "\x00\x00\x00\x00\x00\x00", "\x80\x2e\x01\x00\x02" + strings.Repeat("\xff", 100)} {
		raw, err := net.Dial("tcp", w.at[Implicit])
		must(t, err)
		_, err = io.WriteString(raw, garbage)
		must(t, err)
		_ = raw.(*net.TCPConn).CloseWrite()
		_ = raw.SetReadDeadline(time.Now().Add(10 * time.Second))
		if b, err := io.ReadAll(raw); bytes.Contains(b, []byte("220")) || err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%q: %q, %v", garbage, b, err)
		}
		raw.Close()
	}
	if len(w.taken) != 0 {
		t.Error("something was taken")
	}
	w.empty()
	w.well()
}

// Garbage that comes without waiting for answers: each line has one answer, until there
// are too many.
func TestGarbage(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	for _, line := range []string{"", " ", "X", "\xff\xfe\xfd", "MAIL", "MAIL FROM", "MAIL FROM:", "RCPT TO:<", "ſ", "\t\t", "MAIL FROM:<\"", strings.Repeat("ﬀ", 300), "AUTH \x01", "DATA DATA"} {
		c := w.login()
		c.send(strings.Repeat(line+"\r\n", 100))
		answers := 0
		for {
			code, said := c.answer()
			if code == 0 {
				break
			}
			if answers++; len(said) > maxText+20 {
				t.Errorf("%q is answered with %d bytes", line, len(said))
			}
			if answers < 21 && code/100 != 5 || answers == 21 && !strings.HasPrefix(said, "421 4.7.0 too many mistakes") {
				t.Errorf("%q: answer %d: %q", line, answers, said)
			}
		}
		c.conn.Close()
		if answers != 21 {
			t.Errorf("%q is answered %d times", line, answers)
		}
	}
	w.empty()
}

// Whatever a client says, no answer repeats it at length or with what is no text.
func TestAnswersAreOneLine(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	c := w.login()
	c.cmd("MAIL FROM:<ada@acme.example>", "250")
	long := strings.Repeat("\x1b[31m\xc2\x85é\x7f", 300)
	for _, line := range []string{"RCPT TO:<" + long + ">", "RCPT TO:<a@" + long + ">", "RCPT TO:<a@b.example> " + long, "RCPT TO:<a@b.example> ORCPT=" + long, "EHLO " + long} {
		said := c.cmd(line, "")
		for l := range strings.SplitSeq(strings.TrimSuffix(said, "\r\n"), "\r\n") {
			if len(l) > 512 || strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%.20q: %q", line, l)
			}
		}
	}
	in := w.hello(Implicit)
	if said := in.cmd("AUTH PLAIN "+plainOf(strings.Repeat("\x1b\r\n", 800), w.key), "535"); len(said) > 512 || strings.Count(said, "\n") != 1 {
		t.Errorf("said %q", said)
	}
}

// A connection can be cut anywhere: nothing of it remains, and nothing was taken.
func TestCutAnywhere(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	login := "AUTH PLAIN " + plainOf("shop", w.key) + "\r\n"
	dialogue := []string{
		"EHLO x\r\n", "AUTH LOGIN\r\n", "*\r\n", login, "MAIL FROM:<ada@acme.example>\r\n", "RCPT TO:<bob@example.com>\r\n", "DATA\r\n",
		"From: ada@acme.example\r\n", "To: bob@example.com\r\n\r\nx\r\n", ".\r",
	}
	for n := range dialogue {
		for _, reset := range []bool{false, true} {
			c := w.dial(Implicit, "127.0.0.1")
			c.want("220")
			for i, s := range dialogue[:n] {
				c.send(s)
				if i < 7 {
					c.answer()
				}
			}
			c.send(dialogue[n][:len(dialogue[n])/2])
			if raw, ok := c.conn.(interface{ NetConn() net.Conn }); ok && reset {
				_ = raw.NetConn().(*net.TCPConn).SetLinger(0) // RST
				raw.NetConn().Close()
			}
			c.conn.Close()
		}
	}
	w.empty()
	if len(w.taken) != 0 {
		t.Errorf("%d messages have left", len(w.taken))
	}
	w.well()
}

// Slow clients have a time for each thing, whatever they do within it.
func TestSlowBytes(t *testing.T) {
	const short = 250 * time.Millisecond
	for name, c := range map[string]struct {
		change func(*Limits)
		talk   func(*world) *talk
		text   string
		want   string
	}{
		"a greeting that is not answered": {func(l *Limits) { l.Login = short }, func(w *world) *talk { c := w.dial(StartTLS, "127.0.0.1"); c.want("220"); return c }, "", "421 4.4.2 no login within 250ms"},
		"commands without a login":        {func(l *Limits) { l.Login = short }, func(w *world) *talk { return w.hello(StartTLS) }, "NOOP\r\n", "421 4.4.2 no login within"},
		"a handshake":                     {func(l *Limits) { l.Login = short }, func(w *world) *talk { c := w.hello(StartTLS); c.cmd("STARTTLS", "220"); return c }, "\x16\x03\x01\x02", ""},
		"TLS from the start": {func(l *Limits) { l.Login = short }, func(w *world) *talk {
			raw, err := net.Dial("tcp", w.at[Implicit])
			must(w.t, err)
			w.t.Cleanup(func() { raw.Close() })
			return &talk{t: w.t, conn: raw, in: bufio.NewReader(raw)}
		}, "\x16", ""},
		"a login that was asked for": {func(l *Limits) { l.Login = short }, func(w *world) *talk { c := w.hello(Implicit); c.cmd("AUTH PLAIN", "334"); return c }, "A", "421 4.4.2 no login within"},
		"a command":                  {func(l *Limits) { l.Idle = short }, func(w *world) *talk { return w.login() }, "N", "421 4.4.2 nothing was said for"},
		"a message":                  {func(l *Limits) { l.Pace = short }, func(w *world) *talk { c := w.ready(); c.cmd("DATA", "354"); return c }, "x", "421 4.4.2 nothing was said for"},
		"a chunk":                    {func(l *Limits) { l.Pace = short }, func(w *world) *talk { c := w.ready(); c.send("BDAT 100000\r\n"); return c }, "x", "421 4.4.2 nothing was said for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, folder(t), func(cfg *Config) { c.change(&cfg.Limits) })
			talk := c.talk(w)
			began := time.Now()
			stop := make(chan struct{})
			go drip(talk.conn, c.text, stop)
			_, said := talk.answer()
			for strings.HasPrefix(said, "250") {
				_, said = talk.answer()
			}
			close(stop)
			talk.conn.Close()
			if took := time.Since(began); !strings.HasPrefix(said, c.want) || took > 5*time.Second {
				t.Errorf("after %s: %q", took, said)
			}
			w.empty()
		})
	}
}

// drip sends a text again and again, with pauses that are shorter than any patience.
func drip(to net.Conn, text string, stop <-chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			if _, err := io.WriteString(to, text); err != nil {
				return
			}
		}
	}
}

// A client that does not read its answers is given up.
func TestAnswersThatAreNotRead(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) {
		c.Limits.Answer, c.Limits.IdleCommands = 200*time.Millisecond, 1_000_000
	})
	c := w.dial(Open, "127.0.0.9")
	c.want("220")
	_ = c.conn.(*net.TCPConn).SetReadBuffer(4096)
	part := []byte(strings.Repeat("EHLO\r\n", 10_000))
	used := allocated(func() {
		if sent := c.pour(part, 1<<30); sent > 128<<20 {
			t.Errorf("%d bytes of commands were read", sent)
		}
	})
	if used > 256<<20 {
		t.Errorf("that has used %d bytes", used)
	}
	w.empty()
}

// Answers to many commands at once have a deadline of their own, also after a pause that
// was longer than an answer may take.
func TestAnswersAfterAPause(t *testing.T) {
	w := newWorld(t, folder(t), func(c *Config) { c.Limits.Answer = 50 * time.Millisecond })
	c := w.login()
	began := time.Now()
	until(t, "the deadline of the last answer", func() bool { return time.Since(began) > 100*time.Millisecond })
	c.send(strings.Repeat("EHLO\r\n", 100))
	for range 100 {
		c.want("250-mail.acme.example")
	}
}

// errors of the codes that a client gets are none of the database.
func TestLoginWithoutADatabase(t *testing.T) {
	w := newWorld(t, folder(t), nil)
	c := w.hello(Implicit)
	must(t, w.store.Close())
	said := c.cmd("AUTH PLAIN "+plainOf("nobody@acme.example", w.key), "")
	if !strings.HasPrefix(said, "454 4.7.0 ") {
		t.Errorf("said %q", said)
	}
	if slices.Contains(strings.Fields(said), "sql:") {
		t.Errorf("it tells of what is inside: %q", said)
	}
}
