package client

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync/atomic"
)

// NoVerdict is the error of a send after which nobody can say here whether
// gatepost kept the message: no answer came, or none that tells. Callers get it by
// errors.As. The same send with the same key tells, and has one effect.
type NoVerdict struct {
	// Keys are the idempotency keys that were sent: one for a message, one for
	// each message of a batch. Empty ones were not given.
	Keys []string
	// Err is what came in place of an answer.
	Err error
}

// Repeatable tells whether the same may be sent again with one effect: every
// message had an idempotency key.
func (n *NoVerdict) Repeatable() bool { return !slices.Contains(n.Keys, "") }

// Error implements error.
func (n *NoVerdict) Error() string {
	s := n.Err.Error() + ": it may have been kept; "
	switch {
	case !n.Repeatable():
		return s + "sent again it may leave twice, because it has no idempotency key"
	case len(n.Keys) == 1:
		return s + "send the same again with the idempotency key " + n.Keys[0] + ", which has one effect"
	}
	return s + "send the same again with the same idempotency keys, which has one effect"
}

// Unwrap returns what came in place of an answer.
func (n *NoVerdict) Unwrap() error { return n.Err }

// doubts collects, over the tries of a request, whether something may have been
// kept that no answer tells of.
type doubts struct {
	keys []string // nil: the request submits nothing
	any  bool
}

// add judges the error of one try.
func (d *doubts) add(err error) { d.any = d.any || err != nil && !notKept(err) }

// judged is the error of the last try.
func (d *doubts) judged(err error) error {
	var refused *Error
	if err == nil || d.keys == nil || !d.any || errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
		return err
	}
	return &NoVerdict{Keys: d.keys, Err: err}
}

// notKept tells whether an error says for sure that nothing was kept: gatepost
// refused, was busy, or never saw the request. A 500 is a defect, of which nobody
// knows how far it got; a proxy's 502 or 504 tells of the proxy alone.
func notKept(err error) bool {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Status < http.StatusInternalServerError || refused.Kind() == "busy"
	}
	var b *broken
	return errors.As(err, &b) && b.unseen
}

// trace notes how far a request gets. Transports that are not net/http's may tell
// nothing; a request counts as seen then.
type trace struct{ began, connected atomic.Bool }

func (t *trace) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { t.began.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { t.connected.Store(true) },
	})
}

// unseen tells whether nothing of the request can have left.
func (t *trace) unseen() bool { return t.began.Load() && !t.connected.Load() }
