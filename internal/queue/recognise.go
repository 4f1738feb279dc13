package queue

import (
	"context"
	"encoding/hex"
	"fmt"
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

// ownKeys are the idempotency keys that a submission stands for itself: of this hour,
// and of the one before. They have the hour in them, so that the same message may be
// sent again later.
func ownKeys(g access.Grant, print []byte, now time.Time) (present, before string) {
	key := func(at time.Time) string {
		return fmt.Sprintf("smtp:%s:%d:%s", g.Key, at.Unix()/int64(recognisedFor/time.Second), hex.EncodeToString(print))
	}
	return key(now), key(now.Add(-recognisedFor))
}

// recognise is firstUse for a submission that is its own key.
func (e *Engine) recognise(ctx context.Context, g access.Grant, sub *Submission, print []byte) (*store.FirstUse, error) {
	now := e.cfg.Now()
	present, before := ownKeys(g, print, now)
	sub.IdempotencyKey = present
	first, err := e.cfg.Store.FirstUse(ctx, g.Team, present, before)
	if err == nil && now.Sub(first.CreatedAt) >= recognisedFor {
		return nil, store.ErrNotFound
	}
	return first, err
}

func hasID(raw []byte) bool {
	h, err := email.HeaderOf(raw)
	return err == nil && h.Value("Message-ID") != ""
}
