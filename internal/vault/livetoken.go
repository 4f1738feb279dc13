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
	waitTimeout    = 90 * time.Second // a call, and the wait for another process before it
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
	transient func(error) bool
	lease     time.Duration     // how long other processes wait for one that died
	issuers   map[string]issuer // by kind of credential
	any       *issuer           // for all other kinds; nil: they give no tokens

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
	refused   email.Secret // the last value, when it was refused; the next one is its renewal
	renewal   bool         // this value replaced a refused one

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

// kept is a token and how long it serves from now.
type kept struct {
	value         email.Secret
	refresh, life time.Duration
}

// keptFor is a new token that expires at a time; zero: nobody said when.
func keptFor(value email.Secret, now, expires time.Time) kept {
	if expires.IsZero() {
		expires = now.Add(unknownLife)
	}
	life := min(max(expires.Sub(now), shortestLife), longestLife)
	return kept{value, life - min(refreshEarly, life/2), life}
}

// fetchFunc gets a token that is not the refused one, if there is one. Beside an
// error, kept.refresh may say how long not to ask again.
type fetchFunc func(ctx context.Context, refused email.Secret) (kept, error)

// unknownToken stands for a refused token whose value this process does not know.
var unknownToken = email.NewSecret("?")

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
		refused := e.refused
		if ask.renew && refused.Empty() {
			refused = unknownToken
		}
		go t.run(context.WithoutCancel(ctx), e, refused, fetch)
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
		e.value, e.refused = email.Secret{}, e.value
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

// run fetches once and keeps what came of it.
func (t *tokens) run(ctx context.Context, e *liveToken, refused email.Secret, fetch fetchFunc) {
	ctx, cancel := context.WithTimeout(ctx, waitTimeout)
	defer cancel()
	got, err := fetch(ctx, refused)
	if err == nil && got.value.Empty() {
		err = errNoToken
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if err != nil {
		pause := t.pause(err)
		if got.refresh > 0 {
			pause = min(pause, got.refresh)
		}
		e.keepFailure(now, err, pause)
	} else {
		e.keep(now, got)
	}
	call := e.call
	e.call = nil
	call.value, call.err = e.value, nil
	if e.value.Empty() || !now.Before(e.expires) {
		call.value, call.err = email.Secret{}, e.failure
	}
	close(call.done)
}

var errNoToken = errors.New("the answer to the request for a token holds none")

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

// keep takes a token into use.
func (e *liveToken) keep(now time.Time, got kept) {
	e.value, e.fetched = got.value, now
	e.renewal, e.refused = !e.refused.Empty(), email.Secret{}
	e.refreshAt, e.expires = now.Add(got.refresh), now.Add(got.life)
	e.failure, e.pausedUntil = nil, time.Time{}
}

// forget drops what is known of a credential, or of one subject of it and of tokens
// that are of none. A fetch under way answers those who wait for it, and is not kept.
func (t *tokens) forget(credential email.ID, subject string) {
	for _, by := range t.issuers {
		if by.forget != nil {
			by.forget(credential)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for key := range t.live {
		if key.credential == credential && (subject == "" || key.subject == subject || key.subject == "") {
			delete(t.live, key)
		}
	}
}
