package store

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/email"
)

// Errors of a person's operations on messages.
var (
	// ErrTooLate says that a message can no longer be canceled or tried again.
	ErrTooLate = errors.New("it is too late for that")
	// ErrNothingToRetry says that no recipient of a message failed.
	ErrNothingToRetry = errors.New("no recipient failed")
	// ErrShredded says that a message's content is gone.
	ErrShredded = errors.New("the content has been shredded")
)

// Waiting counts the messages that wait in an account's queue.
func (s *Store) Waiting(ctx context.Context, team, account email.ID) (n int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM queue WHERE route = $1 AND team_id = $2`, account, team).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("messages that wait for %s: %w", account, err)
	}
	return n, nil
}
