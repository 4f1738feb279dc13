package queue

import (
	"context"
	"time"

	"gatepost/internal/store"
)

const (
	retainAtOnce = 200
	// retainLater is added to the time at which a content is looked at first, because
	// messages become final a little after they came: one look then mostly does.
	retainLater = time.Hour
	// retainAgain is when a content is looked at again whose message still waits.
	retainAgain = day
)

// retain shreds the contents that have been kept as long as their types say, and
// removes uploads whose time is over. A clock that was set forward is not believed:
// what is shredded does not come back.
func (e *Engine) retain(ctx context.Context) error {
	now := e.clock.believed()
	if n, err := e.cfg.Store.ExpireUploads(ctx, now); err != nil {
		return err
	} else if n > 0 {
		e.cfg.Log.Info("uploads whose time was over were removed", "uploads", n)
	}
	for ctx.Err() == nil {
		list, err := e.cfg.Store.Keepings(ctx, now, retainAtOnce)
		if err != nil {
			return err
		}
		for _, k := range list {
			if err := e.retainOne(ctx, k, now); err != nil {
				return err
			}
		}
		if len(list) < retainAtOnce {
			return nil
		}
	}
	return nil
}

// retainOne decides about one content whose look is due.
func (e *Engine) retainOne(ctx context.Context, k store.Keeping, now time.Time) error {
	p, ok := PolicyOf(k.Type)
	if !ok {
		p, _ = PolicyOf("general")
	}
	if k.Waiting {
		return e.cfg.Store.Keep(ctx, k, now.Add(retainAgain))
	}
	if until := k.FinalAt.Add(p.Keep); until.After(now) {
		return e.cfg.Store.Keep(ctx, k, until)
	}
	_, err := e.cfg.Store.Shred(ctx, k, now, e.cfg.Now())
	return err
}
