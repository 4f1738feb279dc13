package sandbox

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/textproto"

	"github.com/emersion/go-smtp"
)

// replies speaks SMTP line by line.
type replies struct {
	conn net.Conn
	text *textproto.Conn
}

func newReplies(c net.Conn) replies { return replies{c, textproto.NewConn(c)} }

// ask writes what it is given and reads the reply; another code than the wanted
// one is an error.
func (r replies) ask(line string, code int) error {
	if _, err := io.WriteString(r.conn, line); err != nil {
		return err
	}
	got, text, err := r.text.ReadResponse(code)
	if err == nil {
		return nil
	}
	e := &smtp.SMTPError{Code: got, Message: text}
	if _, scan := fmt.Sscanf(text, "%d.%d.%d", &e.EnhancedCode[0], &e.EnhancedCode[1], &e.EnhancedCode[2]); scan != nil {
		return err
	}
	return e
}

func base64Plain(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
}
