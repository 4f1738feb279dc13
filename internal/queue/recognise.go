package queue

import (
	"context"
	"encoding/hex"
	"errors"
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

// recognise gives a submission the idempotency key that it stands for itself. Keys have
// the hour in them, so that the same message may be sent again later; one that came in
// the hour before counts as long as it is not older than an hour.
func (e *Engine) recognise(ctx context.Context, g access.Grant, sub *Submission) error {
	if !sub.Recognise || sub.IdempotencyKey != "" || !hasID(sub.Raw) {
		return nil
	}
	print, err := e.fingerprint(ctx, g, *sub)
	if err != nil {
		return fmt.Errorf("fingerprint the message: %w", err)
	}
	now := e.cfg.Now()
	key := func(at time.Time) string {
		return fmt.Sprintf("smtp:%s:%d:%s", g.Key, at.Unix()/int64(recognisedFor/time.Second), hex.EncodeToString(print))
	}
	sub.IdempotencyKey = key(now)
	before := key(now.Add(-recognisedFor))
	first, err := e.cfg.Store.FirstUse(ctx, g.Team, before)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && now.Sub(first.CreatedAt) < recognisedFor {
		sub.IdempotencyKey = before
	}
	return err
}

func hasID(raw []byte) bool {
	h, err := email.HeaderOf(raw)
	return err == nil && h.Value("Message-ID") != ""
}
