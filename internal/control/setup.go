package control

import (
	"context"

	"gatepost/internal/access"
	"gatepost/internal/email"
)

// SetupQuery asks what has to be done at a provider.
type SetupQuery struct {
	Kind       string   // workspace, gmail or relay
	Credential email.ID // one that is there already; empty: from the beginning
	Transport  string   // gmail: gmail or gmail_smtp; empty: gmail
	Purposes   []string // send, look, read, modify, smtp; empty: what the transport needs
	Redirect   string   // gmail: where consent ends when not at gatepost itself
}

// Setup is what has to be done at a provider, with the values to paste.
type Setup struct{ Steps []SetupStep }

// SetupStep is one thing to do.
type SetupStep struct {
	Title  string
	Text   string
	URL    string // the page where it is done
	Values []SetupValue
}

// SetupValue is a value to paste.
type SetupValue struct{ Name, Value string }

// SetupSteps tells what has to be done at a provider, with the values to paste.
func (c *Control) SetupSteps(ctx context.Context, g access.Grant, q SetupQuery) (Setup, error) {
	return Setup{}, errNotYet
}
