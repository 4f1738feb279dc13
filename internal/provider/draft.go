package provider

import (
	"context"

	"gatepost/internal/email"
)

// Drafter is implemented by accounts that make a draft of each message in the
// mailbox and send that: the draft is a fence at the provider. As long as it is
// there, the message was not sent; and it can be sent only once, however many
// processes try. Its Send is not used.
type Drafter interface {
	// CreateDraft makes a draft of the message. Nothing is sent, so no error is of
	// the class Unknown; a draft may be left behind all the same. The mark by which
	// Drafts knows it is the header email.HeaderID of the message.
	CreateDraft(ctx context.Context, env email.Envelope, msg email.Content) (id string, err error)
	// SendDraft sends a draft under the contract of Send. A draft that is not there
	// is an error of the class Unknown, cause CauseDraftGone: somebody has sent or
	// deleted it.
	SendDraft(ctx context.Context, env email.Envelope, id string) (Receipt, error)
	// HasDraft tells whether a draft is still there. An error says that nothing was
	// learned.
	HasDraft(ctx context.Context, id string) (bool, error)
	// DeleteDraft deletes a draft; one that is not there is no error.
	DeleteDraft(ctx context.Context, id string) error
	// Drafts lists the mailbox's drafts, by their ids, with gatepost's id from the
	// header; empty for those that others made. What is in known is not read again;
	// of the rest a call may leave some out, for a later one.
	Drafts(ctx context.Context, known map[string]email.ID) (map[string]email.ID, error)
}

// CauseDraftGone is the cause of an error that says that a draft to be sent was not
// there.
const CauseDraftGone = "draft_gone"
