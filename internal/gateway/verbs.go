package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"time"
)

// obey does one command.
func (c *conn) obey(line string) {
	verb, arg, _ := strings.Cut(line, " ")
	verb, arg = strings.ToUpper(verb), strings.Trim(arg, " ")
	c.tell("client", shown(verb, line))
	if c.idle++; c.idle > c.s.Limits.IdleCommands+c.recipients() {
		c.reply(421, "4.7.0", "too many commands without a message: the connection is closed")
		c.close()
		return
	}
	if c.mended && verb != "QUIT" {
		c.reply(421, "4.7.0", "the message before had an end that is not CR LF, a dot, CR LF: what follows could be part of it; connect again")
		c.close()
		return
	}
	switch verb {
	case "EHLO", "HELO":
		c.greet(verb == "EHLO", arg)
	case "STARTTLS":
		c.startTLS(arg)
	case "AUTH":
		c.auth(arg)
	case "MAIL":
		c.mailFrom(arg)
	case "RCPT":
		c.rcptTo(arg)
	case "DATA":
		c.data(arg)
	case "BDAT":
		c.bdat(arg)
	case "RSET":
		c.reset()
		c.reply(250, "2.0.0", "begun anew")
	case "NOOP":
		c.reply(250, "2.0.0", "yes")
	case "VRFY":
		c.reply(252, "2.5.0", "addresses are not looked up: send, and see")
	case "HELP":
		c.reply(214, "2.0.0", "log in with an API key as the password; the user is the key's name or an account's address")
	case "QUIT":
		c.reply(221, "2.0.0", "bye")
		c.close()
	default:
		c.unknown(verb)
	}
}

func (c *conn) unknown(verb string) {
	if slices.Contains([]string{"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE", "PRI"}, verb) {
		c.reply(554, "5.5.1", "this is SMTP, not HTTP")
		c.close()
		return
	}
	c.wrong(500, "5.5.1", "unknown command")
}

// recipients is how many RCPT commands the message at hand may still need.
func (c *conn) recipients() int {
	if c.mail == nil {
		return 0
	}
	return c.s.Limits.Recipients
}

// reset forgets the message at hand (RFC 5321 section 4.1.1.5).
func (c *conn) reset() {
	if c.mail != nil {
		c.mail.body.drop()
	}
	c.mail = nil
}

// nameless is the name of clients that say none, as some devices do.
const nameless = "-"

// greet answers EHLO and HELO, also without a name.
func (c *conn) greet(extended bool, name string) {
	c.reset()
	if c.hello = name; name == "" {
		c.hello = nameless
	}
	c.greeted = true
	if !extended {
		c.say("250 " + c.s.Hostname)
		return
	}
	lines := []string{c.s.Hostname, fmt.Sprintf("SIZE %d", c.s.Limits.Size), "8BITMIME", "SMTPUTF8", "PIPELINING", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES"}
	if c.mayStartTLS() {
		lines = append(lines, "STARTTLS")
	}
	if c.mayLogIn() {
		lines = append(lines, "AUTH "+strings.Join(mechanisms, " "))
	}
	for i, l := range lines {
		between := "-"
		if i == len(lines)-1 {
			between = " "
		}
		c.say("250" + between + l)
	}
}

func (c *conn) mayStartTLS() bool { return !c.secure && c.s.TLS != nil }

// mayLogIn tells whether a key may be said on this connection: nobody may read it on
// its way, but in networks that are listed.
func (c *conn) mayLogIn() bool {
	return !c.known.Load() && (c.secure || among(c.s.Plain, c.client))
}

// startTLS begins TLS (RFC 3207). What came together with the command was said by
// whoever is in between: it is forgotten, with the connection.
func (c *conn) startTLS(arg string) {
	switch {
	case arg != "":
		c.wrong(501, "5.5.4", "STARTTLS stands alone")
		return
	case c.secure:
		c.wrong(503, "5.5.1", "TLS has begun already")
		return
	case c.known.Load() && c.trusted == nil: // by somebody else, for all that is known
		c.wrong(503, "5.5.1", "TLS begins before the login (RFC 3207 section 4.2): connect again, and say STARTTLS first")
		return
	case c.s.TLS == nil:
		c.wrong(502, "5.5.1", "there is no TLS here: the server has no certificate")
		return
	case c.in.Buffered() > 0:
		c.reply(554, "5.5.0", "nothing may be sent together with STARTTLS (RFC 3207 section 6): the connection is closed")
		c.close()
		return
	}
	c.reply(220, "2.0.0", "begin TLS")
	c.flush()
	c.net, c.secure = tls.Server(c.raw, c.s.TLS), true
	c.in.Reset(c.net)
	c.out.Reset(c.net)
	if !c.handshake(c.s.Limits.Login) {
		return
	}
	c.reset()
	c.hello, c.greeted = "", false // section 4.2: all that was said before is forgotten
}

// handshake begins TLS within a time.
func (c *conn) handshake(limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(c.s.ctx, limit)
	defer cancel()
	_ = c.raw.SetDeadline(time.Now().Add(limit))
	if c.ending.Load() { // it may have been set before
		_ = c.raw.SetDeadline(time.Now())
	}
	if err := c.net.(*tls.Conn).HandshakeContext(ctx); err != nil {
		c.tell("gatepost", "(TLS failed: "+err.Error()+")")
		c.s.Log.Info("an SMTP client could not begin TLS", "client", c.client, "err", err)
		c.over = true
		return false
	}
	_ = c.raw.SetDeadline(time.Time{})
	state := c.net.(*tls.Conn).ConnectionState()
	c.tell("gatepost", "("+tls.VersionName(state.Version)+" has begun)")
	return true
}
