package smtp

import (
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// onWire is the envelope as it is said: domains in A-labels, so that SMTPUTF8 is
// needed for local parts alone (RFC 6531 section 3.2). It keeps out what could be
// read as another command or parameter.
func onWire(env email.Envelope) (email.Envelope, *provider.Error) {
	if len(env.Recipients) == 0 {
		return env, refuse("no_recipients", "The envelope has no recipient.", "")
	}
	from, ok := plain(env.From)
	if !ok {
		return env, refuse("invalid_sender", fmt.Sprintf("%q is not an address.", env.From), "Correct MAIL FROM.")
	}
	wire := email.Envelope{From: from, Recipients: env.Recipients, Thread: env.Thread}
	for i, to := range env.Recipients {
		said, ok := plain(to)
		if to == "" || !ok {
			return env, refuse("invalid_recipient", fmt.Sprintf("%q is not an address.", to), "Correct the address.")
		}
		if said != to {
			if &wire.Recipients[0] == &env.Recipients[0] {
				wire.Recipients = slices.Clone(env.Recipients)
			}
			wire.Recipients[i] = said
		}
	}
	return wire, nil
}

// plain is an address with its domain in ASCII; ok tells whether it may be said.
func plain(address string) (said string, ok bool) {
	if strings.ContainsFunc(address, unwanted) {
		return "", false
	}
	at := strings.LastIndexByte(address, '@')
	if at < 0 || !hasHigh([]byte(address[at:])) {
		return address, true
	}
	a, err := email.NewAddress("", address)
	return a.Addr(), err == nil
}

// ownEnvelope is a message of a mailbox to itself.
func ownEnvelope(mailbox string) email.Envelope {
	return email.Envelope{From: mailbox, Recipients: []string{mailbox}}
}

func unwanted(r rune) bool { return r <= ' ' || r == 0x7f || r == '<' || r == '>' }
