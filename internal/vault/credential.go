package vault

import (
	"context"
	"fmt"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// credentialPlace is where a credential's secret belongs.
func credentialPlace(credential email.ID) Bind {
	return Bind{Table: "credentials", Row: credential, Column: "sealed"}
}

// SealSecret seals a credential's secret, for store.Credential.Sealed.
func (v *Vault) SealSecret(ctx context.Context, team, credential email.ID, secret email.Secret) ([]byte, error) {
	return v.Seal(ctx, team, credentialPlace(credential), []byte(secret.Reveal()))
}

// Secret reads a credential and opens its secret. One that does not exist is
// store.ErrNotFound.
func (v *Vault) Secret(ctx context.Context, team, credential email.ID) (store.Credential, email.Secret, error) {
	row, err := v.store.Credential(ctx, team, credential)
	if err != nil {
		return store.Credential{}, email.Secret{}, fmt.Errorf("read credential %s: %w", credential, err)
	}
	secret, err := v.openSecret(ctx, team, credential, row.Sealed)
	return row, secret, err
}

func (v *Vault) openSecret(ctx context.Context, team, credential email.ID, sealed []byte) (email.Secret, error) {
	plain, err := v.Open(ctx, team, credentialPlace(credential), sealed)
	if err != nil {
		return email.Secret{}, fmt.Errorf("secret of credential %s: %w", credential, err)
	}
	return email.NewSecret(string(plain)), nil
}
