package queue

import (
	"context"
	"errors"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// An account may have each message made a draft first, and send that. Then the
// provider itself holds the fence: a draft that is still there was not sent, and
// whoever tries after all sends the same draft, which goes once. For that, the
// draft's id is on disk before it is sent, with the number of the attempt, because
// another attempt may have gone without a draft; and it is replaced by another one
// only after a look found it gone.

// drafter is the account's way to send by drafts, or nil where it does not.
func (a *account) drafter() provider.Drafter {
	d, _ := a.opened.provider.(provider.Drafter)
	return d
}

// canLook tells whether the account can say anything about an unknown outcome.
func (a *account) canLook() bool { return a.looker() != nil || a.drafter() != nil }

// send makes the attempt's one step that lets the provider take the message.
func (e *Engine) send(ctx context.Context, en *store.Entry, msg *loaded, env email.Envelope) (provider.Receipt, error) {
	ctx = e.watches.On(ctx, en.Route)
	d := msg.account.drafter()
	if d == nil {
		return msg.account.opened.provider.Send(ctx, env, msg.content)
	}
	id, err := e.draftToSend(ctx, en, d, msg, env)
	if err != nil {
		return provider.Receipt{}, err
	}
	return d.SendDraft(ctx, env, id)
}

// draftToSend is the draft of an attempt: the one that was kept, if it may still be there, or a
// new one. Whatever fails here, nothing was sent.
func (e *Engine) draftToSend(ctx context.Context, en *store.Entry, d provider.Drafter, msg *loaded, env email.Envelope) (string, error) {
	old, err := e.keptDraft(ctx, en)
	if err != nil {
		return "", before(err, "store_unreadable", "the message's draft could not be read from the store")
	}
	if old.ID != "" && !old.Gone {
		return old.ID, e.keepDraft(ctx, en, old.ID)
	}
	if err := e.cfg.Store.NoteDrafts(ctx, en.Team, en.Route); err != nil {
		return "", before(err, "store_failed", "that there may be drafts could not be noted")
	}
	id, err := d.CreateDraft(ctx, env, msg.content)
	if err == nil {
		e.trace("draft.made")
		err = e.keepDraft(ctx, en, id)
	}
	if err != nil {
		e.noteLeft(ctx, en)
	}
	return id, err
}

// keepDraft puts the draft's id on disk, so that it may be sent.
func (e *Engine) keepDraft(ctx context.Context, en *store.Entry, id string) error {
	if err := provider.Guard(ctx); err != nil {
		return before(err, "guard", "this node was not sure any more that the attempt was its own, and left the draft unsent")
	}
	if err := e.cfg.Store.KeepDraft(ctx, en, id); err != nil {
		return before(err, "draft_not_kept", "the draft could not be noted, and was left unsent")
	}
	e.trace("draft.kept")
	return nil
}

// noteLeft notes once more that a draft may be there. A process that stood still while
// it made one may have lost its claim, and a sweep may have found none since.
func (e *Engine) noteLeft(ctx context.Context, en *store.Entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cfg.Lease)
	defer cancel()
	if err := e.cfg.Store.NoteDrafts(ctx, en.Team, en.Route); err != nil {
		e.cfg.Log.Warn("a draft that was not sent may stay in the mailbox: it could not be noted", "message", en.Message, "account", en.Route, "err", err)
	}
}

// keptDraft is the draft of an earlier attempt through the same account; an empty
// one where there is none.
func (e *Engine) keptDraft(ctx context.Context, en *store.Entry) (store.Draft, error) {
	if en.Attempt == 1 {
		return store.Draft{}, nil
	}
	d, err := e.cfg.Store.Draft(ctx, en.Message)
	if errors.Is(err, store.ErrNotFound) || err == nil && d.Account != en.Route {
		return store.Draft{}, nil
	}
	return d, err
}

func (e *Engine) trace(stage string) {
	if e.cfg.Trace != nil {
		e.cfg.Trace(stage)
	}
}

// draftLook is what a look learned about the draft that an attempt was to send.
type draftLook struct {
	there, gone bool
	err         error // nothing was learned
}

// findDrafts asks for the drafts from which the attempts of these entries were
// made. One whose draft was not kept in time tells nothing: its attempt may as well
// have gone without.
func (e *Engine) findDrafts(ctx context.Context, a *account, entries []*store.Entry) (map[email.ID]draftLook, error) {
	d := a.drafter()
	if d == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	out := map[email.ID]draftLook{}
	for _, en := range entries {
		kept, err := e.cfg.Store.Draft(ctx, en.Message)
		if errors.Is(err, store.ErrNotFound) || err == nil && (kept.Attempt != en.Attempt || kept.Account != en.Route) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if out[en.Message], err = e.findDraft(ctx, d, kept); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (e *Engine) findDraft(ctx context.Context, d provider.Drafter, kept store.Draft) (draftLook, error) {
	if kept.Gone {
		return draftLook{gone: true}, nil
	}
	there, err := d.HasDraft(ctx, kept.ID)
	if err != nil {
		return draftLook{err: err}, nil
	}
	if there {
		return draftLook{there: true}, nil
	}
	return draftLook{gone: true}, e.cfg.Store.DraftGone(ctx, kept.Message, kept.ID)
}
