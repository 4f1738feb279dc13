package monitor

import (
	"context"
	"time"
)

// nextKept is how long the next ends are kept for those who ask again and again.
const nextKept = time.Minute

// nextEnds is when something of each kind ends next.
type nextEnds struct {
	readAt time.Time
	at     map[string]time.Time
}

// NextEnds tells when something of each kind ends next, over all teams, as it was known
// within the last minute. What is over stays until it is
// renewed; a change that has come is left out.
func (w *Watch) NextEnds(ctx context.Context) (map[string]time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next.at != nil && w.now().Sub(w.next.readAt).Abs() < nextKept {
		return w.next.at, nil
	}
	teams, err := w.cfg.Store.Teams(ctx)
	if err != nil {
		return nil, err
	}
	at := map[string]time.Time{}
	for _, t := range teams {
		all, err := w.Expiries(ctx, t.ID)
		if err != nil {
			return nil, err
		}
		for _, e := range all { // the soonest first
			if _, known := at[e.Kind]; (!known || e.At.Before(at[e.Kind])) && !e.At.IsZero() && !e.come() {
				at[e.Kind] = e.At
			}
		}
	}
	w.next = nextEnds{w.now(), at}
	return at, nil
}
