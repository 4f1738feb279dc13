package faults

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// relay is an SMTP server on loopback that answers as a test says. For a command the
// script gives the reply, or one of the words below; "" is the usual reply. n counts
// the commands of this verb; the greeting and the reply to the message count as GREETING
// and DOT. The message is taken by a DOT that is answered 250, and by lost.
type relay struct {
	listener net.Listener
	tls      *tls.Config // nil: it offers no TLS
	implicit bool        // TLS from the first byte
	offers   []string
	// forgetful relays throw away what was sent along with a command.
	forgetful bool
	script    func(verb, line string, n int) string

	mu    sync.Mutex
	seen  map[string]int
	lines []string
	taken []copied
	stop  chan struct{}
}

// Replies that are none.
const (
	cut     = "cut"     // the connection ends
	silent  = "silent"  // nothing is said
	lost    = "lost"    // the message is taken, and the connection ends
	slow    = "slow"    // the usual reply, a byte at a time, for longer than anybody waits
	endless = "endless" // a reply whose lines do not end
)

func startRelay(t *testing.T, r *relay) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.listener, r.seen, r.stop = l, map[string]int{}, make(chan struct{})
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { r.serve(c) })
		}
	})
	t.Cleanup(func() {
		close(r.stop)
		l.Close()
		serving.Wait()
	})
	return r
}

func (r *relay) port() int { return r.listener.Addr().(*net.TCPAddr).Port }

// talk is one connection.
type talk struct {
	*relay
	conn net.Conn
	in   *bufio.Reader
	to   []string // recipients that were taken
}

func (r *relay) serve(c net.Conn) {
	defer c.Close()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-r.stop:
			c.Close()
		case <-done:
		}
	}()
	t := &talk{relay: r}
	t.over(c)
	if r.implicit {
		t.over(r.secure(c))
	}
	if t.answer("GREETING", "", "220 relay ready\r\n") != "220" {
		return
	}
	for t.command() {
	}
}

func (t *talk) over(c net.Conn) { t.conn, t.in = c, bufio.NewReader(c) }

// command reads one and answers it; false ends the connection.
func (t *talk) command() bool {
	line, err := t.in.ReadString('\n')
	if err != nil {
		return false
	}
	line = strings.TrimRight(line, "\r\n")
	verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
	code := t.answer(verb, line, t.usual(verb))
	switch {
	case code == "" || verb == "QUIT":
		return false
	case verb == "MAIL", verb == "RSET":
		t.to = nil
	case verb == "RCPT" && code == "250":
		t.to = append(t.to, strings.Trim(strings.TrimPrefix(strings.Fields(line)[1], "TO:"), "<>"))
	case verb == "STARTTLS" && code == "220":
		t.over(t.secure(t.conn))
	case code == "354":
		return t.message()
	}
	return true
}

func (t *talk) usual(verb string) string {
	switch verb {
	case "EHLO":
		offers := append([]string{"at your service", "8BITMIME"}, t.offers...)
		if _, secure := t.conn.(*tls.Conn); t.offersTLS() && !secure {
			offers = append(offers, "STARTTLS")
		}
		last := len(offers) - 1
		return "250-" + strings.Join(offers[:last], "\r\n250-") + "\r\n250 " + offers[last] + "\r\n"
	case "STARTTLS":
		return "220 go on\r\n"
	case "DATA":
		if len(t.to) == 0 {
			return "554 5.5.1 no valid recipients\r\n"
		}
		return "354 go on\r\n"
	case "QUIT":
		return "221 bye\r\n"
	}
	return "250 2.0.0 OK\r\n"
}

// answer says what the script wants and returns the code of it, "" where the
// connection ends.
func (t *talk) answer(verb, line, usual string) string {
	return t.say(t.decide(verb, line, usual), usual)
}

// decide notes a command and asks the script for the reply.
func (t *talk) decide(verb, line, usual string) string {
	t.mu.Lock()
	t.seen[verb]++
	n, script := t.seen[verb], t.script
	t.lines = append(t.lines, line)
	t.mu.Unlock()
	if script == nil {
		return usual
	}
	return cmp.Or(script(verb, line, n), usual)
}

func (t *talk) say(text, usual string) string {
	if t.forgetful {
		_, _ = t.in.Discard(t.in.Buffered())
	}
	switch text {
	case cut, lost:
		return ""
	case silent:
		_, _ = io.Copy(io.Discard, t.in) // until the peer goes
		return ""
	case slow:
		t.drip(usual)
		return ""
	case endless:
		t.pour()
		return ""
	}
	if _, err := t.conn.Write([]byte(text)); err != nil {
		return ""
	}
	return text[:3]
}

// drip begins a reply with lines that say nothing yet.
func (t *talk) drip(usual string) {
	for {
		for _, b := range []byte(usual[:3] + "-wait a little\r\n") {
			if _, err := t.conn.Write([]byte{b}); err != nil {
				return
			}
			select {
			case <-t.stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// pour sends a line without end, at most 256 MiB of it.
func (t *talk) pour() {
	block := []byte("250-" + strings.Repeat("x", 64<<10))
	for range 4096 {
		if _, err := t.conn.Write(block); err != nil {
			return
		}
	}
}

// message reads up to the final dot.
func (t *talk) message() bool {
	var text strings.Builder
	for {
		line, err := t.in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		text.WriteString(strings.TrimPrefix(line, "."))
	}
	const usual = "250 2.0.0 queued\r\n"
	reply := t.decide("DOT", "", usual)
	if reply == lost || strings.HasPrefix(reply, "250") {
		t.take(readCopy(text.String()))
	}
	t.to = nil
	return t.say(reply, usual) != ""
}

func (t *talk) take(c copied) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, to := range t.to {
		c.to = to
		t.taken = append(t.taken, c)
	}
}

// says has it answer by another script from now on.
func (r *relay) says(script func(verb, line string, n int) string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script = script
}

// trust has it speak TLS in another way with connections to come.
func (r *relay) trust(c *tls.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tls = c
}

func (r *relay) secure(c net.Conn) net.Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return tls.Server(c, r.tls)
}

func (r *relay) offersTLS() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tls != nil
}

// count is how many commands of a verb there were.
func (r *relay) count(verb string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[verb]
}

// copies are those that it took, one for each recipient.
func (r *relay) copies() []copied {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]copied{}, r.taken...)
}

// said is all that it was told.
func (r *relay) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}
