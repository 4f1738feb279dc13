package webcall

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// The Gmail API and Microsoft Graph have no envelope: they send to To, Cc and Bcc of
// the header. So the envelope must be told through the header, and what the header
// cannot say is refused.

// Addressed returns the message with a Bcc field for the recipients that its
// header lacks. The provider takes the field out before anybody gets the message
// (developers.google.com/workspace/gmail/api/guides/sending,
// learn.microsoft.com/graph/outlook-send-mime-message). service is its name, for the
// words of a refusal.
func Addressed(env email.Envelope, msg email.Content, service string) (email.Content, *provider.Error) {
	present, err := headerRecipients(msg)
	if err != nil {
		return nil, Refuse("invalid_header", "The recipients in the message's header cannot be read with certainty: "+err.Error()+".", "Correct the header of the message.")
	}
	if len(env.Recipients) == 0 {
		return nil, Refuse("no_recipients", "The envelope has no recipient.", "")
	}
	missing, problem := compare(env.Recipients, present, service)
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
func compare(envelope, header []string, service string) ([]string, *provider.Error) {
	inHeader, inEnvelope := setOf(header), setOf(envelope)
	for _, h := range header {
		if !inEnvelope[fold(h)] {
			return nil, Refuse("subset_of_header",
				"The header names a recipient whom this sending leaves out; "+service+" reads recipients from the header and would send to all of them again.",
				"Send through an SMTP account, or give each recipient a message of its own.")
		}
	}
	var missing []string
	for _, e := range envelope {
		if inHeader[fold(e)] {
			continue
		}
		if strings.ContainsFunc(e, unsafeInField) {
			return nil, Refuse("invalid_recipient", fmt.Sprintf("%q is not an address.", e), "Correct the address.")
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

var _ email.Content = (*withBcc)(nil)
