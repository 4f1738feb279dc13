package main

import (
	"cmp"
	"context"

	"github.com/spf13/pflag"

	"gatepost/client"
)

// relayChange is what of a relay's settings a command line changes.
type relayChange struct {
	relay
}

func (c *relayChange) flags(f *pflag.FlagSet) {
	f.StringVar(&c.Host, "host", "", "`name` of the relay's server")
	numberFlag(f, number{&c.port, 1, 65535, 587}, "port", "`port` of the relay's server")
	f.StringVar(&c.TLS, "tls", "", "`kind` of TLS of the relay: starttls, implicit, or none (for this machine alone)")
	f.StringVar(&c.ca, "relay-ca", "", "`file` with the authority that signed the relay's certificate, PEM; its text is handed over")
}

// put adds it to a change of an account.
func (c *relayChange) put(change *client.ChangeAccount, a client.Account, f *pflag.FlagSet) error {
	for _, name := range []string{"host", "port", "tls", "relay-ca"} {
		if !f.Changed(name) {
			continue
		}
		if a.Transport != "smtp" {
			return usagef("--%s: is for relays, and %s sends by %s, whose servers are known", name, a.Address, a.Transport)
		}
		to := relayOf(change, a)
		switch name {
		case "host":
			to.Host = c.Host
		case "port":
			to.Port = &c.port
		case "tls":
			to.TLS = c.TLS
		default:
			if err := c.authority(); err != nil {
				return err
			}
			to.CA = c.CA
		}
	}
	return nil
}

// carryOut changes an account. A password is for one server: where that is another now,
// it is handed over once more, together with the change.
func (c *relayChange) carryOut(ctx context.Context, g *guide, a client.Account, change client.ChangeAccount) (client.Account, error) {
	if change.SMTP == nil || !c.moved() || a.Credential == "" || change.Credential != nil {
		return g.ChangeAccount(ctx, a.ID, change)
	}
	c.User, c.Host = change.SMTP.User, cmp.Or(c.Host, change.SMTP.Host)
	made, err := c.password(ctx, g)
	if err != nil {
		return a, err
	}
	change.Credential = &made
	changed, err := g.ChangeAccount(ctx, a.ID, change)
	if err != nil {
		c.undo(ctx, g, "", made)
		return a, err
	}
	_, _ = g.DeleteCredential(ctx, a.Credential) // one that others use stays
	return changed, nil
}

// moved tells whether the server is another one, or is trusted for another reason.
func (c *relayChange) moved() bool { return c.Host != "" || c.port != 0 || c.TLS != "" || c.ca != "" }
