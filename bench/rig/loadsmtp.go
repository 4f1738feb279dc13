package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// refusal is a reply that is not the one wanted.
type refusal struct{ line string }

func (e *refusal) Error() string { return e.line }

// smtpSender submits one command at a time like the common libraries, or pipelined. It keeps its
// connection from message to message.
type smtpSender struct {
	*config
	text string
	conn net.Conn
	br   *bufio.Reader
	sent int
}

func (c *config) smtpSenders(text string) func() sender {
	return func() sender { return &smtpSender{config: c, text: text} }
}

func (s *smtpSender) close() {
	if s.conn == nil {
		return
	}
	s.within(2 * time.Second)
	if _, err := fmt.Fprintf(s.conn, "QUIT\r\n"); err == nil {
		_, _ = s.br.ReadString('\n') // the answer to QUIT changes nothing
	}
	s.drop()
}

func (s *smtpSender) drop() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// within limits the time of what follows; a connection that cannot take it fails at its next use.
func (s *smtpSender) within(d time.Duration) { _ = s.conn.SetDeadline(time.Now().Add(d)) }

func (s *smtpSender) send(m job) (outcome, error) {
	for try := 0; ; try++ {
		fresh := s.conn == nil
		if err := s.connect(); err != nil {
			return notSent, err
		}
		o, err := s.transaction(m)
		if err == nil {
			s.count()
			return o, nil
		}
		if s.recover(err) {
			return o, err
		}
		// The server closed an idle or used-up connection before anything was sent: one new try.
		if o != notSent || fresh || try >= 2 {
			return o, err
		}
	}
}

// count ends a connection that has carried its share.
func (s *smtpSender) count() {
	s.sent++
	if s.smtp.perConn > 0 && s.sent >= s.smtp.perConn {
		s.close()
	}
}

// recover resets the connection after a refusal; after anything else, and after 421, it drops it and
// says false.
func (s *smtpSender) recover(err error) bool {
	var ref *refusal
	if !errors.As(err, &ref) || strings.HasPrefix(ref.line, "421") {
		s.drop()
		return false
	}
	s.within(10 * time.Second)
	if s.cmd(2, "RSET") != nil {
		s.drop()
	}
	return true
}

// transaction submits one message on the open connection.
func (s *smtpSender) transaction(m job) (outcome, error) {
	s.within(2 * time.Minute)
	msg := s.message(s.text, m)
	if o, err := s.envelope(s.rcptOf(m.n)); err != nil {
		return o, err
	}
	if _, err := s.conn.Write(append(msg, ".\r\n"...)); err != nil {
		return ambiguous, err
	}
	code, line, err := s.reply()
	if err != nil {
		return ambiguous, err
	}
	if code/100 != 2 {
		return refused, &refusal{line}
	}
	return accepted, nil
}

func (s *smtpSender) envelope(rcpt string) (outcome, error) {
	if s.smtp.pipelining {
		return s.pipelined(rcpt)
	}
	for _, c := range []struct {
		want int
		line string
	}{{2, "MAIL FROM:<" + s.from + ">"}, {2, "RCPT TO:<" + rcpt + ">"}, {3, "DATA"}} {
		if err := s.cmd(c.want, "%s", c.line); err != nil {
			return classify(err, notSent), err
		}
	}
	return accepted, nil
}

// pipelined drops the connection on a refusal: replies are out of step then.
func (s *smtpSender) pipelined(rcpt string) (outcome, error) {
	if _, err := fmt.Fprintf(s.conn, "MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n", s.from, rcpt); err != nil {
		return notSent, err
	}
	for _, want := range []int{2, 2, 3} {
		code, line, err := s.reply()
		if err != nil {
			return notSent, err
		}
		if code/100 != want {
			return refused, &refusal{"421 " + line}
		}
	}
	return accepted, nil
}
