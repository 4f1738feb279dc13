package vault

import (
	"context"
	"time"

	"gatepost/internal/store"
)

// IdleAfter is how long a refresh token stays unused at the most before KeepAlive uses
// it. Microsoft ends one after 90 days without use, Google after six months
// (learn.microsoft.com/entra/identity-platform/refresh-tokens,
// developers.google.com/identity/protocols/oauth2#expiration).
const IdleAfter = 7 * 24 * time.Hour

// KeepAlive uses the refresh token of a credential that nobody has used for IdleAfter,
// and keeps the one that comes in its place; used tells that it did. It does nothing for
// credentials that do not end by being idle. The error is that of Token.
func (v *Vault) KeepAlive(ctx context.Context, row store.Credential) (used bool, err error) {
	uses, err := v.uses(row)
	if err != nil || len(uses) == 0 {
		return false, err
	}
	idle, err := v.idle(ctx, row, uses)
	if err != nil || idle < IdleAfter {
		return false, err
	}
	_, err = v.Token(ctx, uses[0])
	return err == nil, err
}

// Idle tells for how long a credential's refresh token has not been used, as far as is
// known: tokens of long ago are forgotten, and then it is the time since the consent.
// ok is false for credentials that do not end by being idle.
func (v *Vault) Idle(ctx context.Context, row store.Credential) (idle time.Duration, ok bool, err error) {
	uses, err := v.uses(row)
	if err != nil || len(uses) == 0 {
		return 0, false, err
	}
	idle, err = v.idle(ctx, row, uses)
	return idle, err == nil, err
}

// uses lists the tokens that are made with the refresh token of a credential.
func (v *Vault) uses(row store.Credential) ([]TokenRequest, error) {
	by, ok := v.tokens.issuers[row.Kind]
	if !ok || by.uses == nil {
		return nil, nil
	}
	return by.uses(row)
}

// idle is the time since a token was last made with the refresh token; a consent gives
// one too.
func (v *Vault) idle(ctx context.Context, row store.Credential, uses []TokenRequest) (time.Duration, error) {
	idle := max(v.now().Sub(row.UpdatedAt), 0)
	for _, r := range uses {
		t, err := v.store.LiveToken(ctx, r.key().stored())
		if err != nil {
			return 0, err
		}
		if len(t.Sealed) > 0 && t.Version.Equal(row.UpdatedAt) {
			idle = min(idle, t.Age)
		}
	}
	return idle, nil
}
