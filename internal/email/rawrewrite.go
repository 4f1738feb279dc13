package email

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// DateFormat is the form of a Date field (RFC 5322 section 3.3).
const DateFormat = "Mon, 02 Jan 2006 15:04:05 -0700"

// Marks are the fields that gatepost adds to a message.
type Marks struct {
	ID   ID
	Now  time.Time
	Host string // right side of a Message-ID; empty: the domain of From
}

// Rewrite writes the message as it will be sent: without Bcc, Return-Path, idempotency
// keys and X-Gatepost fields of the caller, with gatepost's id at the top, with Date and
// Message-ID where they are missing. Everything else stays byte for byte. It
// returns the Message-ID, with angle brackets.
func (r Raw) Rewrite(w io.Writer, m Marks) (messageID string, err error) {
	top := HeaderID + ": " + m.ID + "\r\n"
	if len(r.header.Values("Date")) == 0 {
		top += "Date: " + m.Now.UTC().Format(DateFormat) + "\r\n"
	}
	// An empty Message-ID field is dropped below and replaced.
	if messageID = r.MessageID; messageID == "" {
		messageID = NewMessageID(m, r.From)
		top += "Message-ID: " + messageID + "\r\n"
	}
	chunks := [][]byte{[]byte(top)}
	for _, f := range r.header {
		if dropped(f) {
			continue
		}
		if chunks = append(chunks, f.Raw); !endsLine(f.Raw) { // the last of a message that has no body
			chunks = append(chunks, []byte("\r\n"))
		}
	}
	chunks = append(chunks, []byte("\r\n"), r.body)
	for _, b := range chunks {
		if _, err := w.Write(b); err != nil {
			return "", fmt.Errorf("write message: %w", err)
		}
	}
	return messageID, nil
}

// NewMessageID makes the Message-ID of a message from its id.
func NewMessageID(m Marks, from Address) string {
	host := m.Host
	if host == "" {
		host = from.Domain
	}
	return "<" + m.ID + "@" + host + ">"
}

// dropped tells which fields do not leave: those that show blind recipients and
// those that are not the caller's to set.
func dropped(f Field) bool {
	switch name := strings.ToLower(f.Name); name {
	case "bcc", "resent-bcc", "return-path", "resend-idempotency-key":
		return true
	case "message-id":
		return f.Value() == ""
	default:
		return strings.HasPrefix(name, "x-gatepost-")
	}
}

func endsLine(b []byte) bool { return len(b) > 0 && b[len(b)-1] == '\n' }
