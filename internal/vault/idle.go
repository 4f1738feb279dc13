package vault

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/store"
)

// IdleAfter is how long a refresh token stays unused before KeepAlive uses it: every
// one is used at least weekly, also where the provider cannot be reached for a day.
// Microsoft ends one after 90 days without use, Google after six months
// (learn.microsoft.com/entra/identity-platform/refresh-tokens,
// developers.google.com/identity/protocols/oauth2#expiration).
const IdleAfter = 5 * 24 * time.Hour

// KeepAlive uses the refresh token of a credential that nobody has used for IdleAfter,
// and keeps the one that comes in its place; used tells that it did. It does nothing for
// credentials that do not end by being idle. The error is that of Token.
func (v *Vault) KeepAlive(ctx context.Context, row store.Credential) (used bool, err error) {
	if row, err = v.store.Credential(ctx, row.Team, row.ID); err != nil {
		return false, fmt.Errorf("read credential %s: %w", row.ID, err)
	}
	uses, err := v.uses(row)
	if err != nil || len(uses) == 0 || v.now().Sub(usedAt(row)) < IdleAfter {
		return false, err
	}
	_, err = v.Token(ctx, uses[0])
	return err == nil, err
}

// LastUse tells when a credential's refresh token was last used; a consent gives one
// that is as good as used. ok is false for credentials that do not end by being idle.
func (v *Vault) LastUse(row store.Credential) (at time.Time, ok bool) {
	uses, err := v.uses(row)
	return usedAt(row), err == nil && len(uses) > 0
}

func usedAt(row store.Credential) time.Time {
	if row.UsedAt.After(row.UpdatedAt) {
		return row.UsedAt
	}
	return row.UpdatedAt
}

// uses lists the tokens that are made with the refresh token of a credential.
func (v *Vault) uses(row store.Credential) ([]TokenRequest, error) {
	by, ok := v.tokens.issuers[row.Kind]
	if !ok || by.uses == nil {
		return nil, nil
	}
	return by.uses(row)
}
