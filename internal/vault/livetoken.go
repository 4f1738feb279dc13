package vault

import (
	"context"
	"errors"
	"sync"
	"time"

	"gatepost/internal/email"
)

const (
	fetchTimeout   = 30 * time.Second // one call for a token
	refreshEarly   = 5 * time.Minute  // before a token expires
	refusedPause   = time.Minute      // after a refusal, before the next call
	transientPause = 5 * time.Second  // after an error of the road

	// A token serves at least this long, whatever it says: one that comes
	// expired must not cause a call for each message.
	shortestLife = time.Minute
	longestLife  = 24 * time.Hour
	unknownLife  = 5 * time.Minute

	maxTokens = 4096
)

// tokens keeps live tokens and refusals.
type tokens struct {
	now       func() time.Time
	fetch     Fetch
	transient func(error) bool

	mu   sync.Mutex
	live map[tokenKey]*liveToken
}

// liveToken is what is known of one token.
type liveToken struct {
	version   time.Time // of the credential, its UpdatedAt
	value     email.Secret
	fetched   time.Time
	refreshAt time.Time
	expires   time.Time
	refused   bool // the last value was refused; the next one is its renewal
	renewal   bool // this value replaced a refused one

	failure     error // of the last fetch
	pausedUntil time.Time
	call        *tokenCall // under way, or nil
}

// tokenCall is a fetch that several may wait for.
type tokenCall struct {
	done  chan struct{}
	value email.Secret
	err   error
}

// tokenAsk is one question.
type tokenAsk struct {
	key     tokenKey
	version time.Time
	renew   bool
}

type fetchFunc func(context.Context) (email.Secret, time.Time, error)

// get answers from memory or by a fetch, which outlives this caller's context
// because others may wait for it.
func (t *tokens) get(ctx context.Context, ask tokenAsk, fetch fetchFunc) (email.Secret, error) {
	t.mu.Lock()
	e := t.entry(ask)
	if value, err := e.answer(t.now(), ask.renew); err != nil || !value.Empty() {
		t.mu.Unlock()
		return value, err
	}
	if e.call == nil {
		e.call = &tokenCall{done: make(chan struct{})}
		go t.run(context.WithoutCancel(ctx), e, fetch)
	}
	call := e.call
	t.mu.Unlock()
	select {
	case <-call.done:
		return call.value, call.err
	case <-ctx.Done():
		return email.Secret{}, ctx.Err()
	}
}

// entry finds what is known; nothing, when the credential was replaced.
func (t *tokens) entry(ask tokenAsk) *liveToken {
	e := t.live[ask.key]
	if e == nil || !e.version.Equal(ask.version) {
		t.makeRoom()
		e = &liveToken{version: ask.version}
		t.live[ask.key] = e
	}
	return e
}

// makeRoom keeps memory bounded whatever number of users is acted for.
func (t *tokens) makeRoom() {
	if len(t.live) < maxTokens {
		return
	}
	now := t.now()
	for key, e := range t.live {
		if e.call == nil && !now.Before(e.expires) && !now.Before(e.pausedUntil) {
			delete(t.live, key)
		}
	}
	if len(t.live) >= maxTokens {
		clear(t.live)
	}
}

// answer gives a token or an error from memory, or neither: then a fetch is due.
func (e *liveToken) answer(now time.Time, renew bool) (email.Secret, error) {
	if renew && !e.value.Empty() && !e.renewedLately(now) {
		e.value, e.refused = email.Secret{}, true
	}
	paused := now.Before(e.pausedUntil)
	if !e.value.Empty() && now.Before(e.expires) {
		if now.Before(e.refreshAt) || paused || e.call != nil {
			return e.value, nil
		}
		return email.Secret{}, nil
	}
	if paused {
		return email.Secret{}, e.failure
	}
	return email.Secret{}, nil
}

// renewedLately tells that the token at hand already replaced the refused one.
func (e *liveToken) renewedLately(now time.Time) bool {
	return e.renewal && now.Before(e.fetched.Add(refusedPause))
}

// run makes one call and keeps what came of it.
func (t *tokens) run(ctx context.Context, e *liveToken, fetch fetchFunc) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	value, expires, err := fetch(ctx)
	if err == nil && value.Empty() {
		err = errors.New("the answer to the request for a token holds none")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if err != nil {
		e.keepFailure(now, err, t.pause(err))
	} else {
		e.keep(now, value, expires)
	}
	call := e.call
	e.call = nil
	call.value, call.err = e.value, nil
	if e.value.Empty() || !now.Before(e.expires) {
		call.value, call.err = email.Secret{}, e.failure
	}
	close(call.done)
}

// pause is how long not to ask again.
func (t *tokens) pause(err error) time.Duration {
	if errors.Is(err, context.DeadlineExceeded) || t.transient != nil && t.transient(err) {
		return transientPause
	}
	return refusedPause
}

func (e *liveToken) keepFailure(now time.Time, err error, pause time.Duration) {
	e.failure, e.pausedUntil = err, now.Add(pause)
}

// keep takes a new token into use.
func (e *liveToken) keep(now time.Time, value email.Secret, expires time.Time) {
	if expires.IsZero() {
		expires = now.Add(unknownLife)
	}
	life := min(max(expires.Sub(now), shortestLife), longestLife)
	e.value, e.fetched = value, now
	e.renewal, e.refused = e.refused, false
	e.expires = now.Add(life)
	e.refreshAt = e.expires.Add(-min(refreshEarly, life/2))
	e.failure, e.pausedUntil = nil, time.Time{}
}

// forget drops what is known of a credential. A fetch under way answers those
// who wait for it, and is not kept.
func (t *tokens) forget(credential email.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key := range t.live {
		if key.credential == credential {
			delete(t.live, key)
		}
	}
}
