package queue

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

const (
	// looksAtOnce is how many unknown outcomes one look serves.
	looksAtOnce = 500
	// lookAgain is the pause after a look that could not be made.
	lookAgain = 30 * time.Second
	// lookTimeout ends a look.
	lookTimeout = 2 * time.Minute
)

// look settles the unknown outcomes of an account whose look is due: one listing
// of Sent serves all of them. It tells how many it took on.
func (e *Engine) look(ctx context.Context, team, route email.ID) (int, error) {
	began := e.cfg.Now()
	entries, err := e.cfg.Store.Unknowns(ctx, route, began, looksAtOnce)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	a, err := e.accounts.get(ctx, team, route)
	if err != nil {
		return 0, err
	}
	r := lookResult{began: began}
	if r.lives, err = e.livesOf(ctx, entries); err != nil {
		return 0, err
	}
	if r.drafts, err = e.findDrafts(ctx, a, entries); err != nil {
		return 0, err
	}
	r.sent, r.err = e.findSent(ctx, a, r.missing(entries))
	finishes, err := e.settleLooks(ctx, entries, r)
	if err != nil {
		return 0, err
	}
	return len(entries), e.finish(ctx, finishes...)
}

// lookResult is what a look brought back.
type lookResult struct {
	began  time.Time
	lives  map[email.ID]time.Duration
	drafts map[email.ID]draftLook
	sent   map[email.ID]*sent
	err    error // why Sent could not be read
}

// missing are the entries whose copy Sent may have: a draft that is there was not
// sent.
func (r lookResult) missing(entries []*store.Entry) []*store.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(en *store.Entry) bool {
		return r.drafts[en.Message].there || r.drafts[en.Message].err != nil
	})
}

// errCannotLook says that the account's Sent cannot be read at all.
var errCannotLook = errors.New("the account's Sent mail may not be read")

func (e *Engine) findSent(ctx context.Context, a *account, entries []*store.Entry) (map[email.ID]*sent, error) {
	looker := a.looker()
	if looker == nil {
		return nil, errCannotLook
	}
	if len(entries) == 0 {
		return nil, nil
	}
	q := provider.LookQuery{IDs: map[email.ID]bool{}, Since: entries[0].StartedAt}
	for _, en := range entries {
		q.IDs[en.Message] = true
		for _, at := range []time.Time{en.StartedAt, en.UnknownAt, e.cfg.Now()} {
			if at.Before(q.Since) {
				q.Since = at
			}
		}
	}
	q.Since = q.Since.Add(-e.marginOf(entries))
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return e.gather(ctx, a, looker, q, entries)
}

// Margins of a look: for what passes between a claim and its row, and for a clock that may
// have been set since.
const (
	lookMargin     = 15 * time.Minute
	lookMarginOdd  = 24 * time.Hour
	lookMarginEven = 24 * time.Hour // of running evenly make the difference
)

// marginOf is how much further back than the oldest attempt a look goes. By how much the
// provider's clock and ours differ is the provider's to know (LookQuery.Since); where ours
// was set since the attempt, times of rows and of copies cannot be compared any more. That
// it was not is known of attempts of this process alone, or after a day.
func (e *Engine) marginOf(entries []*store.Entry) time.Duration {
	others := slices.ContainsFunc(entries, func(en *store.Entry) bool { return en.Node != e.cfg.Node || en.Epoch != e.epoch })
	if even, ever := e.clock.evenly(); even >= lookMarginEven || ever && !others {
		return lookMargin
	}
	return lookMarginOdd
}

func (e *Engine) settleLooks(ctx context.Context, entries []*store.Entry, r lookResult) ([]*store.Finish, error) {
	var out []*store.Finish
	for _, en := range entries {
		open, err := e.cfg.Store.OpenRecipients(ctx, en.Team, en.Message)
		if err != nil {
			return nil, err
		}
		f, err := e.settleLook(en, r, open)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// settleLook decides what a look means for one message.
func (e *Engine) settleLook(en *store.Entry, r lookResult, open []store.OpenRecipient) (*store.Finish, error) {
	s := e.settling(en)
	s.began, s.life = r.began, r.lives[en.Message]
	there, draft := r.sent[en.Message], r.drafts[en.Message]
	switch {
	case draft.err != nil:
		s.notLearned(draft.err, open)
	case draft.there:
		s.stillDraft(open)
	case there.proves():
		s.found(there.copies[0], open)
	case there != nil:
		s.doubtful(r.began, there, open)
	case r.err == nil && draft.gone:
		s.draftGone(r.began, open)
	case r.err == nil:
		s.notFound(r.began, open)
	case errors.Is(r.err, errCannotLook):
		s.undecided(store.EventData{Cause: "cannot_look", Text: r.err.Error()}, open)
	default:
		s.notLearned(r.err, open)
	}
	return s.finish, s.err
}

// notLearned settles a look that could not be made: never, or not now.
func (s *settling) notLearned(err error, rs []store.OpenRecipient) {
	var refused *provider.Error
	if errors.As(err, &refused) && refused.Class == provider.Hold {
		s.undecided(about(refused), rs)
		return
	}
	s.lookFailed(err, rs)
}
