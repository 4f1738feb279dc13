package client

import "context"

// Alias is an address that the mailbox may send as, as its provider says.
type Alias struct {
	Address  string `json:"address"`
	Name     string `json:"name,omitempty"`
	Primary  bool   `json:"primary,omitempty"`
	Default  bool   `json:"default,omitempty"`
	Verified bool   `json:"verified" doc:"Unverified ones are replaced by the primary address when mail leaves."`
	Allowed  bool   `json:"allowed" doc:"Whether the account's senders let it stand in From."`
}

// AliasList is all aliases of a mailbox.
type AliasList struct {
	Data []Alias `json:"data"`
}

// Aliases asks the provider for the addresses that an account's mailbox may send
// as.
func (c *Client) Aliases(ctx context.Context, account string) (AliasList, error) {
	return ask[AliasList](ctx, c, get(at("accounts", account, "aliases"), nil).asking())
}
