package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"time"

	"gatepost/internal/store"
)

// Authenticate finds out whose API key the bearer is: the key alone, without
// the word Bearer. One that is no key, unknown or expired is ErrUnauthenticated;
// any other error says that the question could not be answered.
func Authenticate(ctx context.Context, st *store.Store, bearer string, now time.Time) (Grant, error) {
	key, err := find(ctx, st, bearer)
	if err != nil {
		return Grant{}, err
	}
	return grant(key, now)
}

func find(ctx context.Context, st *store.Store, bearer string) (store.APIKey, error) {
	if err := ParseKey(bearer); err != nil {
		return store.APIKey{}, err
	}
	hash := Hash(bearer)
	key, err := st.APIKeyByHash(ctx, hash)
	if errors.Is(err, store.ErrNotFound) || err == nil && subtle.ConstantTimeCompare(key.Hash, hash) != 1 {
		return store.APIKey{}, refuse("this API key is not known here: it was deleted, or it belongs to another gatepost")
	}
	if err != nil {
		return store.APIKey{}, fmt.Errorf("look up an API key: %w", err)
	}
	return key, nil
}

// grant turns a key that was found into what it allows now.
func grant(key store.APIKey, now time.Time) (Grant, error) {
	if !key.ExpiresAt.IsZero() && !now.Before(key.ExpiresAt) {
		return Grant{}, refuse("this API key expired at " + key.ExpiresAt.UTC().Format(time.RFC3339))
	}
	return Grant{Team: key.Team, Key: key.ID, KeyName: key.Name, Scopes: key.Scopes, Ends: key.ExpiresAt}, nil
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
	store *store.Store
	now   func() time.Time

	mu   sync.Mutex
	kept map[[sha256.Size]byte]keptKey
}

type keptKey struct {
	key   store.APIKey
	until time.Time
}

// NewKeys makes an authenticator.
func NewKeys(st *store.Store, now func() time.Time) *Keys {
	return &Keys{store: st, now: now, kept: map[[sha256.Size]byte]keptKey{}}
}

// Authenticate is like the function of that name.
func (k *Keys) Authenticate(ctx context.Context, bearer string) (Grant, error) {
	sum := sha256.Sum256([]byte(bearer))
	if key, ok := k.recall(sum); ok {
		return grant(key, k.now())
	}
	key, err := find(ctx, k.store, bearer)
	if err != nil {
		return Grant{}, err
	}
	k.keep(sum, key)
	return grant(key, k.now())
}

// Forget drops what is remembered, because keys were changed.
func (k *Keys) Forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.kept)
}

func (k *Keys) recall(sum [sha256.Size]byte) (store.APIKey, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kept, ok := k.kept[sum]
	return kept.key, ok && k.now().Before(kept.until)
}

// keep remembers a key. When there is no room all is dropped: what is in use
// comes back with one query each.
func (k *Keys) keep(sum [sha256.Size]byte, key store.APIKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.kept) >= maxKept {
		clear(k.kept)
	}
	k.kept[sum] = keptKey{key: key, until: k.now().Add(keptFor)}
}
