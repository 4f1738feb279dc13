package control

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// Key is what may be shown of an API key.
type Key struct {
	ID        email.ID
	Name      string
	Hint      string // enough to recognise it by
	Scopes    []string
	CreatedAt time.Time
}

// CreateKey makes an API key of a team. The plain key is given once and kept
// nowhere. It is for the command line: whoever may open the data folder may make
// keys, so it asks for no grant.
func (c *Control) CreateKey(ctx context.Context, team email.ID, name string, scopes []string) (email.Secret, Key, error) {
	var wrong problems
	wrong.name(name)
	wrong.scopes(scopes)
	if err := wrong.err(); err != nil {
		return email.Secret{}, Key{}, err
	}
	plain, hash, hint, err := access.NewKey(c.cfg.Random, true)
	if err != nil {
		return email.Secret{}, Key{}, err
	}
	id, now, err := c.newID(email.PrefixKey)
	if err != nil {
		return email.Secret{}, Key{}, err
	}
	row := store.APIKey{Team: team, ID: id, Name: name, Hash: hash, Hint: hint, Scopes: scopes, CreatedAt: now}
	if err := c.cfg.Store.AddAPIKey(ctx, row); err != nil {
		return email.Secret{}, Key{}, err
	}
	return plain, Key{ID: id, Name: name, Hint: hint, Scopes: scopes, CreatedAt: now}, nil
}

func (ps *problems) scopes(scopes []string) {
	if len(scopes) == 0 {
		ps.add("scopes", "is missing: one or more of %s", strings.Join(access.Scopes(), ", "))
	}
	for i, s := range scopes {
		if !slices.Contains(access.Scopes(), s) {
			ps.add(fmt.Sprintf("scopes[%d]", i), "not a scope: one of %s", strings.Join(access.Scopes(), ", "))
		}
	}
}

// FirstTeam returns the team of this gatepost and makes it when there is none.
func (c *Control) FirstTeam(ctx context.Context) (email.ID, error) {
	id, now, err := c.newID(email.PrefixTeam)
	if err != nil {
		return "", err
	}
	t, err := c.cfg.Store.FirstTeam(ctx, store.Team{ID: id, Name: "default", CreatedAt: now})
	return t.ID, err
}
