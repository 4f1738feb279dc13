package smtp

import (
	"net"
	"strings"
)

// gmailRelay is the preset for Google Workspace's relay: submission with STARTTLS,
// with a password or by this machine's registered address
// (support.google.com/a/answer/2956491).
const gmailRelay = "gmail_relay"

// office365 is the preset for a mailbox of Microsoft 365, with STARTTLS and its
// password, where the organisation still allows that.
const office365 = "office365"

// The hosts of the presets.
var presetHosts = map[string]string{gmailRelay: "smtp-relay.gmail.com", office365: "smtp.office365.com"}

// applyPreset fills in what the settings leave open.
func (s *settings) applyPreset() {
	if s.Host == "" {
		s.Host = presetHosts[s.Preset]
	}
}

// helloForGoogle tells whether Google's relay takes the name in EHLO; an empty one
// becomes the domain of the account's address.
func helloForGoogle(name string) bool {
	if name == "" {
		return true
	}
	first, _, dot := strings.Cut(strings.TrimSuffix(name, "."), ".")
	return dot && !strings.EqualFold(first, "localhost") && net.ParseIP(strings.Trim(name, "[]")) == nil
}

// helloFor is the name to say for a mailbox where the settings name none: its
// domain, as Google advises.
func helloFor(mailbox string) string {
	said, ok := plain(mailbox)
	if _, domain, found := strings.Cut(said, "@"); ok && found && domain != "" {
		return domain
	}
	return ownName()
}
