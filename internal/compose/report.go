package compose

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"gatepost/internal/email"
)

// Report is what a mail system tells the sender of a message (RFC 3464), as a message of
// three parts (RFC 6522): for people, for programs, and what it is about.
type Report struct {
	From, To   email.Address
	Host       string // which tells it
	EnvelopeID string // of the sender, or empty
	Subject    string
	Text       []string // lines for people
	Recipients []ReportedRecipient
	Message    []byte // the message, or its header; nil: neither is there any more
	Whole      bool   // it is all of the message
	InReplyTo  string // its Message-ID
	Boundary   string
}

// ReportedRecipient is what became of one recipient (RFC 3464 section 2.3).
type ReportedRecipient struct {
	Address    string
	Original   string // ORCPT, or empty
	Action     string // "failed" or "relayed"
	Status     string // as 5.1.1
	Diagnostic string // what the next hop said, or empty
}

// Write writes the message, without Date and Message-ID.
func (r Report) Write(w io.Writer) error {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("From: Mail Delivery System <%s>", r.From.Addr())
	line("To: %s", r.To.Addr())
	line("Subject: %s", r.Subject)
	line("Auto-Submitted: auto-replied")
	if r.InReplyTo != "" && len(r.InReplyTo) < maxWord && isASCII(r.InReplyTo) {
		line("In-Reply-To: %s", r.InReplyTo)
	}
	line("MIME-Version: 1.0")
	line("Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"%s\"\r\n", r.Boundary)
	line("--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n", r.Boundary)
	for _, l := range r.Text {
		line("%s", plainLine(l))
	}
	line("--%s\r\nContent-Type: message/delivery-status\r\n", r.Boundary)
	line("Reporting-MTA: dns; %s", r.Host)
	if r.EnvelopeID != "" {
		line("Original-Envelope-Id: %s", plainLine(r.EnvelopeID))
	}
	for _, p := range r.Recipients {
		line("")
		if p.Original != "" {
			line("Original-Recipient: %s", plainLine(p.Original))
		}
		line("Final-Recipient: rfc822; %s\r\nAction: %s\r\nStatus: %s", plainLine(p.Address), p.Action, p.Status)
		if p.Diagnostic != "" {
			line("Diagnostic-Code: smtp; %s", plainLine(p.Diagnostic))
		}
	}
	if r.Message != nil {
		kind := "text/rfc822-headers"
		if r.Whole {
			kind = "message/rfc822"
		}
		line("\r\n--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: 8bit\r\n", r.Boundary, kind)
		b.Write(bytes.TrimRight(r.Message, "\r\n"))
	}
	line("\r\n--%s--", r.Boundary)
	_, err := w.Write(b.Bytes())
	return err
}

// plainLine is one line of ASCII, not longer than lines may be.
func plainLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), 900)]
}
