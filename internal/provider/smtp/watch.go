package smtp

import (
	"strings"

	"gatepost/internal/provider"
)

// What somebody who watches the account is shown; see provider.Watches. Secrets and
// content are not.

// saying shows a command. While somebody signs in, only the mechanism.
func (s *session) saying(line string) {
	x := provider.WatchedIn(s.ctx)
	if x == nil {
		return
	}
	if words := strings.Fields(line); s.veil != nil && len(words) > 1 && words[0] == "AUTH" {
		line = strings.TrimSpace("AUTH " + words[1] + " " + strings.Repeat("[redacted]", min(1, len(words)-2)))
	} else if s.veil != nil {
		line = "[redacted]"
	}
	x.Say(provider.ByGatepost, "%s", line)
}

// hear reads a reply, and shows it.
func (s *session) hear() (reply, error) {
	r, err := readReply(s.in)
	x := provider.WatchedIn(s.ctx)
	switch {
	case x == nil:
	case err != nil:
		x.Say(provider.ByNobody, "no reply: %s", err)
	case s.veil != nil && r.code == 334:
		x.Say(provider.ByProvider, "334 %s", challenge(r.text))
	case s.veil != nil:
		x.Say(provider.ByProvider, "%d %s %s", r.code, r.enhanced, s.veil(r.text))
	default:
		x.Say(provider.ByProvider, "%d %s %s", r.code, r.enhanced, r.text)
	}
	return r, err
}

// saying shows the commands of an envelope.
func (t *transaction) saying(commands []byte) {
	if provider.WatchedIn(t.s.ctx) == nil {
		return
	}
	for line := range strings.Lines(string(commands)) {
		t.s.saying(strings.TrimRight(line, "\r\n"))
	}
}
