package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"gatepost/internal/store"
)

// Authenticate finds out whose API key the bearer is: the key alone, without the
// word Bearer. One that is no key, unknown or expired is ErrUnauthenticated, and
// one that is right and bound to other networks than from is ErrNetwork; the zero
// address, of a command in the data folder, is not asked. Any other error says that
// the question could not be answered.
func Authenticate(ctx context.Context, st *store.Store, bearer string, from netip.Addr, now time.Time) (Grant, error) {
	g, err := find(ctx, st, bearer)
	if err != nil {
		return Grant{}, err
	}
	return g.used(from, now)
}

func find(ctx context.Context, st *store.Store, bearer string) (Grant, error) {
	if err := ParseKey(bearer); err != nil {
		return Grant{}, err
	}
	hash := Hash(bearer)
	key, err := st.APIKeyByHash(ctx, hash)
	if errors.Is(err, store.ErrNotFound) || err == nil && subtle.ConstantTimeCompare(key.Hash, hash) != 1 {
		return Grant{}, refuse("this API key is not known here: it was deleted, or it belongs to another gatepost")
	}
	if err != nil {
		return Grant{}, fmt.Errorf("look up an API key: %w", err)
	}
	return GrantOf(key)
}

// GrantOf is what a key allows. What it is bound to and cannot be read is an error:
// a key is not wider than it was made.
func GrantOf(key store.APIKey) (Grant, error) {
	networks, err := parseNetworks(key.Networks)
	if err != nil {
		return Grant{}, fmt.Errorf("API key %s: %w", key.ID, err)
	}
	return Grant{
		Team: key.Team, Key: key.ID, KeyName: key.Name, Scopes: key.Scopes, Ends: key.ExpiresAt,
		Senders: key.Senders, Networks: networks, Account: key.Account, Rate: key.Rate, Daily: key.Daily, RewriteFrom: key.RewriteFrom,
	}, nil
}

// used is the grant, if it is good now and from there.
func (g Grant) used(from netip.Addr, now time.Time) (Grant, error) {
	if !g.Ends.IsZero() && !now.Before(g.Ends) {
		return Grant{}, refuse("this API key expired at " + g.Ends.UTC().Format(time.RFC3339))
	}
	if err := g.usableFrom(from); err != nil {
		return Grant{}, err
	}
	return g, nil
}

const (
	keptFor = 2 * time.Second
	maxKept = 1024
)

// Keys authenticates as Authenticate does and remembers what it found for two
// seconds, so that a busy key costs no query for each request. A deleted key is
// refused at the latest after that time; an expired one at once. Keys that were
// refused are not remembered.
type Keys struct {
	// Attempts counts what fails. Who asks tells it, because only a door knows what
	// was a login: all doors that share the keys share it too.
	Attempts *Attempts

	store *store.Store
	now   func() time.Time

	mu   sync.Mutex
	kept map[[sha256.Size]byte]keptGrant
}

type keptGrant struct {
	grant Grant
	until time.Time
}

// NewKeys makes an authenticator.
func NewKeys(st *store.Store, now func() time.Time) *Keys {
	return &Keys{Attempts: NewAttempts(now), store: st, now: now, kept: map[[sha256.Size]byte]keptGrant{}}
}

// Authenticate is like the function of that name. Callers may keep the grant, and
// change nothing in it.
func (k *Keys) Authenticate(ctx context.Context, bearer string, from netip.Addr) (Grant, error) {
	sum := sha256.Sum256([]byte(bearer))
	g, ok := k.recall(sum)
	if !ok {
		var err error
		if g, err = find(ctx, k.store, bearer); err != nil {
			return Grant{}, err
		}
		k.keep(sum, g)
	}
	return g.used(from, k.now())
}

// Forget drops what is remembered, because keys were changed.
func (k *Keys) Forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.kept)
}

func (k *Keys) recall(sum [sha256.Size]byte) (Grant, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kept, ok := k.kept[sum]
	return kept.grant, ok && k.now().Before(kept.until)
}

// keep remembers a key. When there is no room all is dropped: what is in use
// comes back with one query each.
func (k *Keys) keep(sum [sha256.Size]byte, g Grant) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.kept) >= maxKept {
		clear(k.kept)
	}
	k.kept[sum] = keptGrant{grant: g, until: k.now().Add(keptFor)}
}
