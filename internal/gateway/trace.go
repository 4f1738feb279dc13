package gateway

import (
	"regexp"
	"slices"
	"strings"

	"gatepost/internal/control"
)

// traced is whose dialogue a line is of.
func (c *conn) traced() control.Dialogue {
	return control.Dialogue{ID: c.id, Client: c.client, Team: c.grant.Team, Key: c.grant.Key, KeyName: c.grant.KeyName}
}

// commands are those that are known, and shown.
var commands = []string{"EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "VRFY", "EXPN", "HELP", "QUIT"}

// ways to log in whose names are shown: those that clients ask for elsewhere, too.
var ways = append([]string{"CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "NTLM", "GSSAPI", "EXTERNAL", "ANONYMOUS"}, mechanisms...)

// shown is a command as it may be seen: without what proves who somebody is. What is no
// command may be a password: a client that does not wait sends it after a refused AUTH.
func shown(verb, line string) string {
	switch words := strings.Fields(line); {
	case !slices.Contains(commands, verb):
		return "[no command, not shown]"
	case verb == "AUTH" && len(words) > 1 && !slices.Contains(ways, strings.ToUpper(words[1])):
		return "AUTH " + mask
	case verb == "AUTH" && len(words) > 2:
		return strings.Join(words[:2], " ") + " " + mask
	}
	return masked(line)
}

// keyForm is what is meant as an API key, also one that was cut or mistyped.
var keyForm = regexp.MustCompile(`(?i)gp[-_](?:live|test)[-_][^\s"<>]+`)

const mask = "[not shown]"

// masked is a text without what may be an API key, or one in base64: by the form, and
// where that was mistyped by its length, with small and capital letters and digits.
func masked(s string) string {
	if strings.ContainsAny(s, "-_") { // most lines are not worth the search
		s = keyForm.ReplaceAllString(s, mask)
	}
	return withoutLong(s)
}

// longText is less than what a key has behind its prefix, and than one in base64, which
// for a key is letters and digits too.
const longText = 30

func withoutLong(s string) string {
	begin := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && letterOrDigit(s[i]) {
			continue
		}
		if word := s[begin:i]; len(word) >= longText && mixed(word) {
			return s[:begin] + mask + withoutLong(s[i:])
		}
		begin = i + 1
	}
	return s
}

func letterOrDigit(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}

func mixed(word string) bool {
	return strings.ContainsAny(word, "0123456789") && word != strings.ToLower(word) && word != strings.ToUpper(word)
}
