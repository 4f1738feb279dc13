package webcall

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"strings"

	"gatepost/internal/email"
)

// maxHeader bounds the header that is read to learn its recipients.
const maxHeader = 256 << 10

// addressFields are those that a provider may send to.
var addressFields = map[string]bool{
	"to": true, "cc": true, "bcc": true,
	"resent-to": true, "resent-cc": true, "resent-bcc": true,
}

// headerRecipients returns the addresses that the header sends to. It is strict:
// where the provider might read the header differently, it gives an error, because the
// message might then reach somebody who is not in the envelope.
func headerRecipients(msg email.Content) ([]string, error) {
	lines, err := headerLines(msg)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, field := range unfold(lines) {
		name, value, ok := strings.Cut(field, ":")
		name = strings.TrimRight(name, " \t")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("a line of the header is no header field: %.40q", field)
		}
		if !addressFields[strings.ToLower(name)] || strings.TrimSpace(value) == "" {
			continue
		}
		found, err := addressParser().ParseList(value)
		if err != nil {
			return nil, fmt.Errorf("header field %s: %w", name, err)
		}
		for _, a := range found {
			all = append(all, a.Address)
		}
	}
	return all, nil
}

// addressParser lets names in any charset pass: only addresses matter here.
func addressParser() *mail.AddressParser {
	asIs := func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	return &mail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: asIs}}
}

// headerLines reads up to the empty line that ends the header.
func headerLines(msg email.Content) ([]string, error) {
	r, err := msg.Open()
	if err != nil {
		return nil, fmt.Errorf("open the message: %w", err)
	}
	defer r.Close()
	in := bufio.NewReader(io.LimitReader(r, maxHeader))
	var lines []string
	for {
		line, err := in.ReadBytes('\n')
		if len(line) == 0 && errors.Is(err, io.EOF) {
			return lines, nil
		}
		text, ok := bytes.CutSuffix(line, []byte("\r\n"))
		if !ok || bytes.ContainsAny(text, "\r\x00") {
			return nil, errors.New("the header has a line that does not end in CRLF, holds CR or NUL, or is larger than 256 KiB")
		}
		if len(text) == 0 {
			return lines, nil
		}
		lines = append(lines, string(text))
	}
}

// unfold joins continuation lines (RFC 5322 section 2.2.3). A first line that
// starts with white space stays a field of its own, which then has no name.
func unfold(lines []string) []string {
	var fields []string
	for _, l := range lines {
		if n := len(fields); n > 0 && (l[0] == ' ' || l[0] == '\t') {
			fields[n-1] += l
			continue
		}
		fields = append(fields, l)
	}
	return fields
}
