package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// loadTimeout bounds one look for a data key, which outlives its first asker
// because others may wait for it.
const loadTimeout = 30 * time.Second

// dataKey gives a team's key, from memory when it was used before.
func (v *Vault) dataKey(ctx context.Context, team email.ID) (*dataKey, error) {
	v.mu.RLock()
	k := v.keys[team]
	v.mu.RUnlock()
	if k != nil {
		return k, nil
	}
	done := v.loads.DoChan(team, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		return v.loadKey(ctx, team)
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return nil, fmt.Errorf("data key of %s: %w", team, r.Err)
		}
		return r.Val.(*dataKey), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// loadKey reads a team's key, or makes it on first use. Of two nodes that make
// one at the same time, both go on with what the database kept.
func (v *Vault) loadKey(ctx context.Context, team email.ID) (*dataKey, error) {
	row, err := v.store.DataKey(ctx, team)
	if errors.Is(err, store.ErrNotFound) {
		row, err = v.addKey(ctx, team)
	}
	if err != nil {
		return nil, err
	}
	if row.MasterKeyID != v.master.id {
		return nil, fmt.Errorf("%w: it is wrapped by master key %s and this is %s", ErrWrongMaster, row.MasterKeyID, v.master.id)
	}
	k, err := unwrapKey(v.master, team, row.Wrapped)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.keys) >= maxDataKeys {
		clear(v.keys)
	}
	v.keys[team] = k
	return k, nil
}

func (v *Vault) addKey(ctx context.Context, team email.ID) (store.DataKey, error) {
	wrapped, err := wrapNewKey(v.master, team, v.random)
	if err != nil {
		return store.DataKey{}, err
	}
	return v.store.AddDataKey(ctx, store.DataKey{
		Team: team, Wrapped: wrapped, MasterKeyID: v.master.id, CreatedAt: v.now(),
	})
}
