package control

import (
	"context"
	"encoding/json"

	"gatepost/internal/access"
	"gatepost/internal/email"
)

// ChangeAccount is what is to be changed of an account; the rest stays.
type ChangeAccount struct {
	Credential *email.ID
	Senders    *[]string
	Config     json.RawMessage // replaces the transport's settings; nil: unchanged
	// OnlyCheck tells what is wrong, as *Invalid, and changes nothing.
	OnlyCheck bool
}

// UpdateAccount changes what n says of an account.
func (c *Control) UpdateAccount(ctx context.Context, g access.Grant, id email.ID, n ChangeAccount) (Account, error) {
	return Account{}, errNotYet
}

// DeleteAccount removes an account; its credential stays. While mail waits for it
// the error is ErrInUse.
func (c *Control) DeleteAccount(ctx context.Context, g access.Grant, id email.ID) error {
	return errNotYet
}

// DeleteCredential removes a credential for good; the error is ErrInUse while
// accounts, or users of an OAuth client, need it. A user's consent is revoked at
// Google too, as far as Google can be reached.
func (c *Control) DeleteCredential(ctx context.Context, g access.Grant, id email.ID) error {
	return errNotYet
}
