package queue

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// Drafts of ours that nobody will send are taken out of the mailbox: those of
// messages that have ended, and those whose attempt ended before their id was
// kept. They are never sent.

// draftsEvery is the longest pause between two sweeps of drafts.
const draftsEvery = time.Minute

// watched is what the sweeps remember of an account's drafts.
type watched struct {
	read  map[string]email.ID      // whose they are
	since map[string]time.Duration // when one that is nobody's was seen first, in elapsed time
}

// sweepDrafts deletes what was left in drafts. One goroutine calls it at a time.
func (e *Engine) sweepDrafts(ctx context.Context) error {
	noted, err := e.cfg.Store.DraftAccounts(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, n := range noted {
		failed = errors.Join(failed, e.sweepAccount(ctx, n.Team, n.Account))
	}
	return failed
}

// sweepAccount sweeps one mailbox, but for one that waits for a time or a person.
func (e *Engine) sweepAccount(ctx context.Context, team, id email.ID) error {
	if !e.owns(id) {
		delete(e.drafts, id)
		return nil
	}
	a, err := e.accounts.get(ctx, team, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	note, noteErr := e.cfg.Store.DraftNote(ctx, id) // before the drafts are listed: another may be made meanwhile
	if noteErr != nil {
		return noteErr
	}
	if err != nil || a.drafter() == nil { // nobody can reach its drafts any more
		return e.forgetDrafts(ctx, id, note)
	}
	if a.row.Held || a.row.ParkedUntil.After(e.cfg.Now()) {
		return nil
	}
	if e.drafts[id] == nil {
		e.drafts[id] = &watched{since: map[string]time.Duration{}}
	}
	left, err := e.dropOrphans(ctx, a, e.drafts[id])
	if err != nil || left {
		return err
	}
	return e.forgetDrafts(ctx, id, note)
}

func (e *Engine) forgetDrafts(ctx context.Context, account email.ID, note store.DraftNote) error {
	delete(e.drafts, account)
	return e.cfg.Store.ForgetDrafts(ctx, account, note)
}

// dropOrphans deletes the drafts that bear our mark and from which no waiting
// message is to be sent. An attempt may just have made one and not kept it yet, so
// each is left for as long as an attempt may last. It tells whether any is left.
func (e *Engine) dropOrphans(ctx context.Context, a *account, w *watched) (left bool, err error) {
	if w.read, err = a.drafter().Drafts(ctx, w.read); err != nil {
		return true, err
	}
	orphans, err := e.orphans(ctx, a, w.read)
	if err != nil {
		return true, err
	}
	maps.DeleteFunc(w.since, func(id string, _ time.Duration) bool { return orphans[id] == "" })
	now := e.cfg.Elapsed()
	for _, id := range slices.Sorted(maps.Keys(orphans)) {
		first, seen := w.since[id]
		if !seen {
			w.since[id] = now
		}
		if !seen || now-first <= e.cfg.SendTimeout {
			left = true
			continue
		}
		err := e.cfg.Store.DraftGone(ctx, orphans[id], id) // should the message be tried here again
		if err == nil {
			err = a.drafter().DeleteDraft(ctx, id)
		}
		if err != nil {
			return true, err
		}
		delete(w.since, id)
		e.cfg.Log.Warn("a draft without an attempt is deleted; it was not sent", "message", orphans[id], "account", a.row.ID)
	}
	return left, nil
}

// orphans are the drafts of our messages that are not kept. Drafts that bear the
// mark of another gatepost, on another database, are its own.
func (e *Engine) orphans(ctx context.Context, a *account, all map[string]email.ID) (map[string]email.ID, error) {
	marked := maps.Clone(all)
	maps.DeleteFunc(marked, func(_ string, message email.ID) bool { return message == "" })
	if len(marked) == 0 {
		return nil, nil
	}
	kept, err := e.cfg.Store.KnownDrafts(ctx, a.row.ID)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(marked, func(id string, _ email.ID) bool { return kept[id] })
	ours, err := e.cfg.Store.HasMessages(ctx, a.row.Team, slices.Collect(maps.Values(marked)))
	maps.DeleteFunc(marked, func(_ string, message email.ID) bool { return !ours[message] })
	return marked, err
}
