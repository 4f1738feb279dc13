package kill

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"
)

// raw is a message as a program with SMTP writes it: the same bytes each time. What is not keyed has no
// Message-ID. It has no line that begins with a dot.
func (m *submission) raw() string {
	var b strings.Builder
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: Message %05d\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n", gmailSender, m.marker(), m.n)
	if m.keyed {
		fmt.Fprintf(&b, "Message-ID: <%s@shop.example>\r\n", m.key())
	}
	return b.String() + "\r\n" + m.text(3*shortText)
}

// firstPart is more than what gatepost has to read to pass smtp.body.half, and less than a message.
const firstPart = 2 * shortText

// pause is how long a client waits within a message: a serve that dies there has not been sent its end.
const pause = 20 * time.Millisecond

// handSMTP hands a message over on a connection of its own.
func (s *station) handSMTP(m *submission) (id string, err error) {
	nc, err := net.DialTimeout("tcp", s.smtp, 30*time.Second)
	if err != nil {
		return "", errLater
	}
	d := &dialogue{nc: nc, text: textproto.NewConn(nc)}
	defer d.text.Close()
	if err := d.envelope(s.key, m); err != nil {
		return "", d.verdict(err, errLater)
	}
	if err := d.content(m.raw()); err != nil {
		return "", d.verdict(err, errCut)
	}
	_, kept, err := d.text.ReadResponse(250)
	if err != nil {
		return "", d.verdict(err, errUnanswered)
	}
	id, ok := strings.CutPrefix(kept, "2.0.0 kept as ")
	if !ok {
		return "", fmt.Errorf("250 without an id: %s", kept)
	}
	return id, nil
}

// dialogue is one SMTP connection.
type dialogue struct {
	nc   net.Conn
	text *textproto.Conn
}

// verdict tells replies from the end of the connection, which means what ended says. After a 4yz nothing
// is kept, and the message may come again (RFC 5321 section 4.2.1).
func (d *dialogue) verdict(err, ended error) error {
	var reply *textproto.Error
	switch {
	case !errors.As(err, &reply):
		return ended
	case reply.Code/100 == 4:
		return errLater
	}
	return fmt.Errorf("refused: %w", err)
}

// envelope is all that comes before the message.
func (d *dialogue) envelope(key string, m *submission) error {
	_ = d.nc.SetDeadline(time.Now().Add(30 * time.Second)) // a socket that has none shows at once
	if _, _, err := d.text.ReadResponse(220); err != nil {
		return err
	}
	for _, step := range []struct {
		code int
		line string
	}{
		{250, "EHLO shop.example"},
		{235, "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00kill\x00"+key))},
		{250, "MAIL FROM:<" + gmailSender + ">"},
		{250, "RCPT TO:<" + m.marker() + ">"},
		{354, "DATA"},
	} {
		if err := d.text.PrintfLine("%s", step.line); err != nil {
			return err
		}
		if _, _, err := d.text.ReadResponse(step.code); err != nil {
			return err
		}
	}
	return nil
}

// content writes the message, and waits in the midst of it. Only when it returns no error the final dot has
// left, after which the message may be kept.
func (d *dialogue) content(raw string) error {
	if _, err := d.nc.Write([]byte(raw[:firstPart])); err != nil {
		return err
	}
	if err := d.stands(pause); err != nil {
		return err
	}
	for _, part := range []string{raw[firstPart:], ".\r\n"} {
		if _, err := d.nc.Write([]byte(part)); err != nil {
			return err
		}
	}
	return nil
}

// stands waits for a while, and returns an error if the connection ends meanwhile.
func (d *dialogue) stands(a time.Duration) error {
	_ = d.nc.SetReadDeadline(time.Now().Add(a))
	_, err := d.text.R.Peek(1)
	_ = d.nc.SetReadDeadline(time.Now().Add(30 * time.Second))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return nil
	}
	return err
}
