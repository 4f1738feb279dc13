package gateway

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/email"
)

// mail is a message on its way in.
type mail struct {
	from       string // MAIL FROM as it stands there; empty: <>
	utf8       bool
	dsn        dsn
	recipients []recipient
	seen       map[string]bool
	body       body
	chunked    bool     // by BDAT
	spoiled    *refusal // chunks are read on, and the message is refused with this
	over       int      // recipients that were refused because there are enough
	until      time.Time
}

// recipient is one RCPT TO.
type recipient struct {
	address email.Address
	notify  []string // RFC 3461 section 4.1; nil: as usual
	orcpt   string
}

// dsn is what a client wants of reports (RFC 3461 section 4.3 and 4.4).
type dsn struct{ ret, envid string }

// refusal is an answer that is no 250.
type refusal struct {
	code     int
	enhanced string
	lines    []string
}

// mailFrom is MAIL FROM (RFC 5321 section 4.1.1.2).
func (c *conn) mailFrom(arg string) {
	switch {
	case !c.greeted:
		c.wrong(503, "5.5.1", "say EHLO first")
		return
	case !c.known.Load():
		c.wrong(530, "5.7.0", c.needsLogin())
		return
	case c.mail != nil:
		c.wrong(503, "5.5.1", "a message has begun already: RSET ends it")
		return
	}
	if !c.still() {
		return
	}
	from, params, err := path(arg, "FROM:")
	if err != nil {
		c.wrong(501, "5.1.7", "write it as MAIL FROM:<address>: "+err.Error())
		return
	}
	m := &mail{from: from, seen: map[string]bool{}, until: time.Now().Add(c.s.Limits.Whole)}
	if r := c.mailParams(m, params); r != nil {
		c.mistake(r)
		return
	}
	if from != "" && !m.utf8 && !ascii(from) {
		c.wrong(550, "5.6.7", "an address that is not ASCII needs SMTPUTF8 (RFC 6531)")
		return
	}
	m.body.budget, m.body.sender = c.s.bodies, c.sender()
	c.mail = m
	c.reply(250, "2.1.0", "noted")
}

// sender is whose messages share a part of what is being taken: those of a key, or of a
// client without one.
func (c *conn) sender() string {
	if c.trusted != nil {
		return networkOf(c.client).String()
	}
	return c.grant.Key
}

func (c *conn) needsLogin() string {
	if !c.mayLogIn() {
		return c.needsTLS(false)
	}
	return "log in first: the password is an API key (gatepost keys create), the user its name or an account's address"
}

func refuse(code int, enhanced, format string, args ...any) *refusal {
	return &refusal{code, enhanced, []string{fmt.Sprintf(format, args...)}}
}

// mailParams reads what follows MAIL FROM:<address>.
func (c *conn) mailParams(m *mail, params []param) *refusal {
	for _, p := range params {
		switch p.name {
		case "SIZE":
			n, err := strconv.ParseInt(p.value, 10, 64)
			if err != nil || n < 0 {
				return refuse(501, "5.5.4", "SIZE is a number of bytes")
			}
			if n > c.s.Limits.Size {
				return tooLarge(c.s.Limits.Size)
			}
		case "BODY":
			if v := strings.ToUpper(p.value); v != "7BIT" && v != "8BITMIME" {
				return refuse(501, "5.5.4", "BODY is 7BIT or 8BITMIME")
			}
		case "SMTPUTF8":
			m.utf8 = true
		case "AUTH": // who logged in is known better here
		case "RET":
			if m.dsn.ret = strings.ToUpper(p.value); m.dsn.ret != "FULL" && m.dsn.ret != "HDRS" {
				return refuse(501, "5.5.4", "RET is FULL or HDRS")
			}
		case "ENVID":
			var err error
			if m.dsn.envid, err = xtext(p.value); err != nil || len(p.value) > 100 {
				return refuse(501, "5.5.4", "ENVID has to be xtext of at most 100 characters (RFC 3461 section 4.4)")
			}
		default:
			return refuse(555, "5.5.4", "unknown parameter %s", p.name)
		}
	}
	return nil
}

func tooLarge(most int64) *refusal {
	return refuse(552, "5.3.4", "the message is too large: at most %d bytes", most)
}

// rcptTo is RCPT TO (RFC 5321 section 4.1.1.3). An address that comes again is one
// recipient.
func (c *conn) rcptTo(arg string) {
	if c.mail == nil {
		c.wrong(503, "5.5.1", "say MAIL FROM first")
		return
	}
	m := c.mail
	to, params, err := path(arg, "TO:")
	if err != nil {
		c.wrong(501, "5.1.3", "write it as RCPT TO:<address>: "+err.Error())
		return
	}
	r := recipient{}
	if r.address, err = email.NewAddress("", to); err != nil {
		c.wrong(553, "5.1.3", noAddress(to, err))
		return
	}
	if bad := rcptParams(&r, params); bad != nil {
		c.mistake(bad)
		return
	}
	if r.address.NeedsUTF8() && !m.utf8 {
		c.wrong(553, "5.6.7", "an address that is not ASCII needs SMTPUTF8 (RFC 6531)")
		return
	}
	if !m.seen[r.address.Key()] {
		if enough := c.enough(); enough != "" {
			c.overMany(enough)
			return
		}
		m.seen[r.address.Key()] = true
		m.recipients = append(m.recipients, r)
	}
	c.reply(250, "2.1.5", "noted")
}

// enough says why the message at hand can have no more recipients, if it cannot. What a key
// may never send to at once is refused here, because clients then divide the message.
func (c *conn) enough() string {
	has, g := len(c.mail.recipients), c.grant
	switch {
	case has >= c.s.Limits.Recipients:
		return fmt.Sprintf("at most %d recipients in one message", c.s.Limits.Recipients)
	case g.Rate > 0 && has >= g.Rate:
		return fmt.Sprintf("this API key may send to %d recipients in a minute", g.Rate)
	case g.Daily > 0 && has >= g.Daily:
		return fmt.Sprintf("this API key may send to %d recipients in 24 hours", g.Daily)
	}
	return ""
}

// overMany refuses a recipient for now: the message goes to those that were taken, and the
// client says the others again (RFC 5321 section 4.5.3.1.10). It may say all that it has
// in one go, within a bound.
func (c *conn) overMany(why string) {
	c.reply(452, "4.5.3", why+": send the others another one")
	c.idle--
	if c.mail.over++; c.mail.over >= 10*c.s.Limits.Recipients {
		c.reply(421, "4.7.0", "too many recipients over the limit: the connection is closed")
		c.close()
	}
}

// noAddress says what is wrong with a recipient; the names of users on the client's
// own machine are what programs mostly give.
func noAddress(to string, err error) string {
	switch {
	case to == "":
		return "<> is nobody: give a recipient (MAIL FROM alone may be <>)"
	case !strings.Contains(to, "@"):
		return fmt.Sprintf("%q is no whole address: tell the program to write to one such as %s@example.com (cron: MAILTO)", to, strings.Trim(to, " "))
	}
	return fmt.Sprintf("%q: %v", to, err)
}

// notifies are the values of NOTIFY (RFC 3461 section 4.1).
var notifies = []string{"NEVER", "SUCCESS", "FAILURE", "DELAY"}

func rcptParams(r *recipient, params []param) *refusal {
	for _, p := range params {
		switch p.name {
		case "NOTIFY":
			for v := range strings.SplitSeq(strings.ToUpper(p.value), ",") {
				if !slices.Contains(notifies, v) || slices.Contains(r.notify, v) {
					return refuse(501, "5.5.4", "NOTIFY is NEVER, or some of SUCCESS, FAILURE, DELAY")
				}
				r.notify = append(r.notify, v)
			}
			if len(r.notify) > 1 && slices.Contains(r.notify, "NEVER") {
				return refuse(501, "5.5.4", "NOTIFY=NEVER stands alone")
			}
		case "ORCPT":
			kind, address, ok := strings.Cut(p.value, ";")
			address, err := xtext(address)
			if !ok || err != nil || len(p.value) > 500 || kind == "" || strings.ContainsFunc(kind, notKeyword) {
				return refuse(501, "5.5.4", "ORCPT has to be rfc822;address, in xtext (RFC 3461 section 4.2)")
			}
			r.orcpt = kind + ";" + address
		default:
			return refuse(555, "5.5.4", "unknown parameter %s", p.name)
		}
	}
	return nil
}

// param is one ESMTP parameter, its name in capitals.
type param struct{ name, value string }

var errPath = errors.New("an address in angle brackets is missing")

// path reads what MAIL and RCPT name (RFC 5321 section 4.1.2), leniently where
// clients are sloppy and nothing can be mistaken: a space after the colon, no
// brackets, a source route, which is ignored.
func path(arg, prefix string) (address string, params []param, err error) {
	if len(arg) < len(prefix) || !strings.EqualFold(arg[:len(prefix)], prefix) {
		return "", nil, errPath
	}
	rest := strings.TrimLeft(arg[len(prefix):], " ")
	if inner, ok := strings.CutPrefix(rest, "<"); ok {
		end := closing(inner)
		if end < 0 {
			return "", nil, errors.New("the > is missing")
		}
		address, rest = inner[:end], inner[end+1:]
		if rest != "" && rest[0] != ' ' {
			return "", nil, errors.New("something stands right after the >")
		}
	} else {
		address, rest, _ = strings.Cut(rest, " ")
		if address == "" {
			return "", nil, errPath
		}
	}
	if strings.HasPrefix(address, "@") {
		if i := strings.IndexByte(address, ':'); i > 0 {
			address = address[i+1:]
		}
	}
	params, err = parameters(rest)
	return address, params, err
}

// closing is where the bracket closes: not within quotes.
func closing(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '>' && !quoted:
			return i
		}
	}
	return -1
}

func parameters(s string) (out []param, err error) {
	seen := map[string]bool{}
	for _, f := range strings.Fields(s) {
		name, value, _ := strings.Cut(f, "=")
		name = strings.ToUpper(name)
		if seen[name] {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		if seen[name] = true; name == "" || strings.ContainsFunc(name, notKeyword) {
			return nil, errors.New("what follows the address is no parameter")
		}
		out = append(out, param{name, value})
	}
	return out, nil
}

// notKeyword tells what an ESMTP keyword cannot have (RFC 5321 section 4.1.2).
func notKeyword(r rune) bool {
	return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// xtext decodes RFC 3461 section 4.
func xtext(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			if i+2 >= len(s) {
				return "", errPath
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil || n < ' ' || n > '~' {
				return "", errPath
			}
			b.WriteByte(byte(n))
			i += 2
		case c <= ' ' || c > '~' || c == '=':
			return "", errPath
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}
