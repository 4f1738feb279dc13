package sandbox

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// data is DATA (RFC 5321 section 4.1.1.4).
func (t *talk) data() {
	switch {
	case !t.begun || t.chunked:
		t.reply(503, "5.5.1", "MAIL first.")
		return
	case len(t.recipients) == 0:
		t.reply(503, "5.5.1", "RCPT first.")
		return
	}
	t.say("354 Go ahead " + t.id + " - gsmtp")
	raw, large, err := t.content(maxSMTPSize)
	if err != nil {
		t.over = true
		return
	}
	if large {
		t.reply(552, "5.2.3", textTooLarge)
		t.reset()
		return
	}
	t.take(raw)
}

// bdat is BDAT (RFC 3030 section 2).
func (t *talk) bdat(arg string) {
	words := strings.Fields(arg)
	if len(words) == 0 || len(words) > 2 {
		t.reply(501, "5.5.4", "Syntax error in parameters or arguments")
		return
	}
	size, err := strconv.ParseInt(words[0], 10, 64)
	last := len(words) == 2 && strings.EqualFold(words[1], "LAST")
	if err != nil || size < 0 || len(words) == 2 && !last {
		t.reply(501, "5.5.4", "Syntax error in parameters or arguments")
		return
	}
	ready := t.begun && len(t.recipients) > 0
	room := maxSMTPSize - int64(len(t.chunks))
	_ = t.conn.SetReadDeadline(time.Now().Add(commandPatience))
	if !ready || size > room { // the octets follow all the same
		if _, err := io.CopyN(io.Discard, t.in, size); err != nil {
			t.over = true
			return
		}
		if ready {
			t.reply(552, "5.2.3", textTooLarge)
		} else {
			t.reply(503, "5.5.1", "RCPT first.")
		}
		t.reset()
		return
	}
	t.chunk(size, last)
}

func (t *talk) chunk(size int64, last bool) {
	part := make([]byte, size)
	if _, err := io.ReadFull(t.in, part); err != nil {
		t.over = true
		return
	}
	t.chunks, t.chunked = append(t.chunks, part...), true
	if !last {
		t.reply(250, "2.0.0", fmt.Sprintf("OK %d octets received", size))
		return
	}
	t.take(t.chunks)
}

// take keeps a message, unless a fault says otherwise, and answers.
func (t *talk) take(raw []byte) {
	defer t.reset()
	if bareLineEnd(raw) {
		t.reply(550, "5.6.11", "Bare CR or LF in the message (RFC 5321 section 2.3.8).")
		return
	}
	head := readHeader(raw)
	p := t.door.google.faults.plan(question{
		stage: atData, via: t.door.via(), accounts: []string{t.account(t.from), t.from},
		recipients: t.recipients, key: attemptKey(head),
	})
	if slow, ok := p.modifier(faultSlow); ok {
		wait(t.door.ctx, context.Background(), slow.millis(slowMillis))
	}
	if t.misbehave(p, faultTimeoutBefore, faultCutBefore) {
		return
	}
	if p.outcome.refuses() || p.is(faultSMTP) {
		t.refuse(p.outcome, true)
		return
	}
	m, err := t.door.google.post.take(t.parcel(raw, head, p))
	if err != nil {
		t.reply(451, "4.3.0", "Mail server temporarily rejected message.")
		return
	}
	if t.misbehave(p, faultTimeoutAfter, faultCutAfter) {
		return
	}
	if p.is(faultErrorAfter) {
		t.refuse(fault{faultServerError, p.outcome.arg}, true)
		return
	}
	t.say(fmt.Sprintf("250 2.0.0 OK  %d %s.%s - gsmtp", t.door.google.now().Unix(), m.id, t.id))
}

// parcel is the message on its way in. smtp.gmail.com makes of it what the Gmail
// API makes, and keeps a copy in Sent; the relay passes it on as it is.
func (t *talk) parcel(raw []byte, head header, p plan) parcel {
	in := parcel{
		via: t.door.via(), account: t.account(t.from), mailFrom: t.from, recipients: t.recipients,
		raw: raw, header: head,
	}
	if t.door.relay {
		if _, ok := p.modifier(faultNewMessageID); ok {
			in.inbox = head.with(renamed(head.first("Message-Id"))...)
		}
		return in
	}
	in.mailFrom = t.user
	return t.door.google.compose(in, p)
}

// misbehave holds or cuts the connection when the plan's outcome is one of the
// two.
func (t *talk) misbehave(p plan, timeout, reset string) bool {
	switch p.outcome.name {
	case timeout:
		hangConn(t.conn)
	case reset:
		cut(t.conn)
	default:
		return false
	}
	t.over = true
	return true
}
