package sandbox

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"net"
	"strings"
	"time"
)

// wire is the lines and bytes of an SMTP connection, whoever speaks on it.
type wire struct {
	conn   net.Conn
	in     *bufio.Reader
	secure bool // TLS is on
	over   bool
}

func newWire(conn net.Conn, config *tls.Config, implicit bool) wire {
	if implicit {
		conn = tls.Server(conn, config)
	}
	return wire{conn: conn, in: newReader(conn), secure: implicit}
}

// line reads a line without its end.
func (t *wire) line() (string, error) {
	_ = t.conn.SetReadDeadline(time.Now().Add(commandPatience))
	line, err := t.in.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

func (t *wire) say(lines ...string) {
	_ = t.conn.SetWriteDeadline(time.Now().Add(time.Minute))
	if _, err := t.conn.Write([]byte(strings.Join(lines, "\r\n") + "\r\n")); err != nil {
		t.over = true
	}
}

// host is the client's address.
func (t *wire) host() string {
	host, _, _ := net.SplitHostPort(t.conn.RemoteAddr().String())
	return host
}

// encrypt begins TLS after the answer to STARTTLS.
func (t *wire) encrypt(config *tls.Config) {
	secured := tls.Server(t.conn, config)
	_ = secured.SetDeadline(time.Now().Add(time.Minute))
	if err := secured.Handshake(); err != nil {
		t.over = true
		return
	}
	_ = secured.SetDeadline(time.Time{})
	t.conn, t.in, t.secure = secured, newReader(secured), true
}

// content reads up to the line with the dot alone and takes the stuffed dots away
// (section 4.5.2). What is too large is read and forgotten.
func (t *wire) content(limit int) (raw []byte, large bool, err error) {
	begin := true // of a line
	half := false // CR was the last byte of a piece of a long line
	for {
		_ = t.conn.SetReadDeadline(time.Now().Add(commandPatience))
		part, err := t.in.ReadSlice('\n')
		if err != nil && len(part) == 0 {
			return nil, false, err
		}
		if begin && string(part) == ".\r\n" {
			return raw, large, nil
		}
		ended := bytes.HasSuffix(part, []byte("\r\n")) || half && part[0] == '\n'
		half = part[len(part)-1] == '\r'
		if begin && part[0] == '.' {
			part = part[1:]
		}
		begin = ended
		if large = large || len(raw)+len(part) > limit; large {
			raw = nil
			continue
		}
		raw = append(raw, part...)
	}
}
