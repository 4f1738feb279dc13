package queue

import (
	"context"
	"fmt"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// What doors see of messages: the store's rows as they are.
type (
	Message   = store.Message
	Recipient = store.RecipientStatus
	Entry     = store.Entry
	Event     = store.Event
	Counts    = store.Counts

	// MessageQuery asks for messages; Limit has to be given. A page may hold fewer,
	// even none, though there are more: it looks at so many messages and no more.
	// Its Next is empty only on the last.
	MessageQuery = store.MessageQuery
	MessagePage  = store.MessagePage
)

// CountSubmitted is the key in Counts for all recipients ever submitted.
const CountSubmitted = store.Submitted

func mayRead(g access.Grant) error {
	if !g.May(access.ScopeMessagesRead) {
		return fmt.Errorf("%w: it lacks the scope %s", ErrForbidden, access.ScopeMessagesRead)
	}
	return nil
}

func maySend(g access.Grant) error {
	if !g.May(access.ScopeMessagesSend) {
		return fmt.Errorf("%w: it lacks the scope %s", ErrForbidden, access.ScopeMessagesSend)
	}
	return nil
}

// Message returns a message of the grant's team with its events, oldest first.
func (e *Engine) Message(ctx context.Context, g access.Grant, id email.ID) (*Message, []Event, error) {
	if err := mayRead(g); err != nil {
		return nil, nil, err
	}
	return e.cfg.Store.MessageWithEvents(ctx, g.Team, id)
}

// Messages lists messages, newest first.
func (e *Engine) Messages(ctx context.Context, g access.Grant, q MessageQuery) (MessagePage, error) {
	if err := mayRead(g); err != nil {
		return MessagePage{}, err
	}
	if q.Recipient != "" {
		if a, err := email.ParseAddress(q.Recipient); err == nil {
			q.Recipient = a.Addr()
		}
	}
	return e.cfg.Store.Messages(ctx, g.Team, q)
}

// Release lets a held message go on; see store.Release.
func (e *Engine) Release(ctx context.Context, g access.Grant, id email.ID) error {
	if err := e.maySteer(ctx, g, id); err != nil {
		return err
	}
	ev, err := e.event(email.EventReleased, store.EventData{})
	if err != nil {
		return err
	}
	r, err := e.cfg.Store.Release(ctx, g.Team, id, ev)
	if err != nil {
		return err
	}
	e.notify(g.Team, r.Route)
	return nil
}

// Counts is how many recipients are in each state, over all teams.
func (e *Engine) Counts(ctx context.Context) (Counts, error) { return e.cfg.Store.Counts(ctx) }

// Ready commits a write; an error means that nothing can be taken now.
func (e *Engine) Ready(ctx context.Context) error { return e.cfg.Store.Ping(ctx, e.cfg.Now()) }

// event makes an event of now; whoever stores it fills in whom it is about.
func (e *Engine) event(kind email.EventKind, data store.EventData) (store.Event, error) {
	now := e.cfg.Now()
	id, err := email.NewID(email.PrefixEvent, now, e.cfg.Random)
	return store.Event{ID: id, Kind: kind, At: now, Data: data}, err
}
