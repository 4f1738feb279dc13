package gateway

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
)

// Longest lines, with their ends. RFC 5321 section 4.5.3.1.4 asks for 512 and what
// extensions add; RFC 4954 section 4 has 12,288 for logins.
const (
	maxCommand = 4096
	maxLogin   = 12_288
)

// conn is one connection, served by one goroutine.
type conn struct {
	s      *Server
	raw    net.Conn // below TLS
	net    net.Conn
	in     *bufio.Reader
	out    *bufio.Writer
	mode   Mode
	client netip.Addr
	began  time.Time
	id     string
	repair bool
	mended bool // the last message ended in a way that may have been its content

	secure   bool
	hello    string // what the client calls itself; "-" where it said nothing
	greeted  bool
	grant    access.Grant
	secret   email.Secret // of the login, asked again for each message
	account  email.ID     // by which the client asked to send; empty: by From
	trusted  *Trusted
	known    atomic.Bool // logged in, or trusted
	over     bool
	ending   atomic.Bool   // its waiting is to end
	ended    chan struct{} // closed then
	reading  atomic.Bool   // a message, which is let come to its answer
	failures int           // logins
	mistakes int
	idle     int // commands since the last message

	mail *mail // nil: no MAIL yet
}

// buffer is what a connection reads and writes at once.
const buffer = 4096

func newConn(s *Server, nc net.Conn, mode Mode) *conn {
	c := &conn{s: s, raw: nc, net: nc, mode: mode, client: addrOf(nc), began: s.Now(), id: s.Traces.NewID(), ended: make(chan struct{})}
	c.repair = among(s.Repair, c.client)
	if mode == Implicit {
		c.net, c.secure = tls.Server(nc, s.TLS), true
	}
	c.in, c.out = bufio.NewReaderSize(c.net, buffer), bufio.NewWriterSize(c.net, buffer)
	return c
}

// run talks until one of the two ends it.
func (c *conn) run() {
	defer c.reset() // whatever ends it: what a message held is given back
	if c.mode == Open {
		if c.trusted = c.s.trustedAs(c.client); c.trusted == nil {
			c.refuseConnection(554, "5.7.1", fmt.Sprintf("%s may not send here without a login: it is not in the setting smtp-trusted", c.client))
			return
		}
		c.known.Store(true)
	}
	if c.mode == Implicit && !c.handshake(c.s.Limits.Login) {
		return
	}
	c.say(fmt.Sprintf("220 %s ESMTP gatepost", c.s.Hostname))
	if c.mode != Implicit && c.beginsTLS() {
		c.reply(554, "5.5.1", "this port begins in the clear: choose STARTTLS in the program, or the port for TLS from the start")
		c.close()
		return
	}
	for !c.over {
		line, err := c.line(maxCommand)
		if err != nil {
			c.broken(err)
			return
		}
		c.obey(string(line))
	}
	c.flush()
}

// beginsTLS tells of a client that begins with TLS what begins in the clear. It would
// wait for an answer, and the server for the end of a line.
func (c *conn) beginsTLS() bool {
	const handshake = 22 // RFC 8446 section 5.1
	c.flush()
	c.patience()
	first, err := c.in.Peek(1)
	return err == nil && first[0] == handshake
}

// errEnding is a connection whose place another one takes, or whose server stops.
var errEnding = errors.New("the connection has to end")

// errLong and errBare say what is wrong with a line; nothing of it counts. errLate is a
// message whose whole time is over.
var (
	errLong = errors.New("a line is too long")
	errBare = errors.New("a line does not end with CR LF, or has a CR or NUL in it")
	errLate = errors.New("a message takes too long")
)

// line reads a line without its end. Answers that wait leave before it waits.
func (c *conn) line(most int) ([]byte, error) {
	if c.in.Buffered() == 0 {
		c.flush()
	}
	c.patience()
	var line []byte
	for {
		part, err := c.in.ReadSlice('\n')
		if line = append(line, part...); len(line) > most {
			return nil, errLong
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
	text := bytes.TrimSuffix(line, []byte("\n"))
	text, proper := bytes.CutSuffix(text, []byte("\r"))
	if !proper && !c.repair || bytes.ContainsAny(text, "\r\x00") {
		return nil, errBare
	}
	return text, nil
}

// patience sets until when the client has to say its next line: one that has not
// logged in has a time for all of that.
func (c *conn) patience() {
	if c.ending.Load() {
		_ = c.raw.SetReadDeadline(time.Now())
		return
	}
	wait := c.s.Limits.Idle
	if !c.known.Load() {
		wait = min(wait, c.s.Limits.Login-c.s.Now().Sub(c.began))
	}
	_ = c.raw.SetReadDeadline(c.within(wait))
	if c.ending.Load() { // it may have been set meanwhile
		_ = c.raw.SetReadDeadline(time.Now())
	}
}

// within is when a wait ends, and at the latest when a message has to be here.
func (c *conn) within(wait time.Duration) time.Time {
	end := time.Now().Add(wait)
	if c.mail != nil && c.mail.until.Before(end) {
		return c.mail.until
	}
	return end
}

// late is the error of a read: errLate where it is the message's whole time that is over.
func (c *conn) late(err error) error {
	if c.mail != nil && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(c.mail.until) {
		return errLate
	}
	return err
}

// interrupt ends the waiting for the client's next line.
func (c *conn) interrupt() {
	if c.ending.CompareAndSwap(false, true) {
		close(c.ended)
	}
	if !c.reading.Load() {
		_ = c.raw.SetReadDeadline(time.Now())
	}
}

// pause lets time go by, and tells whether the connection goes on.
func (c *conn) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c.s.ctx.Done():
	case <-c.ended:
	case <-t.C:
		return true
	}
	return false
}

// broken says why a connection ends without a QUIT, where somebody hears it.
func (c *conn) broken(err error) {
	var timeout net.Error
	err = c.late(err)
	switch {
	case errors.Is(err, errLong):
		c.reply(500, "5.5.2", "the line is too long; the connection is closed")
	case errors.Is(err, errBare):
		c.reply(500, "5.5.2", "a line has to end with CR LF, and may have no other CR, LF or NUL in it (RFC 5321 section 2.3.8); the connection is closed")
	case c.s.ctx.Err() != nil:
		c.reply(421, "4.3.2", "gatepost stops; what has its 250 is kept: connect again")
	case c.ending.Load():
		c.reply(421, "4.3.2", "too many connections at the moment: try again in a minute")
	case errors.Is(err, errLate):
		c.reply(421, "4.4.2", fmt.Sprintf("a message may take %s, and nothing of this one was kept", c.s.Limits.Whole))
	case errors.As(err, &timeout) && timeout.Timeout() && !c.known.Load():
		c.reply(421, "4.4.2", fmt.Sprintf("no login within %s", c.s.Limits.Login))
	case errors.As(err, &timeout) && timeout.Timeout():
		c.reply(421, "4.4.2", fmt.Sprintf("nothing was said for %s", c.s.Limits.Idle))
	default:
		return
	}
	c.close()
}

// close says what is left to say and lets the client read it: what it still sends is
// read for a moment, because a connection that is closed over unread bytes is reset,
// and takes the answer with it. It has no place in the crowd any more, perhaps, so only
// some may do so at once.
func (c *conn) close() { c.closeReading(lastBytes, lastWords) }

// closeOver is close in the midst of a message. Clients write all of it before they read,
// and one that is cut meanwhile never hears that it was refused, and tries for ever.
func (c *conn) closeOver() { c.closeReading(2*c.s.Limits.Size, lastMessage) }

// closeReading reads so much at most, and for so long, until the client says nothing for
// a moment.
func (c *conn) closeReading(most int64, limit time.Duration) {
	c.over = true
	c.reset()
	c.flush()
	if !c.s.crowd.linger() {
		return
	}
	defer c.s.crowd.lingered()
	if h, ok := c.net.(interface{ CloseWrite() error }); ok {
		_ = h.CloseWrite()
	}
	part := make([]byte, buffer)
	for began := time.Now(); most > 0; {
		if c.ending.Load() {
			limit = min(limit, lastWords)
		}
		_ = c.raw.SetReadDeadline(time.Now().Add(min(lastWords, limit-time.Since(began))))
		n, err := c.raw.Read(part)
		if err != nil {
			return
		}
		most -= int64(n)
	}
}

const (
	lastWords   = 2 * time.Second
	lastBytes   = 1 << 20
	lastMessage = 2 * time.Minute
)

// refuseConnection ends a connection that has no place. TLS is begun only to say so:
// in a moment, and for a few at once.
func (c *conn) refuseConnection(code int, enhanced, text string) {
	if c.mode == Implicit {
		if !c.s.crowd.linger() {
			return
		}
		begun := c.handshake(lastWords)
		c.s.crowd.lingered()
		if !begun {
			return
		}
	}
	c.reply(code, enhanced, text)
	c.close()
}

// say writes lines; they leave before the next read that waits.
func (c *conn) say(lines ...string) {
	for _, l := range lines {
		c.tell("gatepost", l)
		if c.out.Available() < len(l)+2 {
			c.flush() // with a deadline of its own
		}
		_, _ = c.out.WriteString(l + "\r\n") // an error stays, and shows when it is flushed
	}
}

// reply says a code and a text, each line with both codes (RFC 2034). What clients
// have said is never more than one line of it.
func (c *conn) reply(code int, enhanced string, lines ...string) {
	for i, l := range lines {
		between := "-"
		if i == len(lines)-1 {
			between = " "
		}
		c.say(fmt.Sprintf("%d%s%s %s", code, between, enhanced, oneLine(l)))
	}
	if code == 421 {
		c.over = true
	}
}

// maxText is how much of a text a line of an answer has (RFC 5321 section 4.5.3.1.5).
const maxText = 480

// oneLine makes a text one line of printable ASCII, without API keys: a client may say its
// own where another one says an address.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '…':
			return '.'
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, masked(s))
	if len(s) > maxText {
		s = s[:maxText-3] + "..."
	}
	return s
}

// wrong is a reply to a mistake of the client.
func (c *conn) wrong(code int, enhanced, text string) {
	c.mistake(&refusal{code, enhanced, []string{text}})
}

// mistake answers a mistake; many of them end the connection.
func (c *conn) mistake(r *refusal) {
	c.reply(r.code, r.enhanced, r.lines...)
	if c.mistakes++; c.mistakes >= c.s.Limits.Errors {
		c.reply(421, "4.7.0", "too many mistakes: the connection is closed")
		c.close()
	}
}

func (c *conn) flush() {
	_ = c.raw.SetWriteDeadline(time.Now().Add(c.s.Limits.Answer))
	if err := c.out.Flush(); err != nil {
		c.over = true
	}
}

// tell shows a line to whoever watches this client.
func (c *conn) tell(who, text string) { c.s.Traces.Say(c.traced(), who, text) }
