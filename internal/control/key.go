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
	ExpiresAt time.Time // zero: never
	KeyBounds           // the account by its id
}

func keyOf(k store.APIKey) Key {
	return Key{
		ID: k.ID, Name: k.Name, Hint: k.Hint, Scopes: k.Scopes, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt,
		KeyBounds: KeyBounds{k.Senders, k.Networks, k.Account, k.Rate, k.Daily, k.RewriteFrom},
	}
}

// NewKey is an API key to be made.
type NewKey struct {
	Name      string
	Scopes    []string
	ExpiresAt time.Time // zero: never
	KeyBounds
	// OnlyCheck tells what is wrong, as *Invalid, and changes nothing.
	OnlyCheck bool
}

// CreateKey makes an API key with no more scopes than the caller's own, which ends
// no later than that and is bound at least as tightly. The plain key is given once and kept nowhere.
func (c *Control) CreateKey(ctx context.Context, g access.Grant, n NewKey) (email.Secret, Key, error) {
	if err := may(g, access.ScopeKeysWrite); err != nil {
		return email.Secret{}, Key{}, err
	}
	var wrong problems
	wrong.key(n, c.cfg.Now())
	for i, s := range n.Scopes {
		if slices.Contains(access.Scopes(), s) && !g.May(s) {
			wrong.add(fmt.Sprintf("scopes[%d]", i), "is more than this API key may itself: ask with one that has the scope %s", s)
		}
	}
	if !g.Ends.IsZero() && (n.ExpiresAt.IsZero() || n.ExpiresAt.After(g.Ends)) {
		wrong.add("expires_at", "must be no later than %s, when this API key itself expires", g.Ends.UTC().Format(time.RFC3339))
	}
	bounds, err := c.bounds(ctx, g.Team, n.KeyBounds, &wrong)
	if err != nil {
		return email.Secret{}, Key{}, err
	}
	wrong = append(wrong, wider(g, bounds)...)
	if err := wrong.err(); err != nil || n.OnlyCheck {
		return email.Secret{}, Key{}, err
	}
	return c.addKey(ctx, g.Team, n, bounds)
}

// FirstKey makes an API key of a team without asking for a grant: whoever may
// open the data folder may make keys.
func (c *Control) FirstKey(ctx context.Context, team email.ID, n NewKey) (email.Secret, Key, error) {
	var wrong problems
	wrong.key(n, c.cfg.Now())
	bounds, err := c.bounds(ctx, team, n.KeyBounds, &wrong)
	if err != nil {
		return email.Secret{}, Key{}, err
	}
	if err := wrong.err(); err != nil || n.OnlyCheck {
		return email.Secret{}, Key{}, err
	}
	return c.addKey(ctx, team, n, bounds)
}

func (c *Control) addKey(ctx context.Context, team email.ID, n NewKey, b access.Grant) (email.Secret, Key, error) {
	plain, hash, hint, err := access.NewKey(c.cfg.Random, true)
	if err != nil {
		return email.Secret{}, Key{}, err
	}
	id, now, err := c.newID(email.PrefixKey)
	if err != nil {
		return email.Secret{}, Key{}, err
	}
	row := store.APIKey{
		Team: team, ID: id, Name: n.Name, Hash: hash, Hint: hint, Scopes: n.Scopes, CreatedAt: now,
		ExpiresAt: n.ExpiresAt.UTC().Truncate(time.Millisecond),
		Senders:   b.Senders, Networks: networkTexts(b.Networks), Account: b.Account, Rate: b.Rate, Daily: b.Daily, RewriteFrom: b.RewriteFrom,
	}
	if err := c.cfg.Store.AddAPIKey(ctx, row); err != nil {
		return email.Secret{}, Key{}, err
	}
	return plain, keyOf(row), nil
}

func (ps *problems) key(n NewKey, now time.Time) {
	ps.name(n.Name)
	ps.scopes(n.Scopes)
	if !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(now) {
		ps.add("expires_at", "is not in the future")
	}
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

// Keys lists the team's API keys, oldest first.
func (c *Control) Keys(ctx context.Context, g access.Grant) ([]Key, error) {
	if err := may(g, access.ScopeKeysWrite); err != nil {
		return nil, err
	}
	rows, err := c.cfg.Store.APIKeys(ctx, g.Team)
	if err != nil {
		return nil, err
	}
	out := make([]Key, len(rows))
	for i, r := range rows {
		out[i] = keyOf(r)
	}
	return out, nil
}

// DeleteKey ends an API key at once, the caller's own too. One with more scopes
// than the caller's, or bound less tightly, is not the caller's to end.
func (c *Control) DeleteKey(ctx context.Context, g access.Grant, id email.ID) error {
	if err := may(g, access.ScopeKeysWrite); err != nil {
		return err
	}
	if err := known(email.PrefixKey, id); err != nil {
		return err
	}
	if err := c.mayEnd(ctx, g, id); err != nil {
		return err
	}
	if err := c.cfg.Store.DeleteAPIKey(ctx, g.Team, id); err != nil {
		return err
	}
	if c.cfg.Keys != nil {
		c.cfg.Keys.Forget()
	}
	return nil
}

func (c *Control) mayEnd(ctx context.Context, g access.Grant, id email.ID) error {
	rows, err := c.cfg.Store.APIKeys(ctx, g.Team)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(rows, func(k store.APIKey) bool { return k.ID == id })
	if i < 0 {
		return fmt.Errorf("API key %s: %w", id, ErrNotFound)
	}
	for _, s := range rows[i].Scopes {
		if err := may(g, s); err != nil {
			return fmt.Errorf("end API key %s, which may do more: %w", id, err)
		}
	}
	key, err := access.GrantOf(rows[i])
	if err != nil {
		return err
	}
	if more := wider(g, key); len(more) > 0 {
		return fmt.Errorf("end API key %s: %w: it is bound more tightly, by its %s", id, ErrForbidden, more[0].Field)
	}
	return nil
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
