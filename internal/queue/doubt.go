package queue

import (
	"context"
	"maps"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// Copies in Sent bear the message's id, not the attempt's. Where a provider
// judges recipients one by one, an attempt may have left a copy that went to
// others: such a copy must not settle the recipients that are still open.

// sent is what a look found of one message: the provider's ids of copies that are
// not accounted for.
type sent struct {
	copies []string
	needed int // how many prove that the open recipients have it; 0: no number does
}

func (s *sent) proves() bool { return s != nil && s.needed > 0 && len(s.copies) >= s.needed }

// gather looks for copies of the wanted messages, and for further ones of those
// where the first proves nothing.
func (e *Engine) gather(ctx context.Context, a *account, looker provider.Looker, q provider.LookQuery, entries []*store.Entry) (map[email.ID]*sent, error) {
	ctx = e.watches.On(ctx, a.row.ID)
	out, seen := map[email.ID]*sent{}, map[string]bool{}
	q.Known = func(ctx context.Context, ids []string) (map[string]bool, error) {
		known, err := e.cfg.Store.Copies(ctx, a.row.ID, ids)
		if err == nil {
			maps.Copy(known, seen)
		}
		return known, err
	}
	for len(q.IDs) > 0 {
		found, err := looker.Look(ctx, q)
		if err != nil {
			return nil, err
		}
		q.IDs = map[email.ID]bool{}
		for _, en := range entries {
			id := found[en.Message]
			if id == "" {
				continue
			}
			more, err := e.note(ctx, a, en, id, q, out)
			if err != nil {
				return nil, err
			}
			if seen[id] = true; more {
				q.IDs[en.Message] = true
			}
		}
	}
	return out, nil
}

// note adds a copy to what is known of a message, and tells whether another one
// would say more. A looker may report a copy that is accounted for.
func (e *Engine) note(ctx context.Context, a *account, en *store.Entry, providerID string, q provider.LookQuery, out map[email.ID]*sent) (more bool, err error) {
	if known, err := q.Known(ctx, []string{providerID}); err != nil || known[providerID] {
		return false, err
	}
	s := out[en.Message]
	if s == nil {
		s = &sent{}
		if s.needed, err = e.proofs(ctx, a, en); err != nil {
			return false, err
		}
		out[en.Message] = s
	}
	s.copies = append(s.copies, providerID)
	return len(s.copies) < s.needed, nil
}

// proofs is how many copies prove that the open recipients of a message have it:
// one more than other attempts may have left. 0: no number does, because the
// attempt itself may have been taken for some of them only.
func (e *Engine) proofs(ctx context.Context, a *account, en *store.Entry) (int, error) {
	if a.limits.HeaderDecides {
		return 1, nil // all or nobody
	}
	m, err := e.cfg.Store.Message(ctx, en.Team, en.Message)
	if err != nil {
		return 0, err
	}
	if len(m.Recipients) == 1 {
		return 1, nil // whichever attempt left it
	}
	if en.Unsettled > 1 {
		return 0, nil
	}
	events, err := e.cfg.Store.Events(ctx, en.Team, en.Message)
	return 1 + strangers(events, en.Attempt), err
}

// strangers counts the attempts that may have left a copy which is not accounted
// for and went to others than those still open.
func strangers(events []store.Event, attempt int) int {
	may := map[int]bool{}
	for _, ev := range events {
		n := ev.Data.Attempt
		switch {
		case ev.Kind == email.EventAccepted:
			may[n] = ev.Data.ProviderID == ""
		case ev.Kind == email.EventUnknown && n < attempt:
			may[n] = true
		}
	}
	left := 0
	for _, is := range may {
		if is {
			left++
		}
	}
	return left
}
