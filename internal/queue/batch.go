package queue

import (
	"context"

	"gatepost/internal/access"
	"gatepost/internal/email"
)

// MaxBatch is how many messages one batch may have.
const MaxBatch = 1000

// BatchResult is what became of one message of a batch: one of the three.
type BatchResult struct {
	Submitted *Submitted
	Problems  []email.Problem // what is wrong with it
	Err       error           // why else it was not kept, such as ErrKeyReused
}

// BatchInvalid says that a batch of which all or nothing is kept was not kept:
// the results tell what is wrong with which message.
type BatchInvalid struct{ Results []BatchResult }

// Error implements error.
func (v *BatchInvalid) Error() string { return "some messages of the batch cannot be taken" }

// SubmitBatch takes up to MaxBatch messages, with a result for each in the same
// order. With all they are kept in one transaction, or none of them is (then the
// error is *BatchInvalid); otherwise each is kept or refused by itself.
func (e *Engine) SubmitBatch(ctx context.Context, g access.Grant, subs []Submission, all bool) ([]BatchResult, error) {
	return nil, errNotYet
}
