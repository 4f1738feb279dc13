package gmail

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// The Gmail API has no envelope: it sends to To, Cc and Bcc of the header. So
// the envelope must be told through the header, and what the header cannot say
// is refused.

// addressed returns the message with a Bcc field for the recipients that its
// header lacks. Gmail takes the field out before anybody gets the message
// (developers.google.com/workspace/gmail/api/guides/sending).
func addressed(env email.Envelope, msg email.Content) (email.Content, *provider.Error) {
	present, err := headerRecipients(msg)
	if err != nil {
		return nil, refuse("invalid_header", "The recipients in the message's header cannot be read with certainty: "+err.Error()+".", "Correct the header of the message.")
	}
	if len(env.Recipients) == 0 {
		return nil, refuse("no_recipients", "The envelope has no recipient.", "")
	}
	missing, problem := compare(env.Recipients, present)
	if problem != nil {
		return nil, problem
	}
	if len(missing) == 0 {
		return msg, nil
	}
	return &withBcc{field: bccField(missing), msg: msg}, nil
}

// compare returns the envelope's recipients that the header lacks, or the refusal
// when the header names somebody that the envelope leaves out.
func compare(envelope, header []string) ([]string, *provider.Error) {
	inHeader, inEnvelope := setOf(header), setOf(envelope)
	for _, h := range header {
		if !inEnvelope[fold(h)] {
			return nil, refuse("subset_of_header",
				"The header names a recipient whom this sending leaves out; Gmail reads recipients from the header and would send to all of them again.",
				"Send through an SMTP account, or give each recipient a message of its own.")
		}
	}
	var missing []string
	for _, e := range envelope {
		if inHeader[fold(e)] {
			continue
		}
		if strings.ContainsFunc(e, unsafeInField) {
			return nil, refuse("invalid_recipient", fmt.Sprintf("%q is not an address.", e), "Correct the address.")
		}
		missing = append(missing, e)
	}
	return missing, nil
}

// fold makes addresses comparable. Local parts could differ by case in theory
// (RFC 5321 section 2.4); treating them as one person is what mailboxes do.
func fold(address string) string { return strings.ToLower(address) }

func setOf(addresses []string) map[string]bool {
	set := make(map[string]bool, len(addresses))
	for _, a := range addresses {
		set[fold(a)] = true
	}
	return set
}

func unsafeInField(r rune) bool { return r <= ' ' || r == 0x7f || r == '<' || r == '>' }

// bccField writes the field, one address a line.
func bccField(addresses []string) []byte {
	return []byte("Bcc: <" + strings.Join(addresses, ">,\r\n <") + ">\r\n")
}

func refuse(cause, text, fix string) *provider.Error {
	return &provider.Error{Class: provider.Fail, Scope: provider.ScopeMessage, Cause: cause, Text: text, Fix: fix}
}

// withBcc is a message with a field before it.
type withBcc struct {
	field []byte
	msg   email.Content
}

// Size implements email.Content.
func (w *withBcc) Size() int64 { return int64(len(w.field)) + w.msg.Size() }

// Open implements email.Content.
func (w *withBcc) Open() (io.ReadCloser, error) {
	r, err := w.msg.Open()
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(w.field), r), r}, nil
}
