package queue

import (
	"context"
	"slices"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// causePanic is the cause where gatepost itself failed at a message.
const causePanic = "panic"

// poisonAfter is how often gatepost may fail at a message before it is held: others
// must not wait for one that will never leave.
const poisonAfter = 3

// panicked is the outcome of an attempt that ended in a panic. Before the message
// was handed to the provider nothing can have left.
func panicked(handed bool) *provider.Error {
	if !handed {
		return before(nil, causePanic, "gatepost failed while it read the message")
	}
	return &provider.Error{Class: provider.Unknown, Scope: provider.ScopeMessage, Cause: causePanic, Text: "gatepost failed while it sent the message"}
}

// poisoned tells that gatepost has failed at a message again and again, with the
// attempt that is being settled, since a person let it go on.
func (s *settling) poisoned(cause string) bool {
	if cause != causePanic {
		return false
	}
	events, err := s.e.cfg.Store.Events(context.Background(), s.entry.Team, s.entry.Message)
	if err != nil {
		s.err = err
		return false
	}
	failed := map[int]bool{s.entry.Attempt: true}
	for _, ev := range slices.Backward(events) {
		if ev.Kind == email.EventReleased || ev.Kind == email.EventRetried {
			break
		}
		if ev.Data.Cause == causePanic {
			failed[ev.Data.Attempt] = true
		}
	}
	return len(failed) >= poisonAfter
}

// holdPoison leaves it to a person. unknown: the last attempt may have left.
func (s *settling) holdPoison(unknown bool, rs []store.OpenRecipient) {
	n := s.next(email.Held, s.now, causePanic, rs)
	if unknown {
		n.UnknownAt = s.now
	}
	s.note(email.EventHeld, store.EventData{
		Cause: causePanic, Text: "gatepost itself failed at this message three times; the log tells more under its id",
		Fix: "report it with what the log tells; once that is mended, POST /v1/messages/" + s.entry.Message + "/release",
	}, rs)
}
