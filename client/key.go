package client

import (
	"context"
	"net/http"
)

// NewKey is an API key to be made.
type NewKey struct {
	Name      string   `json:"name"`
	Scopes    []string `json:"scopes" doc:"messages:send, messages:read, messages:write, accounts:read, accounts:write, keys:write, or * for all."`
	ExpiresAt *Time    `json:"expires_at,omitempty"`

	// What the key is bound to, for as long as it is there.
	Senders     []string `json:"senders,omitempty" doc:"What From (and Sender) may be: addresses, or @domain for all of one. Left out: whatever the account allows." example:"shop@example.com"`
	Networks    []string `json:"networks,omitempty" doc:"Whence the key may be used: IP addresses, or networks such as 192.0.2.0/24 and 2001:db8::/32. Left out: from everywhere." example:"192.0.2.0/24"`
	Account     string   `json:"account,omitempty" doc:"The one account or pool that the key may send by. Its id, the account's address, or the pool's name. Left out: all."`
	Rate        int      `json:"rate,omitempty" minimum:"0" maximum:"1000000000" doc:"At most so many recipients in a minute. Left out: no limit."`
	Daily       int      `json:"daily,omitempty" minimum:"0" maximum:"1000000000" doc:"At most so many recipients in 24 hours, rolling by the hour. Left out: no limit."`
	RewriteFrom bool     `json:"rewrite_from,omitempty" doc:"SMTP only: a From that may not be becomes the account's address, and the old one goes to Reply-To. Without it such mail is refused."`
}

// Key is what may be shown of an API key.
type Key struct {
	ID        string   `json:"id"`
	Key       string   `json:"key,omitempty" doc:"The key itself: only in the answer that made it."`
	Name      string   `json:"name"`
	Hint      string   `json:"hint" doc:"Enough to recognise it by."`
	Scopes    []string `json:"scopes"`
	CreatedAt Time     `json:"created_at"`
	ExpiresAt *Time    `json:"expires_at,omitempty"`

	// What the key is bound to.
	Senders     []string `json:"senders,omitempty" doc:"What From (and Sender) may be: addresses, or @domain for all of one. Left out: whatever the account allows." example:"shop@example.com"`
	Networks    []string `json:"networks,omitempty" doc:"Whence the key may be used: IP addresses, or networks such as 192.0.2.0/24 and 2001:db8::/32. Left out: from everywhere." example:"192.0.2.0/24"`
	Account     string   `json:"account,omitempty" doc:"The one account or pool that the key may send by. Its id. Left out: all."`
	Rate        int      `json:"rate,omitempty" doc:"At most so many recipients in a minute. Left out: no limit."`
	Daily       int      `json:"daily,omitempty" doc:"At most so many recipients in 24 hours, rolling by the hour. Left out: no limit."`
	RewriteFrom bool     `json:"rewrite_from,omitempty" doc:"SMTP only: a From that may not be becomes the account's address, and the old one goes to Reply-To. Without it such mail is refused."`
}

// KeyList is all API keys of a team.
type KeyList struct {
	Data []Key `json:"data"`
}

// CreateKey makes an API key with no more scopes than the client's own, bound at
// least as tightly. The key itself is in this answer alone.
func (c *Client) CreateKey(ctx context.Context, n NewKey) (Key, error) {
	return send[Key](ctx, c, http.MethodPost, "/v1/keys", n)
}

// Keys lists the API keys of the team.
func (c *Client) Keys(ctx context.Context) (KeyList, error) {
	return ask[KeyList](ctx, c, get("/v1/keys", nil))
}

// DeleteKey ends an API key at once.
func (c *Client) DeleteKey(ctx context.Context, id string) error {
	return c.drop(ctx, at("keys", id, ""))
}
