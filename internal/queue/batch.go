package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
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
// error is *BatchInvalid); otherwise each is kept or refused by itself. All that are
// to be kept are charged together: if that is more than the key has left nothing is
// kept (*OverKey, or *Invalid where it can never be). An error besides says that
// nothing is known to be kept.
func (e *Engine) SubmitBatch(ctx context.Context, g access.Grant, subs []Submission, all bool) ([]BatchResult, error) {
	if err := maySend(g); err != nil {
		return nil, err
	}
	if len(subs) == 0 || len(subs) > MaxBatch {
		return nil, &Invalid{[]email.Problem{{Field: "messages", Message: fmt.Sprintf("%d of them: from 1 to %d", len(subs), MaxBatch)}}}
	}
	var size int64
	for _, s := range subs {
		size += s.size()
	}
	release, err := e.bodies.take(size)
	if err != nil {
		return nil, err
	}
	defer release()
	b := &batch{e: e, g: g, results: make([]BatchResult, len(subs)), keyed: map[string]keyed{}, twins: map[int]int{}}
	b.prepare(ctx, subs)
	if all {
		err = b.keepAll(ctx)
	} else {
		err = b.keepEach(ctx)
	}
	b.repeat()
	return b.results, err
}

// batch is messages that came in one request.
type batch struct {
	e       *Engine
	g       access.Grant
	results []BatchResult
	fresh   []*store.NewMessage // to be kept
	index   []int               // of fresh in results
	keyed   map[string]keyed
	twins   map[int]int // those that are an earlier one over again
}

// keyed is the first message of a batch under an idempotency key.
type keyed struct {
	print []byte
	at    int
}

// prepare composes what has to be, and answers what can be answered without.
func (b *batch) prepare(ctx context.Context, subs []Submission) {
	u := b.e.newUploads(b.g.Team)
	defer u.release()
	for i, sub := range subs {
		m, first, err := b.one(ctx, i, sub, u)
		switch {
		case err != nil:
			b.refuse(i, err)
		case first != nil:
			b.results[i].Submitted = first
		case m != nil:
			b.fresh, b.index = append(b.fresh, m), append(b.index, i)
		}
	}
}

// one prepares a message, unless its idempotency key has an answer already, from
// before or from this batch. Two messages under one key are one, or a mistake.
func (b *batch) one(ctx context.Context, i int, sub Submission, u *uploads) (*store.NewMessage, *Submitted, error) {
	print, first, err := b.e.firstUse(ctx, b.g, sub)
	if err != nil || first != nil {
		s, err := b.e.replay(ctx, b.g, print, first, err)
		return nil, &s, err
	}
	if key := sub.IdempotencyKey; key != "" {
		twin, there := b.keyed[key]
		switch {
		case there && !bytes.Equal(twin.print, print):
			return nil, nil, ErrKeyReused
		case there:
			b.twins[i] = twin.at
			return nil, nil, nil
		}
		b.keyed[key] = keyed{print, i}
	}
	m, err := b.e.prepare(ctx, b.g, sub, u)
	if err != nil {
		return nil, nil, err
	}
	m.Fingerprint = print
	return m, nil, nil
}

// repeat gives twins the answers of their firsts.
func (b *batch) repeat() {
	for i, first := range b.twins {
		b.results[i] = b.results[first]
		if s := b.results[first].Submitted; s != nil {
			again := *s
			again.Replayed = true
			b.results[i].Submitted = &again
		}
	}
}

func (b *batch) refuse(i int, err error) {
	var wrong *Invalid
	if errors.As(err, &wrong) {
		b.results[i] = BatchResult{Problems: wrong.Problems}
		return
	}
	b.results[i] = BatchResult{Err: err}
}

// keepAll keeps everything or nothing.
func (b *batch) keepAll(ctx context.Context) error {
	for _, r := range b.results {
		if len(r.Problems) > 0 || r.Err != nil {
			return b.giveUp()
		}
	}
	charge, err := b.charge(ctx)
	if err != nil || len(b.fresh) == 0 {
		return err
	}
	err = b.e.cfg.Store.AddAll(ctx, b.fresh)
	charge.settle(ctx, b.fresh, err)
	if errors.Is(err, store.ErrOtherRequest) {
		for i, m := range b.fresh {
			if m.Existing != nil && !bytes.Equal(m.Existing.Fingerprint, m.Fingerprint) {
				b.results[b.index[i]].Err = ErrKeyReused
			}
		}
		return b.giveUp()
	}
	for i, m := range b.fresh {
		s, failed := b.e.kept(ctx, b.g, m, err)
		if err == nil && failed != nil {
			b.refuse(b.index[i], failed)
			continue
		}
		b.results[b.index[i]].Submitted = &s
	}
	if err != nil {
		clear(b.results)
	}
	return err
}

// giveUp keeps nothing: only what is wrong is told.
func (b *batch) giveUp() error {
	for _, m := range b.fresh {
		b.e.discard(m)
	}
	for i := range b.results {
		b.results[i].Submitted = nil
	}
	return &BatchInvalid{b.results}
}

// keepEach keeps each by itself, together in as few transactions as there are.
func (b *batch) keepEach(ctx context.Context) error {
	charge, err := b.charge(ctx)
	if err != nil {
		return err
	}
	errs := b.e.cfg.Store.AddMessages(ctx, b.fresh...)
	charge.settle(ctx, b.fresh, errs...)
	for i, err := range errs {
		s, err := b.e.kept(ctx, b.g, b.fresh[i], err)
		if err != nil {
			b.refuse(b.index[i], err)
			continue
		}
		b.results[b.index[i]].Submitted = &s
	}
	return nil
}

// charge charges the key for all that is to be kept. Where it may not nothing is.
func (b *batch) charge(ctx context.Context) (*charge, error) {
	c, err := b.e.charge(ctx, b.g, b.fresh...)
	if err != nil {
		for _, m := range b.fresh {
			b.e.discard(m)
		}
		clear(b.results)
	}
	return c, err
}
