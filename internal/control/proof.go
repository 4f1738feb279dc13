package control

import (
	"context"
	"errors"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

var errNotYet = errors.New("this gatepost cannot do that yet")

// Proof is what a live check found, step by step.
type Proof struct {
	OK    bool // every step that is needed went well
	Steps []Step
}

// Step is one step of a live check.
type Step struct {
	Name     string // "key", "signature", "token", "scope:send", "mailbox", "sign_in" …
	OK       bool
	Optional bool   // sending works without it
	Detail   string // what was seen
	Cause    string // a stable word for what is wrong
	Text     string // the same for a person
	Fix      string // what to do about it, and where
	Reply    string // the provider's own words
}

// CheckAccount tries live, step by step, what an account needs. Nothing is sent.
func (c *Control) CheckAccount(ctx context.Context, g access.Grant, id email.ID) (Proof, error) {
	return Proof{}, errNotYet
}

// CheckCredential tries a credential live for a mailbox, each purpose alone.
func (c *Control) CheckCredential(ctx context.Context, g access.Grant, id email.ID, address string, purposes []string) (Proof, error) {
	return Proof{}, errNotYet
}

// Alias is an address that an account's mailbox may send as.
type Alias struct {
	Address  string
	Name     string
	Primary  bool
	Default  bool
	Verified bool // others are replaced by the primary address when mail leaves
	Allowed  bool // the account's senders let it stand in From
}

// Aliases asks the provider which addresses an account's mailbox may send as.
func (c *Control) Aliases(ctx context.Context, g access.Grant, id email.ID) ([]Alias, error) {
	return nil, errNotYet
}

// TestAccount sends a message through an account that says it is a test; to
// empty means to the account's own address.
func (c *Control) TestAccount(ctx context.Context, g access.Grant, id email.ID, to string) (queue.Submitted, error) {
	return queue.Submitted{}, errNotYet
}
