package sandbox

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
)

// talk is one SMTP connection, served by one goroutine.
type talk struct {
	wire
	door  *door
	id    string // of the session, in replies
	hello string // "" before EHLO
	user  string // who signed in

	from       string
	begun      bool // after MAIL
	recipients []string
	chunks     []byte // of BDAT
	chunked    bool
}

func newTalk(d *door, conn net.Conn, implicit bool) *talk {
	t := &talk{wire: newWire(conn, d.tls, implicit), door: d}
	t.id = strings.ToLower(rand.Text()[:12]) + "sm" + randomDigits(9) + "pgb." + randomDigits(2)
	return t
}

// run talks until one of the two ends it.
func (t *talk) run() {
	t.say("220 " + t.door.name + " ESMTP " + t.id + " - gsmtp")
	for !t.over {
		line, err := t.line()
		if errors.Is(err, bufio.ErrBufferFull) {
			t.reply(500, "5.5.1", "Line too long.")
			return
		}
		if err != nil {
			return
		}
		t.obey(line)
	}
}

// reply says a code and its text in Google's form: each line begins with both
// codes, and the last one ends with the session.
func (t *talk) reply(code int, enhanced string, lines ...string) {
	out := make([]string, len(lines))
	for i, l := range lines {
		between := "-"
		if i == len(lines)-1 {
			between, l = " ", l+" "+t.id+" - gsmtp"
		}
		out[i] = fmt.Sprintf("%d%s%s %s", code, between, enhanced, l)
	}
	t.say(out...)
	if code == 421 {
		t.over = true
	}
}

// obey does one command.
func (t *talk) obey(line string) {
	verb, arg, _ := strings.Cut(line, " ")
	switch verb = strings.ToUpper(verb); verb {
	case "EHLO", "HELO":
		t.greet(verb, strings.TrimSpace(arg))
	case "STARTTLS":
		t.startTLS()
	case "AUTH":
		t.auth(arg)
	case "MAIL":
		t.mail(arg)
	case "RCPT":
		t.rcpt(arg)
	case "DATA":
		t.data()
	case "BDAT":
		t.bdat(arg)
	case "RSET":
		t.reset()
		t.reply(250, "2.1.5", "Flushed")
	case "NOOP":
		t.reply(250, "2.0.0", "OK")
	case "VRFY":
		t.reply(252, "2.1.5", "Send some mail, I'll try my best")
	case "QUIT":
		t.reply(221, "2.0.0", "closing connection")
		t.over = true
	default:
		t.reply(502, "5.5.1", "Unrecognized command. For more information, go to",
			" https://support.google.com/a/answer/3221692")
	}
}

func (t *talk) reset() {
	t.from, t.begun, t.recipients, t.chunks, t.chunked = "", false, nil, nil, false
}

// greet answers EHLO. The relay wants a real name, because it finds a customer
// by it.
func (t *talk) greet(verb, name string) {
	if name == "" {
		t.reply(501, "5.5.4", "Empty HELO/EHLO argument not allowed, closing connection.")
		t.over = true
		return
	}
	if t.door.relay && !realName(name) {
		t.reply(421, "4.7.0", "Try again later, closing connection. (EHLO)")
		return
	}
	if p := t.door.plan(atHello, []string{name}, nil); p.is(faultSMTP) {
		t.refuse(p.outcome, false)
		return
	}
	t.reset()
	t.hello = name
	if verb == "HELO" {
		t.say("250 " + t.door.name + " at your service")
		return
	}
	lines := []string{
		t.door.name + " at your service, [" + t.host() + "]",
		fmt.Sprintf("SIZE %d", maxSMTPSize), "8BITMIME",
	}
	switch {
	case !t.secure:
		lines = append(lines, "STARTTLS")
	case !t.door.relay:
		lines = append(lines, "AUTH LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH")
	}
	lines = append(lines, "ENHANCEDSTATUSCODES", "PIPELINING", "CHUNKING", "SMTPUTF8")
	for i := range lines {
		lines[i] = "250" + map[bool]string{true: " ", false: "-"}[i == len(lines)-1] + lines[i]
	}
	t.say(lines...)
}

// realName tells whether a name can be one of the public DNS.
func realName(name string) bool {
	return strings.Contains(strings.Trim(name, "."), ".") && !strings.HasPrefix(name, "[") && net.ParseIP(name) == nil
}

// startTLS begins TLS (RFC 3207). What was sent before it must not count after.
func (t *talk) startTLS() {
	switch {
	case t.secure:
		t.reply(503, "5.5.1", "TLS already started.")
		return
	case t.hello == "":
		t.reply(503, "5.5.1", "EHLO/HELO first.")
		return
	case t.in.Buffered() > 0:
		t.reply(454, "4.5.0", "STARTTLS may not be pipelined")
		t.over = true
		return
	}
	t.reply(220, "2.0.0", "Ready to start TLS")
	t.encrypt(t.door.tls)
	t.hello = ""
	t.reset()
}
