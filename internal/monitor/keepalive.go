package monitor

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// Refresh tokens that nobody uses end. They are used one after another and a few in a
// minute, so that thousands of consents of one day make no burst at their provider.
const (
	keepAtOnce = 20
	keepLife   = 10 * time.Minute // of the turn: longer than so many calls take
	// How long a token rests that could not be used: the provider was not reached, or it
	// refuses, and then a person has to act.
	restPassing = time.Hour
	restRefused = day
)

// KeepAlive uses refresh tokens that have not been used for vault.IdleAfter, the longest
// unused first, while no other node is at it. One that is refused holds the accounts of
// its credential; trouble of the road is left for later.
func (w *Watch) KeepAlive(ctx context.Context) error {
	due, err := w.unused(ctx)
	if err != nil || len(due) == 0 {
		return err
	}
	return w.alone(ctx, "keep refresh tokens in use", keepLife, func(ctx context.Context) error {
		due, err := w.unused(ctx) // another node may have used some meanwhile
		if err != nil {
			return err
		}
		for _, c := range due[:min(keepAtOnce, len(due))] {
			if err := w.use(ctx, c); err != nil || ctx.Err() != nil {
				return err // what is left has its turn in the next round
			}
		}
		return nil
	})
}

// unused lists the credentials whose refresh tokens are due, the longest unused first;
// of many the first.
func (w *Watch) unused(ctx context.Context) ([]store.Credential, error) {
	now := w.now()
	resting := w.resting(now)
	var due []store.Credential
	for _, kind := range []string{vault.KindGoogleUser, vault.KindMicrosoftUser} {
		some, err := w.cfg.Store.UnusedCredentials(ctx, kind, now.Add(-vault.IdleAfter), keepAtOnce+len(resting))
		if err != nil {
			return nil, err
		}
		due = append(due, some...)
	}
	due = slices.DeleteFunc(due, func(c store.Credential) bool {
		_, ok := w.cfg.Vault.LastUse(c)
		if !ok { // its row cannot be read: it must not stand before others
			w.restUntil(c.ID, now.Add(restRefused))
		}
		return !ok || resting[c.ID]
	})
	slices.SortStableFunc(due, func(a, b store.Credential) int {
		x, _ := w.cfg.Vault.LastUse(a)
		y, _ := w.cfg.Vault.LastUse(b)
		return x.Compare(y)
	})
	return due, nil
}

// resting are the credentials that are not to be tried yet.
func (w *Watch) resting(now time.Time) map[email.ID]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.rests, func(_ email.ID, until time.Time) bool { return !until.After(now) })
	resting := map[email.ID]bool{}
	for id := range w.rests {
		resting[id] = true
	}
	return resting
}

// use uses one token, and sees to what comes of it.
func (w *Watch) use(ctx context.Context, c store.Credential) error {
	began := w.now()
	_, err := w.cfg.Vault.KeepAlive(ctx, c)
	if ctx.Err() != nil {
		return nil
	}
	w.rest(c, err)
	switch {
	case err == nil:
		w.cfg.Log.Debug("a refresh token was used, so that it does not end", "credential", c.ID)
	case errors.Is(err, store.ErrNotFound): // it was removed meanwhile
	case !refused(err):
		w.cfg.Log.Info("a refresh token could not be used and is tried again later", "credential", c.ID, "err", err)
	default:
		w.cfg.Log.Warn("a refresh token is not taken any more", "credential", c.ID, "err", err)
		if w.cfg.Refused != nil {
			return w.cfg.Refused(ctx, c.Team, c.ID, began, err)
		}
	}
	return nil
}

// refused tells that a person has to act; else the provider was not reached, or asks to
// come later.
func refused(err error) bool {
	p, ok := errors.AsType[*provider.Error](err)
	return ok && p.Class == provider.Hold
}

// rest keeps a credential whose token could not be used from being tried again soon.
func (w *Watch) rest(c store.Credential, err error) {
	switch {
	case err == nil, errors.Is(err, store.ErrNotFound):
	case refused(err):
		w.restUntil(c.ID, w.now().Add(restRefused))
	default:
		w.restUntil(c.ID, w.now().Add(restPassing))
	}
}

func (w *Watch) restUntil(credential email.ID, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rests[credential] = at
}
