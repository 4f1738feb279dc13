package queue

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
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
	if err == nil {
		return got, nil
	}
	first, none := e.cfg.Store.FirstUse(ctx, g.Team, sub.IdempotencyKey)
	if none != nil || first.CreatedAt.Before(use.since) {
		return Submitted{}, err
	}
	return e.replay(ctx, g, print, first, nil)
}

func hasID(raw []byte) bool {
	h, err := email.HeaderOf(raw)
	return err == nil && h.Value("Message-ID") != ""
}
