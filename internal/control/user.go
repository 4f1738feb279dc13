package control

import (
	"context"
	"errors"

	"gatepost/internal/oauth"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// checkUser refuses a mailbox for which Google lets no service account act, because
// it is no user: a group, an alias, or nobody. Whatever else Google may say can
// pass or be mended there, and the account's check tells of it. field is what was
// given.
func (c *Control) checkUser(ctx context.Context, a *store.Account, field string) error {
	if a.Credential == "" {
		return nil
	}
	short, cancel := context.WithTimeout(ctx, trialPatience)
	defer cancel()
	err := c.tryUser(short, a)
	if errors.Is(err, ErrNotFound) {
		return nil // what is gone is told when the account is kept
	}
	if _, said := errors.AsType[*provider.Error](err); err != nil && !said {
		return err
	}
	var wrong problems
	if e, ok := errors.AsType[*provider.Error](err); ok && e.Cause == "unknown_user" {
		wrong.add(field, "%s %s", e.Text, e.Fix)
		return wrong.err()
	}
	return ctx.Err() // whoever asked is gone
}

// tryUser asks for a token of the account's user; nothing where nobody is acted for. A
// key that cannot be read is the check's to tell of.
func (c *Control) tryUser(ctx context.Context, a *store.Account) error {
	row, secret, err := c.cfg.Vault.Secret(ctx, a.Team, a.Credential)
	if err != nil {
		return err
	}
	scopes := []string{needed(a.Transport).Scope()}
	switch row.Kind {
	case KindKeyless:
		c.cfg.Vault.ForgetFor(a.Credential, a.Address) // a refusal that is remembered may be about one who was made since
		_, err = c.cfg.Vault.Token(ctx, vault.TokenRequest{Team: a.Team, Credential: a.Credential, Subject: a.Address, Scopes: scopes})
		return err
	case KindServiceAccount:
		account, err := oauth.ParseServiceAccount([]byte(secret.Reveal()), c.cfg.TokenURL)
		if err != nil {
			return nil
		}
		_, err = account.Token(ctx, c.cfg.HTTP, a.Address, scopes, c.cfg.Now())
		return err
	}
	return nil
}
