package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// exchangeTalk is one connection to smtp.office365.com, served by one goroutine.
type exchangeTalk struct {
	wire
	door  *exchangeDoor
	id    string // of the session, in replies
	hello string
	pass  *pass      // of who signed in
	box   *entraUser // the mailbox that was named
	seat  bool       // it is one of the three connections

	from       string
	begun      bool
	recipients []string
	chunks     []byte
	chunked    bool
}

func newExchangeTalk(d *exchangeDoor, conn net.Conn) *exchangeTalk {
	return &exchangeTalk{
		wire: newWire(conn, d.tls, false), door: d, id: strings.ToUpper(randomHex(8)),
	}
}

func (t *exchangeTalk) run() {
	defer t.stand()
	t.say("220 " + exchangeName + " Microsoft ESMTP MAIL Service ready at " + time.Now().UTC().Format(time.RFC1123Z) + " [" + t.id + "]")
	for !t.over {
		line, err := t.line()
		if errors.Is(err, bufio.ErrBufferFull) {
			t.reply(500, "5.3.3", "Line too long")
			return
		}
		if err != nil {
			return
		}
		t.obey(line)
	}
}

// reply says a code and one line of text.
func (t *exchangeTalk) reply(code int, enhanced, text string) {
	t.say(fmt.Sprintf("%d %s %s", code, enhanced, text))
	if code == 421 {
		t.over = true
	}
}

// name is what Microsoft puts behind many replies: the server, the time and the
// session.
func (t *exchangeTalk) name() string {
	return "[" + exchangeName + " " + time.Now().UTC().Format("2006-01-02T15:04:05.000Z") + " " + t.id + "]"
}

func (t *exchangeTalk) obey(line string) {
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
		t.reply(250, "2.0.0", "Resetting")
	case "NOOP":
		t.reply(250, "2.0.0", "OK")
	case "VRFY":
		t.reply(252, "2.1.5", "Cannot VRFY user")
	case "QUIT":
		t.reply(221, "2.0.0", "Service closing transmission channel")
		t.over = true
	default:
		t.reply(500, "5.3.3", "Unrecognized command '"+ascii(verb)+"' "+t.name())
	}
}

func (t *exchangeTalk) reset() {
	t.from, t.begun, t.recipients, t.chunks, t.chunked = "", false, nil, nil, false
}

// greet answers EHLO: AUTH stands in the answer after TLS alone, STARTTLS before.
func (t *exchangeTalk) greet(verb, name string) {
	if name == "" {
		t.reply(501, "5.5.4", "Invalid domain name "+t.name())
		return
	}
	t.reset()
	t.hello = name
	hello := exchangeName + " Hello [" + t.host() + "]"
	if verb == "HELO" {
		t.say("250 " + hello)
		return
	}
	middle := "STARTTLS"
	if t.secure {
		middle = "AUTH LOGIN XOAUTH2"
	}
	lines := []string{
		hello, fmt.Sprintf("SIZE %d", exchangeSize), "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", middle,
		"8BITMIME", "BINARYMIME", "CHUNKING", "SMTPUTF8",
	}
	for i := range lines {
		lines[i] = "250" + map[bool]string{true: " ", false: "-"}[i == len(lines)-1] + lines[i]
	}
	t.say(lines...)
}

func (t *exchangeTalk) startTLS() {
	switch {
	case t.secure:
		t.reply(503, "5.5.2", "Only one STARTTLS command can be issued in a session")
		return
	case t.hello == "":
		t.reply(503, "5.5.2", "Send hello first "+t.name())
		return
	case t.in.Buffered() > 0:
		t.reply(554, "5.7.3", "STARTTLS may not be pipelined")
		t.over = true
		return
	}
	t.reply(220, "2.0.0", "SMTP server ready")
	t.encrypt(t.door.tls)
	t.hello = ""
	t.reset()
}

// sit takes one of the mailbox's three places, if there is one.
func (t *exchangeTalk) sit() bool {
	m := t.door.microsoft
	m.mu.Lock()
	defer m.mu.Unlock()
	if !t.seat && t.box.open < exchangeConnections {
		t.seat = true
		t.box.open++
	}
	return t.seat
}

// stand gives the place back.
func (t *exchangeTalk) stand() {
	if !t.seat {
		return
	}
	m := t.door.microsoft
	m.mu.Lock()
	defer m.mu.Unlock()
	t.box.open--
	t.seat = false
}

// accounts are the names by which a fault may mean this sender.
func (t *exchangeTalk) accounts() []string {
	var list []string
	if t.box != nil {
		list = append(list, t.box.Address)
	}
	if t.pass != nil {
		list = append(list, t.pass.app.ClientID)
	}
	if t.from != "" && !slices.Contains(list, t.from) {
		list = append(list, t.from)
	}
	return list
}
