package provider

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How much is kept of a provider's words, and of what the catalogue says about them: an
// advice with the names of the case in it is long, and half of one is none.
const (
	maxReply  = 512
	maxAdvice = 4096
)

// secretShapes are what tokens look like: Google's access and refresh tokens, codes, API
// keys and client secrets, JWTs, Microsoft's refresh tokens (work, personal) and client
// secrets, private keys, what follows AUTH and "Bearer" in a log of SMTP or HTTP.
var secretShapes = regexp.MustCompile(`\bGOCSPX-[\w\-]{10,}|\bAIza[\w\-]{30,}|\b4/0[\w\-]{20,}|(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)|(?i:\bAUTH (?:PLAIN|LOGIN|XOAUTH2|OAUTHBEARER) )[\w+/=]{12,}|\bdXNlcj[\w+/=]{20,}|\bbixhP[\w+/=]{20,}|ya29\.[\w.\-]+|1//[\w.\-]+|\b[01]\.A[\w.\-]{40,}|\bM\.[A-Z]\w*_[\w.!*$\-]{30,}|[\w.~\-]{3}8Q~[\w.~\-]{30,}|eyJ[\w\-]+\.[\w\-]+(\.[\w\-]*)?|(?i:bearer\s+)[\w.~+/=\-]{8,}`)

// secretNames are secrets by the name that stands before them, as forms and JSON have it.
var secretNames = regexp.MustCompile(`(?i)\b((?:client[_-]?secret|refresh[_-]?token|access[_-]?token|id[_-]?token|client[_-]?assertion|assertion|password|passwd|private[_-]?key)["'\\]*\s?[=:]\s?["'\\]*)[^\s"'&,;\\)]{6,}`)

// withoutSecrets masks them.
func withoutSecrets(s string) string {
	return secretNames.ReplaceAllString(secretShapes.ReplaceAllString(s, "[redacted]"), "${1}[redacted]")
}

// CleanReply makes a provider's words fit to be kept and shown: secrets masked,
// one line, at most 512 bytes of valid UTF-8.
func CleanReply(s string) string { return clean(s, maxReply) }

// CleanAdvice does the same for what the catalogue says, which is not cut.
func CleanAdvice(s string) string { return clean(s, maxAdvice) }

func clean(s string, most int) string {
	if len(s) > 8*maxReply { // masking looks at a bounded part
		s = s[:8*maxReply]
	}
	s = withoutSecrets(s)
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), notPrintable), " ")
	if len(s) <= most {
		return s
	}
	cut := most
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
