package client

import (
	"context"
	"net/http"
)

// NewLink is a link by which somebody without a login to gatepost connects one
// mailbox.
type NewLink struct {
	Credential string   `json:"credential" doc:"The id of a google_oauth_client of the type web."`
	Address    string   `json:"address" doc:"The mailbox that is expected. Another one is refused."`
	Purposes   []string `json:"purposes,omitempty"`
	Transport  string   `json:"transport,omitempty" enum:"gmail,gmail_smtp"`
	Senders    []string `json:"senders,omitempty"`
	Hours      int      `json:"hours,omitempty" doc:"How long it lasts: 1 to 168. Empty: 72."`
}

// Link is a connect link. Its URL is shown once.
type Link struct {
	ID        string   `json:"id"`
	URL       string   `json:"url,omitempty" doc:"Only in the answer that made it."`
	Address   string   `json:"address"`
	Purposes  []string `json:"purposes"`
	Transport string   `json:"transport"`
	Status    string   `json:"status" enum:"open,used,expired,canceled"`
	Account   string   `json:"account,omitempty" doc:"What it connected."`
	Problem   string   `json:"problem,omitempty" doc:"Why the last try did not work."`
	CreatedAt Time     `json:"created_at"`
	ExpiresAt Time     `json:"expires_at"`
}

// LinkList is all connect links, newest first.
type LinkList struct {
	Data []Link `json:"data"`
}

// CreateLink makes a connect link. Its URL is in this answer alone.
func (c *Client) CreateLink(ctx context.Context, n NewLink) (Link, error) {
	return send[Link](ctx, c, http.MethodPost, "/v1/connect-links", n)
}

// Links lists connect links, newest first.
func (c *Client) Links(ctx context.Context) (LinkList, error) {
	return ask[LinkList](ctx, c, get("/v1/connect-links", nil))
}

// CancelLink ends a connect link that was not used.
func (c *Client) CancelLink(ctx context.Context, id string) error {
	return c.drop(ctx, at("connect-links", id, ""))
}
