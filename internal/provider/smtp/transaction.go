package smtp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// transaction is one message on one session: MAIL, RCPT, DATA, content.
type transaction struct {
	*account
	s    *session
	ctx  context.Context
	env  email.Envelope
	body *body

	author   *string // the address in From, once somebody has asked
	results  []provider.Result
	accepted int
	// What became of the session.
	stale  bool // it was dead before the relay said a word
	broken bool // it must not be used again
	open   bool // a transaction is open in it that needs RSET
}

// run takes the message through. An error means that nobody has it, but for
// class Unknown.
func (t *transaction) run() (provider.Receipt, *provider.Error) {
	t.trace("connected")
	if problem := t.mayCarry(); problem != nil {
		return provider.Receipt{}, problem
	}
	t.s.within(commandPatience)
	if problem := t.reset(); problem != nil {
		return provider.Receipt{}, problem
	}
	problem, proceed := t.envelope()
	if problem != nil || !proceed {
		return t.receipt(""), problem
	}
	provider.WatchedIn(t.ctx).Say(provider.ByGatepost, "(the message, %d bytes)", t.body.msg.Size())
	if problem := t.content(); problem != nil {
		t.broken = true // the relay waits for more of the content
		return provider.Receipt{}, problem
	}
	t.trace("body.done")
	return t.verdict()
}

// reset clears what the message before left open.
func (t *transaction) reset() *provider.Error {
	if !t.s.dirty {
		return nil
	}
	r, err := t.s.say("RSET")
	if err == nil && r.ok() {
		t.s.dirty = false
		return nil
	}
	t.stale, t.broken = true, true
	return t.noReply(provider.StageMail, errors.Join(errReset, err))
}

// errReset says that a kept connection could not be used again.
var errReset = errors.New("reset a kept connection")

// envelope says MAIL, RCPT and DATA: in one write where the relay takes that
// (RFC 2920), else one by one. proceed tells whether the relay waits for content.
func (t *transaction) envelope() (problem *provider.Error, proceed bool) {
	_, pipelining := t.s.offers["PIPELINING"]
	if pipelining {
		if err := t.writeAll(); err != nil {
			t.stale, t.broken = t.s.reused, true
			return t.noReply(provider.StageMail, err), false
		}
	}
	ask := func(line func([]byte) []byte) (reply, error) {
		if !pipelining {
			said := line(t.s.scratch[:0])
			t.saying(said)
			if _, err := t.s.conn.Write(said); err != nil {
				return reply{}, err
			}
		}
		return t.s.hear()
	}
	problem = t.mail(ask(t.mailLine))
	if t.broken || problem != nil && !pipelining {
		return problem, false
	}
	for i, to := range t.env.Recipients {
		r, err := ask(func(b []byte) []byte { return rcptLine(b, to) })
		if later := t.rcpt(i, r, err); problem == nil {
			problem = later
		}
		if t.broken {
			return problem, false
		}
	}
	if (problem != nil || t.accepted == 0) && !pipelining {
		return problem, false
	}
	r, err := ask(dataLine)
	return t.data(problem, r, err)
}

// writeAll writes the whole envelope.
func (t *transaction) writeAll() error {
	b := t.mailLine(t.s.scratch[:0])
	for _, to := range t.env.Recipients {
		b = rcptLine(b, to)
	}
	t.s.scratch = dataLine(b)
	t.saying(t.s.scratch)
	_, err := t.s.conn.Write(t.s.scratch)
	return err
}

func (t *transaction) mailLine(b []byte) []byte {
	b = append(append(append(b, "MAIL FROM:<"...), t.env.From...), '>')
	if t.body.eightBit {
		b = append(b, " BODY=8BITMIME"...)
	}
	if t.needsUTF8() {
		b = append(b, " SMTPUTF8"...)
	}
	if _, ok := t.s.offers["SIZE"]; ok {
		b = strconv.AppendInt(append(b, " SIZE="...), t.body.msg.Size(), 10)
	}
	return append(b, "\r\n"...)
}

func rcptLine(b []byte, to string) []byte {
	return append(append(append(b, "RCPT TO:<"...), to...), ">\r\n"...)
}

func dataLine(b []byte) []byte { return append(b, "DATA\r\n"...) }

// mayCarry compares what the message needs with what the relay offers; fit has
// seen to 8BITMIME, which whoever offers SMTPUTF8 offers too (RFC 6531 section 3.1).
func (t *transaction) mayCarry() *provider.Error {
	if _, ok := t.s.offers["SMTPUTF8"]; t.needsUTF8() && !ok {
		return refuse("needs_smtputf8", "The local part of an address or the header is not ASCII, and the relay does not offer SMTPUTF8.", "Use addresses in ASCII and encoded words in the header.")
	}
	if most, err := strconv.ParseInt(strings.TrimSpace(t.s.offers["SIZE"]), 10, 64); err == nil && most > 0 && t.body.msg.Size() > most {
		return refuse("message_too_large", fmt.Sprintf("The message is larger than the %d bytes that the relay takes.", most), "Send a link in place of the attachment.")
	}
	return nil
}

func (t *transaction) needsUTF8() bool {
	if t.body.utf8 || hasHigh([]byte(t.env.From)) {
		return true
	}
	for _, to := range t.env.Recipients {
		if hasHigh([]byte(to)) {
			return true
		}
	}
	return false
}

func refuse(cause, text, fix string) *provider.Error {
	return &provider.Error{Class: provider.Fail, Scope: provider.ScopeMessage, Cause: cause, Text: text, Fix: fix}
}
