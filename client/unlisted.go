package client

import "context"

// UnlistedList is what providers said that gatepost does not know.
type UnlistedList struct {
	Data []UnlistedError `json:"data"`
}

// UnlistedError is one such answer. It names nobody: addresses, hosts, ids and tokens are
// taken out, so that it can be shown to others.
type UnlistedError struct {
	Provider string `json:"provider" doc:"The account's transport; of a consent: google or microsoft."`
	Stage    string `json:"stage" doc:"The step of the conversation, as in GET /v1/errors."`
	Code     int    `json:"code,omitempty" doc:"HTTP status or SMTP reply code."`
	Sample   string `json:"sample" doc:"The first of them, as it came."`
	Words    string `json:"words" doc:"What all its cases have in common."`
	Count    int64  `json:"count"`
	FirstAt  Time   `json:"first_at"`
	LastAt   Time   `json:"last_at"`
}

// UnlistedErrors lists the answers of providers that gatepost did not know, the newest
// first.
func (c *Client) UnlistedErrors(ctx context.Context) (UnlistedList, error) {
	return ask[UnlistedList](ctx, c, get("/v1/errors/unlisted", nil))
}
