package main

import (
	"context"
	"errors"
	"fmt"

	"gatepost/client"
)

// watched waits until a message has left. The message is kept already: a script
// must not take an error about watching for one about sending, and send again.
func (s *sending) watched(ctx context.Context, r *remote, submitted client.Submitted) error {
	m, err := r.settled(ctx, submitted.ID, s.wait)
	if err == nil {
		return r.outcome(m)
	}
	r.progressEnd()
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Kind() != "forbidden" {
		return fmt.Errorf("%s is kept; what becomes of it was not seen: %v", submitted.ID, err) // %v: no mistake of the user's
	}
	r.note("%s is kept; this key may not watch it (messages:read is missing).", submitted.ID)
	return r.show(submitted, func() {})
}

// doubtful is an error of a send for a person: where there is no verdict, how to
// get one.
func (s *sending) doubtful(err error, m client.NewMessage, key string) error {
	var n *client.NoVerdict
	if !errors.As(err, &n) || !n.Repeatable() {
		return err
	}
	how := "give the same command again with"
	if s.idempotencyKey != "" {
		how = "give the same command again, with the same"
	}
	return fmt.Errorf("%w\nThe message may have been kept. To know, and to have it sent once: %s\n  --idempotency-key %s%s", n.Err, how, key, s.moments(m))
}

// moments are the times of a message as flags, where they were counted from now:
// with the same idempotency key the message must be the same.
func (s *sending) moments(m client.NewMessage) (flags string) {
	for _, f := range []struct {
		flag, given string
		at          *client.Time
	}{{"--send-at", s.sendAt, m.SendAt}, {"--expires-at", s.expiresAt, m.ExpiresAt}} {
		if f.at == nil {
			continue
		}
		if b, err := f.at.MarshalText(); err == nil && string(b) != f.given {
			flags += " " + f.flag + " " + string(b)
		}
	}
	return flags
}
