package queue

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// Cancel takes back what waits of a message: scheduled, queued or held. Its open
// recipients become canceled, and nothing leaves any more. ErrTooLate: an attempt
// is recorded, or nothing waits.
func (e *Engine) Cancel(ctx context.Context, g access.Grant, id email.ID) error {
	if err := e.maySteer(ctx, g, id); err != nil {
		return err
	}
	ev, err := e.event(email.EventCanceled, store.EventData{})
	if err != nil {
		return err
	}
	if err := e.cfg.Store.Cancel(ctx, g.Team, id, ev); err != nil {
		return err
	}
	e.recent.drop(id)
	e.cfg.Log.Info(string(ev.Kind), "message", id, "key", g.Key)
	return nil
}

// RetryMessage tries the failed recipients of a message again, now. Without any it
// is ErrNothingToRetry; ErrShredded when the content is gone; ErrTooLate when the
// message's time is over or it is on its way to other recipients.
func (e *Engine) RetryMessage(ctx context.Context, g access.Grant, id email.ID) error {
	if err := e.maySteer(ctx, g, id); err != nil {
		return err
	}
	ev, err := e.event(email.EventRetried, store.EventData{})
	if err != nil {
		return err
	}
	r, err := e.cfg.Store.Retry(ctx, store.Retry{Team: g.Team, Message: id, KeepUntil: ev.At.Add(retainAgain), Event: ev})
	if err != nil {
		return err
	}
	e.cfg.Log.Info(string(ev.Kind), "message", id, "key", g.Key)
	e.notify(g.Team, r.Route)
	return nil
}

// Content returns a message as it is sent (RFC 5322, with X-Gatepost-Id), or
// ErrShredded. Blind recipients are not in it.
func (e *Engine) Content(ctx context.Context, g access.Grant, id email.ID) (email.Content, error) {
	if err := mayRead(g); err != nil {
		return nil, err
	}
	stored, err := e.cfg.Store.Load(ctx, g.Team, id)
	if err != nil {
		return nil, err
	}
	key, err := e.cfg.Vault.UnwrapContentKey(ctx, g.Team, id, stored.WrappedKey)
	if err == nil {
		var c email.Content
		if c, err = (content{e.cfg.Store.Bucket, key, stored}).open(); err == nil {
			return c, nil
		}
	}
	if errors.Is(err, vault.ErrNotOpened) {
		return nil, fmt.Errorf("%w: restore the data folder from a backup", err)
	}
	return nil, fmt.Errorf("read the content of %s: %w", id, err)
}
