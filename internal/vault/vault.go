package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

const (
	// settingMasterKey is the setting of the database that holds the check of
	// its master key, for nodes which have data folders of their own.
	settingMasterKey = "master_key"
	// maxDataKeys is how many teams' keys are kept in memory.
	maxDataKeys = 10_000
	// sweepAfter is how long an expired token stays in the database.
	sweepAfter = 24 * time.Hour
)

// Vault seals and opens for all teams. It is safe for use by many goroutines.
type Vault struct {
	store  *store.Store
	master *Master
	random io.Reader
	now    func() time.Time
	codecs codecs
	tokens *tokens

	loads singleflight.Group // data keys being read or made, by team
	mu    sync.RWMutex
	keys  map[email.ID]*dataKey
}

// Option changes what New makes.
type Option func(*Vault)

// New makes a vault. It starts nothing and asks the database nothing; see Start.
// New keys are drawn from random, which must stand many goroutines; nonces and
// salts come from the system's generator, because Tink takes no other.
func New(st *store.Store, m *Master, random io.Reader, now func() time.Time, options ...Option) *Vault {
	v := &Vault{store: st, master: m, random: random, now: now, keys: map[email.ID]*dataKey{}}
	v.tokens = &tokens{now: now, lease: leaseTime, live: map[tokenKey]*liveToken{}}
	for _, o := range options {
		o(v)
	}
	return v
}

// Format implements fmt.Formatter, so that no verb shows what is inside.
func (v *Vault) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// Start compares the master key with the one that the database was sealed with.
// The first start on a database leaves the check there. Nothing may be sealed
// before.
func (v *Vault) Start(ctx context.Context) error {
	stored, err := v.store.Setting(ctx, settingMasterKey)
	if errors.Is(err, store.ErrNotFound) {
		stored, err = v.addCheck(ctx)
	}
	if err != nil {
		return fmt.Errorf("compare the master key with the database: %w", err)
	}
	c, err := parseCheck(stored)
	if err != nil {
		return fmt.Errorf("setting %s of the database: %w: restore the database from a backup", settingMasterKey, err)
	}
	if !v.master.matches(c) {
		return fmt.Errorf("%w: master key %s does not open this database: it was sealed with %s; "+
			"give this node the key %s, and if its data folder is new remove %s (and %s) there, which its first start made",
			ErrWrongMaster, v.master.id, c.KeyID, c.KeyID, checkFileName, keyFileName)
	}
	return v.store.SweepTokens(ctx, sweepAfter)
}

func (v *Vault) addCheck(ctx context.Context) ([]byte, error) {
	text, err := json.Marshal(v.master.checkValue())
	if err != nil {
		return nil, err
	}
	return v.store.AddSetting(ctx, settingMasterKey, text)
}

// Seal encrypts plaintext for one place of a team.
func (v *Vault) Seal(ctx context.Context, team email.ID, at Bind, plaintext []byte) ([]byte, error) {
	k, err := v.dataKey(ctx, team)
	if err != nil {
		return nil, err
	}
	return k.secrets.seal(team, at, plaintext)
}

// Open reverses Seal. Bytes that were changed or belong to another team, table,
// row or column are ErrNotOpened.
func (v *Vault) Open(ctx context.Context, team email.ID, at Bind, sealed []byte) ([]byte, error) {
	k, err := v.dataKey(ctx, team)
	if err != nil {
		return nil, err
	}
	return k.secrets.open(team, at, sealed)
}

// Fingerprint tells requests apart without telling what was in them: the same
// parts in the same order give the same 32 bytes within a team, and nobody
// without the team's key can try candidates.
func (v *Vault) Fingerprint(ctx context.Context, team email.ID, parts ...[]byte) ([]byte, error) {
	k, err := v.dataKey(ctx, team)
	if err != nil {
		return nil, err
	}
	return k.mac(parts), nil
}

// NewContentKey draws the key for a message's content.
func (v *Vault) NewContentKey(ctx context.Context, team, message email.ID) (ContentKey, error) {
	k, err := v.dataKey(ctx, team)
	if err != nil {
		return ContentKey{}, err
	}
	key := make([]byte, keySize)
	if _, err := io.ReadFull(v.random, key); err != nil {
		return ContentKey{}, fmt.Errorf("draw a content key: %w", err)
	}
	wrapped, err := k.contentKeys.seal(team, contentKeyPlace(message), key)
	if err != nil {
		return ContentKey{}, err
	}
	return newContentKey(key, wrapped, team, message, &v.codecs)
}

// UnwrapContentKey gives the key that NewContentKey drew, from its wrapped form.
// One that belongs to another message or team is ErrNotOpened.
func (v *Vault) UnwrapContentKey(ctx context.Context, team, message email.ID, wrapped []byte) (ContentKey, error) {
	k, err := v.dataKey(ctx, team)
	if err != nil {
		return ContentKey{}, err
	}
	key, err := k.contentKeys.open(team, contentKeyPlace(message), wrapped)
	if err != nil {
		return ContentKey{}, err
	}
	return newContentKey(key, wrapped, team, message, &v.codecs)
}
