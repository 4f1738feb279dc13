package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// body is the content of a message as it comes in, held within the budget of all.
type body struct {
	budget *budget
	sender string // of whose share it takes
	bytes  []byte
	taken  int64
}

// grow is by how much a body's share of the budget grows at least, up to what a message
// may be.
const grow = 64 << 10

// add appends, or says why there is no room for more at the moment.
func (b *body) add(part []byte) (full string) {
	if need := int64(len(b.bytes)+len(part)) - b.taken; need > 0 {
		need = max(need, min(max(grow, b.taken/2), b.budget.message-b.taken))
		if full := b.budget.take(b.sender, need); full != "" {
			return full
		}
		b.taken += need
		grown := make([]byte, len(b.bytes), b.taken)
		copy(grown, b.bytes)
		b.bytes = grown
	}
	b.bytes = append(b.bytes, part...)
	return ""
}

// drop gives its room back.
func (b *body) drop() {
	if b.budget != nil {
		b.budget.give(b.sender, b.taken)
	}
	b.bytes, b.taken = nil, 0
}

// ready tells whether the envelope is whole, and says so where it is not.
func (c *conn) ready() *refusal {
	switch {
	case c.mail == nil:
		return refuse(503, "5.5.1", "say MAIL FROM first")
	case len(c.mail.recipients) == 0:
		return refuse(554, "5.5.1", "no recipient was taken: say RCPT TO first")
	}
	return nil
}

// data is DATA (RFC 5321 section 4.1.1.4).
func (c *conn) data(arg string) {
	r := c.ready()
	switch {
	case arg != "":
		r = refuse(501, "5.5.4", "DATA stands alone")
	case r == nil && c.mail.chunked:
		r = refuse(503, "5.5.1", "the message has begun with BDAT: end it so")
	}
	if r != nil {
		c.mistake(r)
		return
	}
	if c.in.Buffered() > 0 { // RFC 2920 section 3.1: DATA ends a group
		c.reply(503, "5.5.0", "the message may come only after the 354 (RFC 2920 section 3.1); the connection is closed")
		c.closeOver()
		return
	}
	c.say("354 end with a dot alone on a line")
	c.flush()
	c.reading.Store(true)
	defer c.reading.Store(false)
	r, err := c.content()
	switch {
	case errors.Is(err, errEndless):
		c.reset()
		c.reply(r.code, r.enhanced, r.lines...)
		c.closeOver()
	case err != nil:
		c.brokenContent(err)
	default:
		c.conclude(r)
	}
}

// brokenContent ends a connection in the midst of a message, of which nothing is
// kept.
func (c *conn) brokenContent(err error) {
	err = c.late(err)
	c.reset()
	if errors.Is(err, errSmuggled) {
		c.reply(550, "5.6.11", errSmuggled.Error())
		c.closeOver()
		return
	}
	c.broken(err)
	c.over = true
}

// errSmuggled is a message whose lines could be read in two ways. Nothing behind it
// may be read as commands, so it ends the connection.
var errSmuggled = errors.New("the message has a CR or LF that is no CR LF (RFC 5321 section 2.3.8), as mail that is to hide other mail has; " +
	"make the program end lines with CR LF, or list its address in the setting smtp-repair")

// errEndless is a message that was refused, and is still coming.
var errEndless = errors.New("a refused message has no end")

// content reads up to the line with the dot alone, and takes the stuffed dots away
// (section 4.5.2). What is too large is read on for a while, and refused.
func (c *conn) content() (*refusal, error) {
	var r *refusal
	p := paced{c: c}
	lines := reader{repair: c.repair, begin: true, proper: true}
	for size := int64(0); ; {
		if err := p.next(); err != nil {
			return nil, err
		}
		part, err := c.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		p.got(len(part))
		part, ended, err := lines.take(part)
		if ended || err != nil {
			c.mended = ended && !lines.proper
			return r, err
		}
		if size += int64(len(part)); r != nil {
			if size > 2*c.s.Limits.Size {
				return r, errEndless
			}
			continue
		}
		if r = c.keep(part, size); size > 1<<10 && size-int64(len(part)) <= 1<<10 {
			c.s.Fault("smtp.body.half")
		}
	}
}

// keep adds to the message, or says why it is refused.
func (c *conn) keep(part []byte, size int64) *refusal {
	if size > c.s.Limits.Size {
		c.mail.body.drop()
		return tooLarge(c.s.Limits.Size)
	}
	if full := c.mail.body.add(part); full != "" {
		c.mail.body.drop()
		return refuse(452, "4.3.1", "%s", full)
	}
	return nil
}

// paced gives each part of a message a time of its own, within that of the whole.
type paced struct {
	c    *conn
	left int
}

const pacedBytes = 64 << 10

func (p *paced) next() error {
	if p.left > 0 {
		return nil
	}
	p.left = pacedBytes
	return p.c.raw.SetReadDeadline(p.c.within(p.c.s.Limits.Pace))
}

func (p *paced) got(n int) { p.left -= n }

// reader takes a message's lines apart, as they come in pieces.
type reader struct {
	repair bool
	begin  bool // of a line
	cr     bool // the last byte was a CR, and what follows is not known yet
	proper bool // the last line has no CR and LF but those at its end; and so the dot alone
	out    []byte
}

// take is one piece up to an LF, or as much as was there, without the transparency of
// dots; ended: it was the end of the message.
func (r *reader) take(part []byte) (content []byte, ended bool, err error) {
	begin := r.begin
	if begin && (string(part) == ".\r\n" || r.repair && string(part) == ".\n") {
		r.proper = r.proper && len(part) == len(".\r\n")
		return nil, true, nil
	}
	line, lf := bytes.CutSuffix(part, []byte("\n"))
	line, crlf := bytes.CutSuffix(line, []byte("\r"))
	proper := lf && (crlf || r.cr && len(line) == 0)
	stray := r.cr && !(lf && len(line) == 0 && !crlf) // the CR before this piece
	r.begin, r.cr = lf, !lf && crlf
	bad := stray || lf && !proper || bytes.IndexByte(line, '\r') >= 0
	r.proper = !bad && (begin || r.proper)
	if bad && !r.repair {
		return nil, false, errSmuggled
	}
	if begin && part[0] == '.' {
		part, line = part[1:], line[min(1, len(line)):]
	}
	if !r.repair {
		return part, false, nil
	}
	return r.mend(line, lf, stray), false, nil
}

// mend writes a line with a CR LF at its end. A CR within it, or before it, is one too.
func (r *reader) mend(line []byte, lf, stray bool) []byte {
	r.out = r.out[:0]
	if stray {
		r.out = append(r.out, '\r', '\n')
	}
	r.out = append(r.out, bytes.ReplaceAll(line, []byte("\r"), []byte("\r\n"))...)
	if lf {
		r.out = append(r.out, '\r', '\n')
	}
	return r.out
}

// bdat is BDAT (RFC 3030 section 2). What is announced is read, whatever becomes of
// it, because the client may have sent it already; but not what is larger than a
// message may be, and not of a client that has not logged in.
func (c *conn) bdat(arg string) {
	words := strings.Fields(arg)
	last := len(words) == 2 && strings.EqualFold(words[1], "LAST")
	size := int64(-1)
	if len(words) > 0 {
		size, _ = strconv.ParseInt(words[0], 10, 64)
	}
	if len(words) == 0 || len(words) > 2 || len(words) == 2 && !last || size < 0 || words[0] != strconv.FormatInt(size, 10) {
		c.reply(501, "5.5.4", "write it as BDAT number, or BDAT number LAST; the connection is closed, because what follows cannot be told apart")
		c.close()
		return
	}
	r := c.ready()
	if r == nil && c.mail.spoiled != nil {
		r = c.mail.spoiled
	}
	if r == nil && size > c.s.Limits.Size-int64(len(c.mail.body.bytes)) {
		r = tooLarge(c.s.Limits.Size)
	}
	switch {
	case r != nil && !c.known.Load():
		c.mistake(r)
		c.close()
		return
	case r != nil && size > c.s.Limits.Size:
		c.reply(r.code, r.enhanced, r.lines...)
		c.closeOver()
		return
	}
	c.reading.Store(true)
	defer c.reading.Store(false)
	err := c.chunk(size, &r)
	if err != nil {
		c.brokenContent(err)
		return
	}
	if r == nil && size >= progress {
		c.idle--
	}
	c.chunked(size, last, r)
}

// progress is what a chunk has at least that counts as none of the commands without a
// message: some clients send large messages in many chunks.
const progress = 1 << 10

// chunk reads what a BDAT announced; a refusal lets it go by.
func (c *conn) chunk(size int64, r **refusal) error {
	p := paced{c: c}
	part := make([]byte, min(size, buffer))
	for size > 0 {
		if err := p.next(); err != nil {
			return err
		}
		n, err := io.ReadAtLeast(c.in, part[:min(size, int64(len(part)))], 1)
		if err != nil {
			return err
		}
		p.got(n)
		size -= int64(n)
		if *r == nil {
			*r = c.keep(part[:n], int64(len(c.mail.body.bytes)+n))
		}
	}
	return nil
}

// chunked answers a BDAT. After one that was refused the message is lost, and so are
// the chunks that are still to come.
func (c *conn) chunked(size int64, last bool, r *refusal) {
	if c.mail != nil {
		c.mail.chunked = true
	}
	switch {
	case r != nil && (last || c.mail == nil):
		c.reset()
		c.mistake(r)
	case r != nil:
		c.mail.spoiled = r
		c.mistake(r)
	case !last:
		c.reply(250, "2.0.0", strconv.FormatInt(size, 10)+" bytes taken")
	case !properLines(c.mail.body.bytes):
		c.conclude(c.repaired())
	default:
		c.conclude(nil)
	}
}

// properLines tells whether each CR and each LF is part of a CR LF.
func properLines(b []byte) bool {
	n := bytes.Count(b, []byte("\r\n"))
	return n == bytes.Count(b, []byte("\n")) && n == bytes.Count(b, []byte("\r"))
}

// repaired is for lines in chunks that do not end with CR LF. Chunks are counted, so
// nothing can hide behind them, but the next hop may read them in another way.
func (c *conn) repaired() *refusal {
	if !c.repair {
		return refuse(550, "5.6.11", "%s", errSmuggled.Error())
	}
	b := bytes.ReplaceAll(c.mail.body.bytes, []byte("\r\n"), []byte("\n"))
	b = bytes.ReplaceAll(b, []byte("\r"), []byte("\n"))
	if int64(len(b)+bytes.Count(b, []byte("\n"))) > c.s.Limits.Size {
		return tooLarge(c.s.Limits.Size)
	}
	c.mail.body.bytes = bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
	return nil
}
