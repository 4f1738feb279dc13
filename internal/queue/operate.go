package queue

import (
	"context"
	"encoding/json"
	"errors"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
)

var errNotYet = errors.New("this part of the engine is not built yet")

// Cancel takes a message back whose attempt has not been recorded: its open
// recipients become canceled. ErrTooLate: it is being sent, or nothing waits.
func (e *Engine) Cancel(ctx context.Context, g access.Grant, id email.ID) error { return errNotYet }

// RetryMessage tries the failed recipients of a message again.
func (e *Engine) RetryMessage(ctx context.Context, g access.Grant, id email.ID) error {
	return errNotYet
}

// Content returns a message as it was sent, or ErrShredded.
func (e *Engine) Content(ctx context.Context, g access.Grant, id email.ID) (email.Content, error) {
	return nil, errNotYet
}

// Prove shows step by step what works of an account, live, without sending.
func (e *Engine) Prove(ctx context.Context, team, account email.ID) ([]provider.Step, error) {
	return nil, errNotYet
}

// ProveCredential is Prove for an account that does not exist yet.
func (e *Engine) ProveCredential(ctx context.Context, team, credential email.ID, transport, address string, config json.RawMessage) ([]provider.Step, error) {
	return nil, errNotYet
}

// Aliases lists the addresses that an account's provider lets it send as.
func (e *Engine) Aliases(ctx context.Context, team, account email.ID) ([]provider.Alias, error) {
	return nil, errNotYet
}
