package gateway

import (
	"strings"

	"gatepost/internal/control"
)

// traced is whose dialogue a line is of.
func (c *conn) traced() control.Dialogue {
	return control.Dialogue{ID: c.id, Client: c.client, Team: c.grant.Team, Key: c.grant.Key, KeyName: c.grant.KeyName}
}

// shown is a command as it may be seen: without what proves who somebody is.
func shown(verb, line string) string {
	if verb != "AUTH" {
		return line
	}
	words := strings.Fields(line)
	if len(words) > 2 {
		return strings.Join(words[:2], " ") + " [not shown]"
	}
	return strings.Join(words, " ")
}
