package control

import (
	"context"
	"errors"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// UnlistedErrors lists the answers of providers that the catalogue did not know, the
// newest first, without addresses and ids.
func (c *Control) UnlistedErrors(ctx context.Context, g access.Grant) ([]store.Unlisted, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return nil, err
	}
	return c.cfg.Store.Unlisted(ctx, g.Team)
}

// keepUnlisted keeps the words of an answer that the catalogue does not know. from is
// whose it is.
func (c *Control) keepUnlisted(ctx context.Context, team email.ID, from string, err error) {
	e, _ := errors.AsType[*provider.Error](err)
	u, ok := provider.AsUnlisted(e)
	if !ok {
		return
	}
	if err := c.cfg.Store.NoteUnlisted(ctx, store.Unlisted{
		Team: team, Provider: from, Stage: string(u.Stage), Code: u.Code, Words: u.Words, Sample: u.Sample, LastAt: c.cfg.Now(),
	}); err != nil {
		c.cfg.Log.Warn("an answer that is not known could not be kept", "err", err)
	}
}
