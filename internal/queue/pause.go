package queue

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

func mayWrite(g access.Grant) error {
	if !g.May(access.ScopeMessagesWrite) {
		return fmt.Errorf("%w: it lacks the scope %s", ErrForbidden, access.ScopeMessagesWrite)
	}
	if boundToSome(g) {
		return fmt.Errorf("%w: it is bound to senders or to an account, and the queue has everybody's mail", ErrForbidden)
	}
	return nil
}

// maxReason is how long the reason may be that a person gives.
const maxReason = 200

func checkReason(reason string) []email.Problem {
	if len(reason) > maxReason {
		return []email.Problem{{Field: "reason", Message: fmt.Sprintf("longer than %d bytes", maxReason)}}
	}
	if err := email.CheckHeaderValue(reason); reason != "" && err != nil {
		return []email.Problem{{Field: "reason", Message: err.Error()}}
	}
	return nil
}

// Pause lets no attempt begin of what p names, until it is resumed; it may be paused
// already, and without a reason keeps the one it has. What is being sent, or about to be, comes to its end. It returns all that
// is paused then.
func (e *Engine) Pause(ctx context.Context, g access.Grant, p Pause) ([]Pause, error) {
	if err := mayWrite(g); err != nil {
		return nil, err
	}
	if problems := checkReason(p.Reason); problems != nil {
		return nil, &Invalid{problems}
	}
	if err := e.mayPause(ctx, g.Team, p.Account); err != nil {
		return nil, err
	}
	p.Team, p.Key, p.At = g.Team, g.Key, e.cfg.Now()
	ev, err := e.event(email.EventAccountPaused, store.EventData{Text: p.Reason, Lane: laneName(p.Lane)})
	if err != nil {
		return nil, err
	}
	if err := e.cfg.Store.PauseNoted(ctx, p, ev); err != nil {
		return nil, err
	}
	e.accounts.forget(g.Team, p.Account)
	e.cfg.Log.Info("queue.paused", "account", p.Account, "lane", int(p.Lane), "key", g.Key)
	return e.cfg.Store.Pauses(ctx, g.Team)
}

// mayPause refuses what is not there: nothing would come of it.
func (e *Engine) mayPause(ctx context.Context, team, account email.ID) error {
	if account == "" {
		return nil
	}
	_, err := e.Named(ctx, team, account)
	if errors.Is(err, ErrNotFound) {
		return &Invalid{[]email.Problem{{Field: "account", Message: "no account, and no pool: GET /v1/accounts and GET /v1/pools list them"}}}
	}
	return err
}

// Resume ends the pause of just what p names; there need not be one. It returns what
// is still paused.
func (e *Engine) Resume(ctx context.Context, g access.Grant, p Pause) ([]Pause, error) {
	if err := mayWrite(g); err != nil {
		return nil, err
	}
	p.Team = g.Team
	ev, err := e.event(email.EventAccountResumed, store.EventData{Lane: laneName(p.Lane)})
	if err != nil {
		return nil, err
	}
	if err := e.cfg.Store.ResumeNoted(ctx, p, ev); err != nil {
		return nil, err
	}
	e.accounts.forget(g.Team, p.Account)
	e.cfg.Log.Info("queue.resumed", "account", p.Account, "lane", int(p.Lane), "key", g.Key)
	if err := e.wakeAll(ctx, g.Team, p.Account); err != nil {
		return nil, err
	}
	return e.cfg.Store.Pauses(ctx, g.Team)
}

// wakeAll has an account looked at now, or every account of the team; of a pool too,
// as any of them may be a member.
func (e *Engine) wakeAll(ctx context.Context, team, account email.ID) error {
	pools, err := e.accounts.pools(ctx, team)
	if err != nil {
		return err
	}
	if account != "" && poolNamed(pools, account) == nil {
		e.notify(team, account)
		return nil
	}
	all, err := e.accounts.list(ctx, team)
	for _, a := range all {
		e.notify(team, a.row.ID)
	}
	return err
}
