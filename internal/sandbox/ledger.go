package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Ways by which mail comes in.
const (
	viaGmail     = "gmail"      // the Gmail API
	viaGmailSMTP = "gmail_smtp" // smtp.gmail.com
	viaSMTP      = "smtp"       // the relays

	viaMicrosoft     = "microsoft"      // Microsoft Graph
	viaMicrosoftSMTP = "microsoft_smtp" // Exchange Online
)

// Entry is a line of the ledger: one message that the world took.
type Entry struct {
	At         time.Time `json:"at"`
	Via        string    `json:"via"`         // "gmail", "gmail_smtp", "microsoft", "microsoft_smtp" or "smtp"
	Account    string    `json:"account"`     // the mailbox, or the relay's login
	ProviderID string    `json:"provider_id"` // the world's own id of the message
	GatepostID string    `json:"gatepost_id"` // from X-Gatepost-Id
	MessageID  string    `json:"message_id"`
	MailFrom   string    `json:"mail_from"`
	Recipients []string  `json:"recipients"`
	Size       int       `json:"size"`
	SHA256     string    `json:"sha256"` // of the RFC 5322 bytes as taken
}

// ledger appends entries to a file. The file is opened for appending and each
// line is one write, so lines of several writers never mix.
type ledger struct{ file *os.File }

func openLedger(path string) (*ledger, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	return &ledger{f}, nil
}

// add returns once the line is in the file.
func (l *ledger) add(e Entry) error {
	var line bytes.Buffer
	enc := json.NewEncoder(&line) // ends the line
	enc.SetEscapeHTML(false)      // <id@host> shall be found by grep
	if err := enc.Encode(e); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	if _, err := l.file.Write(line.Bytes()); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

// Close implements io.Closer.
func (l *ledger) Close() error { return ignoreClosed(l.file.Close()) }
