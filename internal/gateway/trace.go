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
		return "AUTH [not shown]"
	case verb == "AUTH" && len(words) > 2:
		return strings.Join(words[:2], " ") + " [not shown]"
	}
	return masked(line)
}

// keyForm is what is meant as an API key, also one that was cut or mistyped.
var keyForm = regexp.MustCompile(`(?i)gp[-_](?:live|test)[-_][^\s"<>]+`)

// longText is as long as what a key has behind its prefix, or as one in base64, which
// for a key has no other letters.
var longText = regexp.MustCompile(`[0-9A-Za-z]{30,}`)

// masked is a text without what may be an API key, or one in base64: by the form, and
// where that was mistyped by its length, with small and capital letters and digits.
func masked(s string) string {
	const mask = "[not shown]"
	return longText.ReplaceAllStringFunc(keyForm.ReplaceAllString(s, mask), func(word string) string {
		mixed := strings.ContainsAny(word, "0123456789") && word != strings.ToLower(word) && word != strings.ToUpper(word)
		if mixed {
			return mask
		}
		return word
	})
}
