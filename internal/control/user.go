package control

import (
	"context"
	"errors"

	"gatepost/internal/oauth"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// checkUser refuses a mailbox for which Google lets no service account act, because
// it is no user: a group, an alias, or nobody. Whatever else Google may say can
// pass or be mended there, and the account's check tells of it. field is what was
// given.
func (c *Control) checkUser(ctx context.Context, a *store.Account, field string) error {
	if a.Credential == "" {
		return nil
	}
	row, secret, err := c.cfg.Vault.Secret(ctx, a.Team, a.Credential)
	if errors.Is(err, ErrNotFound) || err == nil && row.Kind != KindServiceAccount {
		return nil // what is gone is told when the account is kept
	}
	if err != nil {
		return err
	}
	account, err := oauth.ParseServiceAccount([]byte(secret.Reveal()), c.cfg.TokenURL)
	if err != nil {
		return nil // an old key, which the check tells of
	}
	short, cancel := context.WithTimeout(ctx, trialPatience)
	defer cancel()
	_, err = account.Token(short, c.cfg.HTTP, a.Address, []string{needed(a.Transport).Scope()}, c.cfg.Now())
	var wrong problems
	if e, ok := errors.AsType[*provider.Error](err); ok && e.Cause == "unknown_user" {
		wrong.add(field, "%s %s", e.Text, e.Fix)
		return wrong.err()
	}
	return ctx.Err() // whoever asked is gone
}
