package gateway

import (
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

// shown is a command as it may be seen: without what proves who somebody is. What is no
// command may be a password: a client that does not wait sends it after a refused AUTH.
func shown(verb, line string) string {
	switch words := strings.Fields(line); {
	case !slices.Contains(commands, verb):
		return "[no command, not shown]"
	case verb == "AUTH" && len(words) > 2:
		return strings.Join(words[:2], " ") + " [not shown]"
	}
	return line
}
