package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// Enter makes this process present under its node's name, with a new epoch. What
// an earlier epoch was sending has no sender any more and becomes unknown now.
func (e *Engine) Enter(ctx context.Context) error {
	if err := e.syncClock(ctx); err != nil {
		return err
	}
	entered := e.pulse.time()
	epoch, err := e.cfg.Store.Enter(ctx, e.cfg.Node)
	if err != nil {
		return err
	}
	e.epoch = epoch
	e.pulse.beat(entered)
	return e.adopt(ctx)
}

// adopt settles what earlier epochs of this node were sending.
func (e *Engine) adopt(ctx context.Context) error {
	orphans, err := e.cfg.Store.Orphans(ctx, e.cfg.Node, e.epoch, !e.shared())
	if err != nil {
		return err
	}
	return e.disown(ctx, orphans, "process_ended", "gatepost ended while it sent the message")
}

// rescue takes over what lost nodes were sending, and earlier epochs of this one:
// a PostgreSQL server may finish the commit of a claim long after the process that
// asked for it has died and been started again.
func (e *Engine) rescue(ctx context.Context) error {
	if err := e.adopt(ctx); err != nil {
		return err
	}
	if err := e.reclaim(ctx); err != nil || !e.shared() {
		return err
	}
	return e.takeOver(ctx)
}

// reclaim takes back claims of this process that it never heard of: their commit
// landed after its answer had been given up. Nobody has begun to send them.
func (e *Engine) reclaim(ctx context.Context) error {
	e.hand.claiming.Lock() // no claim is between its commit and being in hand
	defer e.hand.claiming.Unlock()
	entries, err := e.cfg.Store.Claimed(ctx, e.cfg.Node, e.epoch, e.cfg.Now().Add(-3*e.cfg.Lease))
	if err != nil {
		return err
	}
	var out []*store.Finish
	for _, en := range entries {
		if e.hand.holds(en) {
			continue
		}
		f, err := e.settle(en, outcome{err: before(nil, "claim_lost", "the answer to the claim was lost: nothing was sent")})
		if err != nil {
			return err
		}
		out = append(out, f)
	}
	return e.finish(ctx, out...)
}

// disown settles attempts whose sender cannot tell how they ended.
func (e *Engine) disown(ctx context.Context, entries []*store.Entry, cause, text string) error {
	var out []*store.Finish
	for _, en := range entries {
		o, err := e.lostOutcome(ctx, en, cause, text)
		if err != nil {
			return err
		}
		f, err := e.settle(en, o)
		if err != nil {
			return err
		}
		out = append(out, f)
	}
	if len(out) > 0 {
		e.cfg.Log.Warn("attempts without an outcome were found; they are looked for or held, never sent blindly", "attempts", len(out), "cause", cause)
	}
	return e.finish(ctx, out...)
}

func (e *Engine) lostOutcome(ctx context.Context, en *store.Entry, cause, text string) (outcome, error) {
	open, err := e.cfg.Store.OpenRecipients(ctx, en.Team, en.Message)
	if err != nil {
		return outcome{}, err
	}
	a, err := e.accounts.get(ctx, en.Team, en.Route)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // one that has been removed cannot look
		return outcome{}, err
	}
	life, err := e.lifeOf(ctx, en)
	if err != nil {
		return outcome{}, err
	}
	return outcome{open: open, canLook: a != nil && a.canLook(), life: life, err: &provider.Error{
		Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: cause, Text: text,
	}}, nil
}

// hand is the claims that this process knows it has, by their fences and messages.
type hand struct {
	claiming sync.RWMutex

	mu   sync.Mutex
	held map[email.ID]int64
}

func (h *hand) take(en *store.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held[en.Message] = en.Fence
}

func (h *hand) put(en *store.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held[en.Message] == en.Fence {
		delete(h.held, en.Message)
	}
}

func (h *hand) holds(en *store.Entry) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held[en.Message] == en.Fence
}

// finish writes outcomes. One that came too late changes nothing: somebody else
// has decided in the meantime.
func (e *Engine) finish(ctx context.Context, fs ...*store.Finish) error {
	if len(fs) == 0 {
		return nil
	}
	var failed error
	for i, err := range e.cfg.Store.FinishAttempts(ctx, fs...) {
		switch {
		case errors.Is(err, store.ErrFenced):
			e.cfg.Log.Warn("an outcome came after its claim had ended; it changes nothing", "message", fs[i].Message)
		case err != nil:
			failed = errors.Join(failed, err)
		default:
			e.report(fs[i])
		}
	}
	return failed
}

// report writes one line for each outcome, forgets what it changed, and wakes the
// account for what is due at once.
func (e *Engine) report(f *store.Finish) {
	if f.Next == nil {
		e.recent.drop(f.Message)
	}
	if f.Account != nil {
		e.accounts.forget(f.Team, f.Route)
		e.cfg.Log.Warn(string(f.Account.Event.Kind), "account", f.Route, "cause", f.Account.Event.Data.Cause,
			"text", f.Account.Event.Data.Text, "fix", f.Account.Event.Data.Fix)
	}
	if n := f.Next; n != nil && n.State == email.Queued && !n.DueAt.After(f.At) && (f.Account == nil || f.Pooled != "") {
		e.notify(f.Team, f.Waits())
	}
	if f.Account != nil && f.Account.Well {
		e.notify(f.Team, f.Route)
	}
	for _, ev := range f.Events {
		e.cfg.Log.Info(string(ev.Kind), "message", f.Message, "account", f.Route, "attempt", ev.Data.Attempt, "cause", ev.Data.Cause)
	}
}

// beat says that this node is alive. Once a later epoch of it has entered, this
// process must end.
func (e *Engine) beat(ctx context.Context) error {
	sent := e.pulse.time()
	if err := e.cfg.Store.Heartbeat(ctx, e.cfg.Node, e.epoch); err != nil {
		if errors.Is(err, store.ErrFenced) {
			return fmt.Errorf("another process runs as this node: %w", err)
		}
		return err
	}
	e.pulse.beat(sent)
	return nil
}
