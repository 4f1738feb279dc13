package control

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// Credential is what may be shown of a credential; the secret never is.
type Credential struct {
	ID        email.ID
	Kind      string
	Name      string
	Public    json.RawMessage // an object: what tells the secret from others
	CreatedAt time.Time
	UpdatedAt time.Time
}

func credentialOf(r store.Credential) Credential {
	return Credential{ID: r.ID, Kind: r.Kind, Name: r.Name, Public: r.Public, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
}

// NewCredential is a secret that is handed over.
type NewCredential struct {
	Kind string // KindServiceAccount or KindPassword
	Name string
	// Key is Google's key file, as an object or as a string that holds it.
	Key      json.RawMessage
	Password email.Secret
	// OnlyCheck tells what is wrong, as *Invalid, and changes nothing: for a door
	// that knows already that the request cannot be taken.
	OnlyCheck bool
}

// CreateCredential seals a secret in the vault. It is never shown again.
func (c *Control) CreateCredential(ctx context.Context, g access.Grant, n NewCredential) (Credential, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Credential{}, err
	}
	var wrong problems
	wrong.name(n.Name)
	s := wrong.secret(n, c.cfg.TokenURL)
	if err := wrong.err(); err != nil || n.OnlyCheck {
		return Credential{}, err
	}
	id, now, err := c.newID(email.PrefixCredential)
	if err != nil {
		return Credential{}, err
	}
	row := store.Credential{Team: g.Team, ID: id, Kind: n.Kind, Name: n.Name, Public: s.public, CreatedAt: now, UpdatedAt: now}
	if row.Sealed, err = c.cfg.Vault.SealSecret(ctx, g.Team, id, s.value); err != nil {
		return Credential{}, fmt.Errorf("seal credential %s: %w", id, err)
	}
	if err := c.cfg.Store.AddCredential(ctx, row); err != nil {
		return Credential{}, err
	}
	return credentialOf(row), nil
}

// ReplaceCredential puts a new secret of the same kind in a credential's place.
// An empty name or kind stays what it was. Accounts that use the credential and
// were held are released: should the new secret be refused too, they are held
// again and no mail is lost.
func (c *Control) ReplaceCredential(ctx context.Context, g access.Grant, id email.ID, n NewCredential) (Credential, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Credential{}, err
	}
	row, err := c.credential(ctx, g, id)
	if err != nil {
		return Credential{}, err
	}
	if err := c.replace(ctx, &row, n); err != nil || n.OnlyCheck {
		return Credential{}, err
	}
	c.cfg.Vault.Forget(id)
	return credentialOf(row), c.releaseUsers(ctx, g, id)
}

func (c *Control) replace(ctx context.Context, row *store.Credential, n NewCredential) error {
	var wrong problems
	if n.Name == "" {
		n.Name = row.Name
	}
	wrong.name(n.Name)
	if n.Kind != "" && n.Kind != row.Kind {
		wrong.add("kind", "cannot be changed: this credential is of the kind %s; make a new one", row.Kind)
	}
	n.Kind = row.Kind
	s := wrong.secret(n, c.cfg.TokenURL)
	if err := wrong.err(); err != nil || n.OnlyCheck {
		return err
	}
	sealed, err := c.cfg.Vault.SealSecret(ctx, row.Team, row.ID, s.value)
	if err != nil {
		return fmt.Errorf("seal credential %s: %w", row.ID, err)
	}
	row.Name, row.Public, row.Sealed, row.UpdatedAt = n.Name, s.public, sealed, c.cfg.Now().UTC().Truncate(time.Millisecond)
	return c.cfg.Store.ReplaceCredential(ctx, *row)
}

// releaseUsers releases the held accounts of a credential and makes the engine
// read all of them again. Parked ones stay parked: a quota knows no new secret.
func (c *Control) releaseUsers(ctx context.Context, g access.Grant, credential email.ID) error {
	all, err := c.cfg.Store.Accounts(ctx, g.Team)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Credential != credential {
			continue
		}
		if a.Held {
			if err := c.release(ctx, g, a.ID); err != nil {
				return err
			}
		}
		c.cfg.Engine.AccountChanged(g.Team, a.ID)
	}
	return nil
}

// Credentials lists the team's credentials, oldest first.
func (c *Control) Credentials(ctx context.Context, g access.Grant) ([]Credential, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return nil, err
	}
	rows, err := c.cfg.Store.Credentials(ctx, g.Team)
	if err != nil {
		return nil, err
	}
	out := make([]Credential, len(rows))
	for i, r := range rows {
		out[i] = credentialOf(r)
	}
	return out, nil
}

func (c *Control) credential(ctx context.Context, g access.Grant, id email.ID) (store.Credential, error) {
	if err := known(email.PrefixCredential, id); err != nil {
		return store.Credential{}, err
	}
	return c.cfg.Store.Credential(ctx, g.Team, id)
}
