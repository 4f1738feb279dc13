package control

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// What a key is bound to is fixed when it is made, so that whoever has it cannot
// widen it, and a key that it makes is bound at least as tightly.

// KeyBounds are what an API key is bound to; empty, and 0, is not at all.
type KeyBounds struct {
	Senders     []string // what From may be: addresses, and domains after an @
	Networks    []string // whence it may be used: addresses and networks
	Account     string   // the one account or pool: its id, its address, or its name
	Rate        int      // recipients in a minute
	Daily       int      // recipients in 24 hours, rolling by the hour
	RewriteFrom bool     // SMTP: a From that may not be becomes the account's address
}

const (
	maxNetworks = 100
	maxRate     = 1_000_000_000
)

// bounds checks what a key is to be bound to, and turns it into a grant of just
// that.
func (c *Control) bounds(ctx context.Context, team email.ID, b KeyBounds, wrong *problems) (access.Grant, error) {
	g := access.Grant{Senders: wrong.senders(b.Senders), Networks: wrong.networks(b.Networks), Rate: b.Rate, Daily: b.Daily, RewriteFrom: b.RewriteFrom}
	wrong.perTime("rate", b.Rate)
	wrong.perTime("daily", b.Daily)
	if b.Account == "" {
		return g, nil
	}
	var err error
	if g.Account, err = c.accountOrPool(ctx, team, b.Account); err == nil && g.Account == "" {
		wrong.add("account", "there is no such account or pool: give its id, the account's address, or the pool's name")
	}
	return g, err
}

func (ps *problems) perTime(field string, n int) {
	if n < 0 || n > maxRate {
		ps.add(field, "must be from 1 to %d recipients, or left out", maxRate)
	}
}

// networks reads networks; what is wrong with one leaves its place empty.
func (ps *problems) networks(list []string) []netip.Prefix {
	if len(list) > maxNetworks {
		ps.add("networks", "%d of them: at most %d", len(list), maxNetworks)
		return nil
	}
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		p, err := access.ParseNetwork(strings.TrimSpace(s))
		if err != nil {
			ps.add(fmt.Sprintf("networks[%d]", i), "%v", err)
		}
		out[i] = p
	}
	return out
}

// networkTexts writes networks as they are kept and shown.
func networkTexts(list []netip.Prefix) []string {
	out := make([]string, len(list))
	for i, p := range list {
		if out[i] = p.String(); p.IsSingleIP() {
			out[i] = p.Addr().String()
		}
	}
	return out
}

// accountOrPool finds what is meant by a name; empty: there is none. It asks the
// store: keys are made in the data folder too, where no engine is.
func (c *Control) accountOrPool(ctx context.Context, team email.ID, name string) (email.ID, error) {
	accounts, err := c.cfg.Store.Accounts(ctx, team)
	if err != nil {
		return "", err
	}
	for _, a := range accounts {
		if a.ID == name || sameAddress(a.Address, name) {
			return a.ID, nil
		}
	}
	pools, err := c.cfg.Store.Pools(ctx, team)
	for _, p := range pools {
		if p.ID == name || strings.EqualFold(p.Name, name) {
			return p.ID, nil
		}
	}
	return "", err
}

// wider tells by what fields a key is bound less tightly than the caller's own.
func wider(g, key access.Grant) (ps problems) {
	ps.widerSenders(g, key)
	ps.widerNetworks(g, key)
	if g.Account != "" && key.Account != g.Account {
		ps.add("account", "must be %s, by which alone this API key itself may send", g.Account)
	}
	ps.widerLimit("rate", "in a minute", g.Rate, key.Rate)
	ps.widerLimit("daily", "in 24 hours", g.Daily, key.Daily)
	return ps
}

func (ps *problems) widerSenders(g, key access.Grant) {
	if len(g.Senders) > 0 && len(key.Senders) == 0 {
		ps.add("senders", "is missing: this API key itself may send only as %s", strings.Join(g.Senders, ", "))
	}
	for i, s := range key.Senders {
		if !maySendAll(g, s) {
			ps.add(fmt.Sprintf("senders[%d]", i), "is more than this API key may itself, which is %s", strings.Join(g.Senders, ", "))
		}
	}
}

// maySendAll tells whether a grant covers a sender, which may be a whole domain.
// One that could not be read has been told.
func maySendAll(g access.Grant, sender string) bool {
	if len(g.Senders) == 0 || slices.Contains(g.Senders, sender) {
		return true
	}
	a, err := email.ParseAddress(sender)
	return !strings.HasPrefix(sender, "@") && (err != nil || queue.MaySendAs(g, a)) || sender == "@"
}

func (ps *problems) widerNetworks(g, key access.Grant) {
	if len(g.Networks) == 0 {
		return
	}
	own := strings.Join(networkTexts(g.Networks), ", ")
	if len(key.Networks) == 0 {
		ps.add("networks", "is missing: this API key itself may be used only from %s", own)
	}
	for i, n := range key.Networks {
		inside := func(o netip.Prefix) bool { return o.Bits() <= n.Bits() && o.Contains(n.Addr()) }
		if n.IsValid() && !slices.ContainsFunc(g.Networks, inside) {
			ps.add(fmt.Sprintf("networks[%d]", i), "is more than this API key may itself, which is %s", own)
		}
	}
}

func (ps *problems) widerLimit(field, span string, own, n int) {
	if own > 0 && (n <= 0 || n > own) {
		ps.add(field, "must be from 1 to %d: this API key itself may send to so many recipients %s", own, span)
	}
}
