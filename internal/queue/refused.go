package queue

import (
	"context"
	"errors"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// CredentialRefused takes in what a provider said of a credential outside of a send, by a
// call that began at a time: a refusal that holds an account at a send holds all accounts
// of the credential, and their mail is kept. Anything else changes nothing.
func (e *Engine) CredentialRefused(ctx context.Context, team, credential email.ID, began time.Time, said error) error {
	err, ok := errors.AsType[*provider.Error](said)
	if !ok || err.Class != provider.Hold || err.Scope != provider.ScopeAccount {
		return nil
	}
	all, failed := e.cfg.Store.AccountsOf(ctx, team, credential)
	if failed != nil {
		return failed
	}
	for _, a := range all {
		ev, failed := e.event(email.EventAccountHeld, about(err))
		if failed != nil {
			return failed
		}
		change := store.AccountChange{Hold: true, Began: began, Event: ev}
		if failed := e.cfg.Store.ChangeAccount(ctx, team, a.ID, change); failed != nil {
			return failed
		}
		e.AccountChanged(team, a.ID)
	}
	return nil
}
