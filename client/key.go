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
}

// KeyList is all API keys of a team.
type KeyList struct {
	Data []Key `json:"data"`
}

// CreateKey makes an API key with no more scopes than the client's own. The key
// itself is in this answer alone.
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
