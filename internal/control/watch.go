package control

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// Watched is a running look at an account.
type Watched struct {
	Lines <-chan provider.WireLine
	// First says what the one who watches has to know.
	First provider.WireLine
}

// WatchAccount gives what an account says to its provider and hears on this node, as it
// is said, until ctx ends.
func (c *Control) WatchAccount(ctx context.Context, g access.Grant, id email.ID) (Watched, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return Watched{}, err
	}
	if err := known(email.PrefixAccount, id); err != nil {
		return Watched{}, err
	}
	lines, sender, err := c.cfg.Engine.Watch(ctx, g.Team, id)
	if errors.Is(err, provider.ErrWatched) {
		return Watched{}, fmt.Errorf("%w: %w; wait until one ends", ErrInUse, err)
	}
	if err != nil {
		return Watched{}, err
	}
	text := "watching; this node sends for the account"
	if sender != "" {
		text = "watching this node, but the account's mail is sent by node " + string(sender) + ": ask that one"
	}
	return Watched{lines, provider.WireLine{At: c.cfg.Now(), Who: provider.ByNobody, Text: text}}, nil
}
