package main

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

var errDial = errors.New("cannot connect")

func (s *smtpSender) reply() (int, string, error) {
	for {
		l, err := s.br.ReadString('\n')
		if err != nil {
			return 0, "", err
		}
		if len(l) < 4 {
			return 0, l, fmt.Errorf("bad reply %q", l)
		}
		if l[3] == '-' {
			continue
		}
		code, err := strconv.Atoi(l[:3])
		return code, strings.TrimSpace(l), err
	}
}

func (s *smtpSender) cmd(want int, format string, a ...any) error {
	if _, err := fmt.Fprintf(s.conn, format+"\r\n", a...); err != nil {
		return err
	}
	code, line, err := s.reply()
	if err != nil {
		return err
	}
	if code/100 != want {
		return &refusal{line}
	}
	return nil
}

// connect dials where there is no connection; in kill mode it keeps trying for a while.
func (s *smtpSender) connect() error {
	if s.conn != nil {
		return nil
	}
	until := time.Now().Add(s.reconnect)
	for {
		err := s.dial()
		if err == nil || s.killCmd == "" || time.Now().After(until) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (s *smtpSender) dial() error {
	d := net.Dialer{Timeout: 10 * time.Second}
	conn, err := d.Dial("tcp", s.smtp.addr)
	if err != nil {
		return fmt.Errorf("%w: %w", errDial, err)
	}
	if s.smtp.tls {
		conn = tls.Client(conn, unverified())
	}
	s.use(conn)
	s.sent = 0
	if err := s.greet(); err != nil {
		s.drop()
		return fmt.Errorf("%w: %w", errDial, err)
	}
	return nil
}

func (s *smtpSender) use(conn net.Conn) {
	s.conn, s.br = conn, bufio.NewReader(conn)
	s.within(time.Minute)
}

// unverified: the sink makes its own certificate, and other servers under test have theirs.
func unverified() *tls.Config { return &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"} }

func (s *smtpSender) greet() error {
	code, line, err := s.reply()
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if code != 220 {
		return &refusal{line}
	}
	if err := s.cmd(2, "EHLO bench.test"); err != nil {
		return err
	}
	if s.smtp.starttls {
		if err := s.cmd(2, "STARTTLS"); err != nil {
			return err
		}
		s.use(tls.Client(s.conn, unverified()))
		if err := s.cmd(2, "EHLO bench.test"); err != nil {
			return err
		}
	}
	if s.smtp.user == "" {
		return nil
	}
	return s.cmd(2, "AUTH %s %s", s.smtp.mechanism, s.smtp.initialResponse())
}

func (c *smtpConfig) initialResponse() string {
	ir := "\x00" + c.user + "\x00" + c.pass
	if c.mechanism == "XOAUTH2" {
		ir = "user=" + c.user + "\x01auth=Bearer " + c.pass + "\x01\x01"
	}
	return base64.StdEncoding.EncodeToString([]byte(ir))
}

func classify(err error, otherwise outcome) outcome {
	var ref *refusal
	if errors.As(err, &ref) {
		return refused
	}
	return otherwise
}
