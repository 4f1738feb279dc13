package email

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Budgets of one header, of a message or of a part.
const (
	MaxHeaderValue  = 10_000  // bytes of one value that a caller hands in
	MaxHeaderBytes  = 256_000 // all fields together
	MaxHeaderFields = 1_000
	MaxLine         = 998 // bytes without CRLF (RFC 5322 section 2.1.1)
	maxFieldName    = 64
	maxFileName     = 255
)

// CheckHeaderValue tells whether s may become the text of a header field: UTF-8
// without line breaks, also those that only some readers take for one (U+0085,
// U+2028, U+2029), and without control characters but TAB.
func CheckHeaderValue(s string) error {
	if len(s) > MaxHeaderValue {
		return fmt.Errorf("longer than %d bytes", MaxHeaderValue)
	}
	return checkLine(s)
}

// checkLine is CheckHeaderValue without the limit.
func checkLine(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("not UTF-8")
	}
	for _, r := range s {
		switch {
		case r == '\r' || r == '\n':
			return errors.New("contains a line break (CR or LF)")
		case r == 0:
			return errors.New("contains a NUL byte")
		case r == '\u0085' || r == '\u2028' || r == '\u2029':
			return fmt.Errorf("contains %U, which some readers take for a line break", r)
		case r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0:
			return fmt.Errorf("contains the control character %U", r)
		}
	}
	return nil
}

// CheckHeaderName tells whether a caller may set the field of that name: it must
// be a field name (RFC 5322 section 3.6.8), and not one that gatepost or the
// next hop sets, that says who gets the message, or that shapes the MIME parts.
func CheckHeaderName(name string) error {
	if err := checkFieldName(name); err != nil {
		return err
	}
	if len(name) > maxFieldName {
		return fmt.Errorf("longer than %d bytes", maxFieldName)
	}
	if reserved(strings.ToLower(name)) {
		return fmt.Errorf("%s may not be set as a header: gatepost sets it from the message's own fields or not at all", name)
	}
	return nil
}

// checkFieldName holds a name to what all parsers take: RFC 5322 section 3.6.8
// allows all printable ASCII but the colon, some know only the tokens of RFC 2045.
func checkFieldName(name string) error {
	if name == "" {
		return errors.New("the field name is empty")
	}
	for _, c := range name {
		if c <= ' ' || c > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, c) {
			return fmt.Errorf("%q may not be in a field name", c)
		}
	}
	return nil
}

// reserved tells whether a field, by its lower-case name, is not the caller's.
func reserved(name string) bool {
	switch name {
	case "from", "to", "cc", "bcc", "subject", "date", "message-id", "reply-to",
		"sender", "return-path", "received", "authentication-results", "mime-version":
		return true
	}
	for _, prefix := range []string{"dkim-", "arc-", "content-", "x-gatepost-", "resent-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// CheckFileName tells whether s may be the name of an attachment: one line of
// text, no path, and no start of an encoded word (RFC 2047), which some readers
// would decode into another name.
func CheckFileName(s string) error {
	switch {
	case s == "":
		return errors.New("empty")
	case len(s) > maxFileName:
		return fmt.Errorf("longer than %d bytes", maxFileName)
	case strings.ContainsAny(s, "/\\") || s == "." || s == "..":
		return errors.New("is a path: a file name without / and \\ is needed")
	case strings.Contains(s, "=?"):
		return errors.New("contains =?, the start of an encoded word")
	case strings.Trim(s, " \t") != s:
		return errors.New("starts or ends with a space")
	}
	return checkLine(s)
}
