package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/store"
)

const (
	// leaseTime is how long a process may take for a call and for keeping its
	// outcome; after that it counts as dead.
	leaseTime = fetchTimeout + 10*time.Second
	// lastUse is how long an old token must live to be given out while somebody
	// else is fetching a new one.
	lastUse = 30 * time.Second

	// Others look this often whether the one who fetches is done.
	pollFirst = 20 * time.Millisecond
	pollMost  = 500 * time.Millisecond

	keepTries = 5 // to keep a new refresh token in the database
)

// sharedToken gives the token that the processes of this database share, and
// makes the call for a new one when it is this process's turn.
func (v *Vault) sharedToken(ctx context.Context, r TokenRequest, by issuer, refused email.Secret) (kept, error) {
	place := sharedPlace{v: v, by: by, request: r, key: r.key().stored(), refused: refused}
	for wait := pollFirst; ; wait = min(2*wait, pollMost) {
		got, err := place.turn(ctx)
		if !errors.Is(err, errNotNow) {
			return got, err
		}
		select {
		case <-ctx.Done():
			return kept{}, fmt.Errorf("wait for another process to get a token: %w", ctx.Err())
		case <-time.After(wait/2 + rand.N(wait)): // not all who wait at the same moment
		}
	}
}

// errNotNow says that another process is at it, or that something has changed
// since: look again.
var errNotNow = errors.New("not now")

// sharedPlace is one token in the database, and who asks for it.
type sharedPlace struct {
	v       *Vault
	by      issuer
	request TokenRequest
	key     store.TokenKey
	refused email.Secret
}

// turn looks once, and fetches when a new token is due and nobody else is at it.
func (p *sharedPlace) turn(ctx context.Context) (kept, error) {
	cred, err := p.v.store.Credential(ctx, p.key.Team, p.key.Credential)
	if err != nil {
		return kept{}, fmt.Errorf("read credential %s: %w", p.key.Credential, err)
	}
	row, err := p.v.store.LiveToken(ctx, p.key)
	if err != nil {
		return kept{}, err
	}
	old, failure := p.read(ctx, cred, row)
	switch {
	case !old.value.Empty() && old.refresh > 0:
		return old, nil
	case failure != nil && !old.value.Empty():
		old.refresh = min(row.Pause, old.life) // serves until the next try
		return old, nil
	case failure != nil:
		return kept{refresh: row.Pause}, failure
	}
	holder, err := p.v.newHolder()
	if err != nil {
		return kept{}, err
	}
	mine, err := p.v.store.LeaseToken(ctx, p.key, row.Revision, holder, p.v.tokens.lease)
	if err != nil {
		return kept{}, err
	}
	if mine {
		fresh, err := p.fetch(ctx, cred, holder)
		return p.orOld(fresh, err, old)
	}
	if old.life > lastUse {
		old.refresh = min(transientPause, old.life)
		return old, nil
	}
	return kept{}, errNotNow
}

// orOld lets the old token serve while no new one comes.
func (p *sharedPlace) orOld(fresh kept, err error, old kept) (kept, error) {
	if err == nil || errors.Is(err, errNotNow) || old.value.Empty() {
		return fresh, err
	}
	old.refresh = min(p.v.tokens.pause(err), old.life)
	return old, nil
}

func (v *Vault) newHolder() (string, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(v.random, b); err != nil {
		return "", fmt.Errorf("draw a name: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// read opens what the row holds for this credential as it is now: a token that
// may be used, and the failure of the last try, while it counts.
func (p *sharedPlace) read(ctx context.Context, cred store.Credential, row store.LiveToken) (old kept, failure error) {
	if row.Revision == 0 || !row.Version.Equal(cred.UpdatedAt) {
		return kept{}, nil
	}
	if row.Pause > 0 && row.Failure != "" {
		failure = oauth.UnmarshalError(row.Failure)
	}
	if len(row.Sealed) == 0 || row.Life <= 0 {
		return kept{}, failure
	}
	plain, err := p.v.Open(ctx, p.key.Team, tokenPlace(p.key), row.Sealed)
	if err != nil {
		return kept{}, failure // of another master key, or damaged: a new one is due
	}
	value := email.NewSecret(string(plain))
	if p.wasRefused(value, row) {
		return kept{}, failure
	}
	return kept{value, row.Refresh, row.Life}, failure
}

// wasRefused tells whether the stored token is the one that the provider refused.
// A process that does not know what it was refused takes one that is new enough.
func (p *sharedPlace) wasRefused(value email.Secret, row store.LiveToken) bool {
	if p.refused == unknownToken {
		return row.Age > refusedPause
	}
	return !p.refused.Empty() && value == p.refused
}

// tokenPlace is where a live token belongs.
func tokenPlace(k store.TokenKey) Bind {
	return Bind{Table: "live_tokens", Row: strings.Join([]string{k.Credential, k.Subject, k.Scopes}, "\x00"), Column: "sealed"}
}

// fetch makes the call as the holder of the lease and keeps what came of it.
func (p *sharedPlace) fetch(ctx context.Context, cred store.Credential, holder string) (kept, error) {
	result := store.TokenResult{Key: p.key, Holder: holder, Version: cred.UpdatedAt, Used: cred.Sealed, Refreshed: p.by.uses != nil}
	got, err := p.mint(ctx, cred)
	if err == nil && got.access.Empty() {
		err = errNoToken
	}
	if err != nil {
		return kept{}, p.keepFailure(ctx, result, err)
	}
	fresh := keptFor(got.access, p.v.now(), got.expires)
	result.Refresh, result.Life = fresh.refresh, fresh.life
	if result.Sealed, err = p.v.Seal(ctx, p.key.Team, tokenPlace(p.key), []byte(got.access.Reveal())); err != nil {
		return kept{}, err
	}
	if !got.rotated.Empty() {
		if result.Secret, err = p.v.SealSecret(ctx, p.key.Team, p.key.Credential, got.rotated); err != nil {
			return kept{}, err
		}
	}
	return p.keep(ctx, result, fresh)
}

// mint opens the secret and makes the call.
func (p *sharedPlace) mint(ctx context.Context, cred store.Credential) (minted, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	secret, err := p.v.openSecret(ctx, p.key.Team, p.key.Credential, cred.Sealed)
	if err != nil {
		return minted{}, err
	}
	return p.by.mint(ctx, cred, secret, p.request)
}

// keep stores a token, and a new refresh token with it, before the token is
// used. Without the new refresh token the consent would end with this token, so
// that is tried again for a while.
func (p *sharedPlace) keep(ctx context.Context, result store.TokenResult, fresh kept) (kept, error) {
	for try := 1; ; try++ {
		stored, err := p.v.store.StoreToken(ctx, result)
		switch {
		case err == nil && stored:
			return fresh, nil
		case err == nil:
			return p.notKept(ctx, result, fresh)
		case try == keepTries || ctx.Err() != nil:
			return kept{}, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(try) * 200 * time.Millisecond):
		}
	}
}

// notKept says what a token is worth that the database did not take: none, when
// the credential was replaced meanwhile.
func (p *sharedPlace) notKept(ctx context.Context, result store.TokenResult, fresh kept) (kept, error) {
	cred, err := p.v.store.Credential(ctx, p.key.Team, p.key.Credential)
	if err != nil {
		return kept{}, fmt.Errorf("read credential %s: %w", p.key.Credential, err)
	}
	current := bytes.Equal(cred.Sealed, result.Used) || len(result.Secret) > 0 && bytes.Equal(cred.Sealed, result.Secret)
	if !current || !cred.UpdatedAt.Equal(result.Version) {
		return kept{}, errNotNow
	}
	return fresh, nil // the call took longer than the lease; the token is good
}

// keepFailure tells the other processes why there is no new token, and returns
// the error for this one. What is not a provider's answer concerns this process
// alone; what a replaced credential was told concerns nobody.
func (p *sharedPlace) keepFailure(ctx context.Context, result store.TokenResult, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
	defer cancel()
	text, ok := oauth.MarshalError(err)
	if !ok {
		_ = p.v.store.ReleaseToken(ctx, p.key, result.Holder) // or it runs out
		return err
	}
	result.Failure, result.Pause = text, p.v.tokens.pause(err)
	if stored, failed := p.v.store.StoreToken(ctx, result); stored || failed != nil {
		return err
	}
	if _, replaced := p.notKept(ctx, result, kept{}); errors.Is(replaced, errNotNow) {
		return errNotNow
	}
	return err
}
