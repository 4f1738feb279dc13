package queue

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// A program that speaks SMTP and does not hear the 250 sends its message again, and
// has no idempotency key to say so. Where the message has a Message-ID, it is its own
// key: the same content, to the same recipients, by the same API key, within an hour,
// has one effect. What has no Message-ID, such as the alerts of a simple script, may be
// alike and mean two events.

// recognisedFor is how long a message is recognised.
const recognisedFor = time.Hour

// stands tells whether a submission is its own key.
func (s *Submission) stands() bool { return s.Recognise && s.IdempotencyKey == "" && hasID(s.Raw) }

// recognise takes a submission that is its own key. The store tells whether it came
// before; it is asked again where the message is refused, because what took the first
// may refuse its repetition: a key that has nothing left, or an account that is gone.
func (e *Engine) recognise(ctx context.Context, g access.Grant, sub Submission) (Submitted, error) {
	print, err := e.fingerprint(ctx, g, sub)
	if err != nil {
		return Submitted{}, fmt.Errorf("fingerprint the message: %w", err)
	}
	sub.IdempotencyKey = fmt.Sprintf("smtp:%s:%x", g.Key, print)
	use := keyUse{print, e.cfg.Now().Add(-recognisedFor)}
	got, err := e.take(ctx, g, sub, use)
	switch {
	case err != nil:
		first, none := e.cfg.Store.FirstUse(ctx, g.Team, sub.IdempotencyKey)
		if none != nil || first.CreatedAt.Before(use.since) {
			return Submitted{}, err
		}
		return e.replay(ctx, g, print, first, nil)
	case !got.Replayed:
		return got, nil
	}
	// A 250 says that the message leaves: one that will not is not what was meant.
	if over, err := e.endedUnsent(ctx, g.Team, got.ID); err != nil || !over {
		return got, err
	}
	use.since = got.CreatedAt.Add(time.Millisecond)
	return e.take(ctx, g, sub, use)
}

// endedUnsent tells whether a message has come to its end and nobody got it.
func (e *Engine) endedUnsent(ctx context.Context, team, id email.ID) (bool, error) {
	m, err := e.cfg.Store.Message(ctx, team, id)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(m.Recipients, func(r store.RecipientStatus) bool {
		return r.State != email.Failed && r.State != email.Expired && r.State != email.Canceled
	}), nil
}

func hasID(raw []byte) bool {
	h, err := email.HeaderOf(raw)
	return err == nil && h.Value("Message-ID") != ""
}
