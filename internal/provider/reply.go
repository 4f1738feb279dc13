package provider

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxReply is how much of a provider's words is kept.
const maxReply = 512

// secretShapes are what tokens look like: Google's access and refresh tokens, JWTs,
// Microsoft's refresh tokens (work, personal) and client secrets, and anything after
// "Bearer".
var secretShapes = regexp.MustCompile(`ya29\.[\w.\-]+|1//[\w.\-]+|\b[01]\.A[\w.\-]{40,}|\bM\.[A-Z]\w*_[\w.!*$\-]{30,}|[\w.~\-]{3}8Q~[\w.~\-]{30,}|eyJ[\w\-]+\.[\w\-]+(\.[\w\-]*)?|(?i:bearer\s+)[\w.~+/=\-]{8,}`)

// CleanReply makes a provider's words fit to be kept and shown: secrets masked,
// one line, at most 512 bytes of valid UTF-8.
func CleanReply(s string) string {
	if len(s) > 8*maxReply { // masking looks at a bounded part
		s = s[:8*maxReply]
	}
	s = secretShapes.ReplaceAllString(s, "[redacted]")
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), notPrintable), " ")
	if len(s) <= maxReply {
		return s
	}
	cut := maxReply
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}

func notPrintable(r rune) bool { return r == ' ' || unicode.IsControl(r) || !unicode.IsPrint(r) }

// words is an answer as one text: code, reason, text.
func words(a Answer) string {
	parts := make([]string, 0, 3)
	if a.Code != 0 {
		parts = append(parts, strconv.Itoa(a.Code))
	}
	if a.Reason != "" {
		parts = append(parts, a.Reason)
	}
	if a.Text != "" {
		parts = append(parts, a.Text)
	}
	return strings.Join(parts, " ")
}
