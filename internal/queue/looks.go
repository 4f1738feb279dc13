package queue

import (
	"context"
	"slices"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// lookShares are the parts of a message's life, in hundredths, after which the last
// looks are made where that is sooner than their times.
var lookShares = [...]time.Duration{5, 15, 40}

// looksOf are the times after an attempt's outcome became unknown at which it is
// looked for. Where a message lives shortly, looks come sooner, and a copy is found
// sooner. But that none is there says something only after the last of the usual
// times: a copy may take that long to appear. Mail that may be sent twice (retry)
// does not wait for that, and is marked; other mail gets that last look as well.
func (e *Engine) looksOf(life time.Duration, policy email.OnUnknown) []time.Duration {
	looks := slices.Clone(e.cfg.Looks)
	if life <= 0 {
		return looks
	}
	for i := range looks {
		share := lookShares[max(0, i-len(looks)+len(lookShares))]
		looks[i] = min(looks[i], life*share/100)
	}
	if last := e.settled(); looks[len(looks)-1] < last && policy != email.Retry {
		looks = append(looks, last)
	}
	return looks
}

// settled is the time after which a copy that is not in Sent will not appear there.
func (e *Engine) settled() time.Duration { return e.cfg.Looks[len(e.cfg.Looks)-1] }

// lifeOf is how long a message may live from its beginning; 0: as long as it likes.
func (e *Engine) lifeOf(ctx context.Context, en *store.Entry) (time.Duration, error) {
	if en.ExpiresAt.IsZero() {
		return 0, nil
	}
	m, err := e.cfg.Store.Message(ctx, en.Team, en.Message)
	if err != nil {
		return 0, err
	}
	from := m.CreatedAt
	if m.SendAt.After(from) {
		from = m.SendAt
	}
	return max(time.Second, en.ExpiresAt.Sub(from)), nil
}

// livesOf are those of all these entries.
func (e *Engine) livesOf(ctx context.Context, entries []*store.Entry) (map[email.ID]time.Duration, error) {
	lives := map[email.ID]time.Duration{}
	for _, en := range entries {
		life, err := e.lifeOf(ctx, en)
		if err != nil {
			return nil, err
		}
		lives[en.Message] = life
	}
	return lives, nil
}

// unknown tells whether there is no verdict on somebody.
func (o outcome) unknown() bool {
	if o.err != nil {
		return o.err.Class == provider.Unknown
	}
	return slices.ContainsFunc(o.receipt.Recipients, func(r provider.Result) bool { return r.Err != nil && r.Err.Class == provider.Unknown })
}
