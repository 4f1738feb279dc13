package sandbox

import (
	"context"
	"fmt"
	"io"
	"net/mail"
	"strconv"
	"strings"
	"time"
)

// data is DATA. What the mailbox may not send is refused after it.
func (t *exchangeTalk) data() {
	switch {
	case !t.begun || t.chunked:
		t.reply(503, "5.5.2", "Need mail command "+t.name())
		return
	case len(t.recipients) == 0:
		t.reply(503, "5.5.2", "Need rcpt command "+t.name())
		return
	}
	t.say("354 Start mail input; end with <CRLF>.<CRLF>")
	p := t.door.plan(atDataBegin, t.accounts(), t.recipients, "")
	if p.is(faultDataCut) {
		_, _ = io.CopyN(io.Discard, t.in, int64(p.outcome.number(dataCutAfter)))
		cut(t.conn)
		t.over = true
		return
	}
	raw, large, err := t.content(exchangeSize)
	if err != nil {
		t.over = true
		return
	}
	t.take(raw, large)
}

// dataCutAfter is how many bytes are read before the connection is reset.
const dataCutAfter = 512

// bdat is BDAT (RFC 3030 section 2).
func (t *exchangeTalk) bdat(arg string) {
	words := strings.Fields(arg)
	if len(words) == 0 || len(words) > 2 {
		t.reply(501, "5.5.4", "Invalid arguments "+t.name())
		return
	}
	size, err := strconv.ParseInt(words[0], 10, 64)
	last := len(words) == 2 && strings.EqualFold(words[1], "LAST")
	if err != nil || size < 0 || len(words) == 2 && !last {
		t.reply(501, "5.5.4", "Invalid arguments "+t.name())
		return
	}
	ready := t.begun && len(t.recipients) > 0
	if !ready || size > exchangeSize-int64(len(t.chunks)) {
		if _, err := io.CopyN(io.Discard, t.in, size); err != nil {
			t.over = true
			return
		}
		t.sayFault(map[bool]string{true: "size", false: "bad_address"}[ready])
		t.reset()
		return
	}
	_ = t.conn.SetReadDeadline(time.Now().Add(commandPatience))
	part := make([]byte, size)
	if _, err := io.ReadFull(t.in, part); err != nil {
		t.over = true
		return
	}
	t.chunks, t.chunked = append(t.chunks, part...), true
	if !last {
		t.reply(250, "2.6.0", fmt.Sprintf("CHUNK received OK, %d octets", size))
		return
	}
	t.take(t.chunks, false)
}

// take keeps a message, unless a rule or a fault says otherwise.
func (t *exchangeTalk) take(raw []byte, large bool) {
	defer t.reset()
	head := readHeader(raw)
	if name := t.object(raw, large, head); name != "" {
		t.sayFault(name)
		return
	}
	if author := t.foreign(head); author != "" {
		t.reply(554, "5.2.252", fmt.Sprintf("SendAsDenied; %s not allowed to send as %s; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; "+
			"Failed to process message due to a permanent exception with message %s", t.box.Address, ascii(author), t.name()))
		return
	}
	p := t.door.plan(atData, t.accounts(), t.recipients, attemptKey(head))
	if slow, ok := p.modifier(faultSlow); ok {
		wait(t.door.ctx, context.Background(), slow.millis(slowMillis))
	}
	switch p.outcome.name {
	case faultTimeoutBefore, faultCutBefore:
		t.misbehave(p)
		return
	case faultExchange, faultUnauthorized, faultQuota, faultRate, faultServerError, faultRefused:
		t.refuse(p.outcome, true)
		return
	}
	if !t.spend() {
		return
	}
	t.accept(raw, head, p)
}

// object says why a message is not taken, by the name of the error.
func (t *exchangeTalk) object(raw []byte, large bool, head header) string {
	m := t.door.microsoft
	m.mu.RLock()
	defer m.mu.RUnlock()
	switch {
	case large || int64(len(raw)) > t.box.sizeLimit():
		return "size"
	case bareLineEnd(raw):
		return "characters"
	case t.box.Full && head.end >= 0:
		return "mailbox_full"
	}
	return ""
}

// foreign is the author of a message, or its MAIL FROM, as whom the mailbox may not
// send; "" where it may.
func (t *exchangeTalk) foreign(head header) string {
	m := t.door.microsoft
	m.mu.Lock()
	defer m.mu.Unlock()
	names := []string{t.from}
	if author, err := mail.ParseAddress(head.first("From")); err == nil {
		names = append(names, author.Address)
	}
	for _, name := range names {
		if name != "" && !m.maySendAs(t.pass, t.box, name) {
			return name
		}
	}
	return ""
}

// spend counts the message for the minute and its recipients for the day.
func (t *exchangeTalk) spend() bool {
	m := t.door.microsoft
	m.mu.Lock()
	now := m.now()
	late, ok := t.box.slot(now)
	enough := ok && t.box.spendDay(len(t.recipients), now)
	m.mu.Unlock()
	switch {
	case !ok:
		t.sayFault("submission_rate")
	case !enough:
		t.sayFault("quota")
	case late > 0:
		wait(t.door.ctx, context.Background(), late)
	}
	return enough
}

// accept takes the message and answers.
func (t *exchangeTalk) accept(raw []byte, head header, p plan) {
	m := t.door.microsoft
	in := parcel{
		via: viaMicrosoftSMTP, account: t.box.Address, mailFrom: t.from, recipients: t.recipients, raw: raw, header: head,
	}
	got, err := m.post.take(m.compose(in, p))
	if err != nil {
		t.sayFault("temporary")
		return
	}
	switch p.outcome.name {
	case faultTimeoutAfter, faultCutAfter:
		t.misbehave(p)
		return
	case faultErrorAfter:
		t.refuse(fault{faultServerError, p.outcome.arg}, true)
		return
	}
	id := head.first("Message-Id")
	if id == "" {
		id = "<" + got.id + "@" + exchangeName + ">"
	}
	t.reply(250, "2.0.0", "OK "+ascii(id)+" [Hostname="+exchangeName+"]")
}

// misbehave holds or cuts the connection.
func (t *exchangeTalk) misbehave(p plan) {
	t.over = true
	if p.is(faultTimeoutBefore, faultTimeoutAfter) {
		hangConn(t.conn)
		return
	}
	cut(t.conn)
}

// compose makes what Exchange makes of a message: a Message-ID and a date are there,
// the copies of recipients show no Bcc, and one is in Sent Items.
func (m *microsoft) compose(in parcel, p plan) parcel {
	head := in.header
	var changes []change
	if id := head.first("Message-Id"); id == "" {
		changes = append(changes, change{"Message-ID", newExchangeID()})
	} else if _, ok := p.modifier(faultNewMessageID); ok {
		changes = append(changes, change{"Message-ID", newExchangeID()})
	}
	if head.first("Date") == "" {
		changes = append(changes, change{"Date", m.now().UTC().Format(time.RFC1123Z)})
	}
	in.sent, in.sentDelay = head.with(changes...), m.sentDelay
	if late, ok := p.modifier(faultLateSent); ok {
		in.sentDelay = late.millis(lateSentMillis)
	}
	in.inbox = in.sent
	if head.has("Bcc") {
		in.inbox = head.with(append(changes, change{name: "Bcc"})...)
	}
	return in
}

// newExchangeID makes a Message-ID of the form that Exchange makes.
func newExchangeID() string {
	return "<" + strings.ToUpper(randomHex(16)) + "@SY5P282MB0097.AUSP282.PROD.OUTLOOK.COM>"
}
