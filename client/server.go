package client

import "context"

// Me is what the API key that asks is.
type Me struct {
	Key     string   `json:"key" doc:"The id of the API key."`
	Name    string   `json:"name" doc:"What people call the key."`
	Scopes  []string `json:"scopes" doc:"What it may do; * is everything."`
	Team    string   `json:"team" doc:"The id of the team that it belongs to."`
	Version string   `json:"version" doc:"The version of gatepost."`
}

// Me tells which API key this client has, and gatepost's version.
func (c *Client) Me(ctx context.Context) (Me, error) {
	return ask[Me](ctx, c, get("/v1/me", nil))
}

// Policy is what a message type stands for.
type Policy struct {
	Type      string `json:"type" example:"otp"`
	Lane      string `json:"lane" enum:"urgent,normal,bulk"`
	Life      int64  `json:"life_seconds,omitempty" doc:"After this time it is not sent any more. Missing: no end."`
	Keep      int64  `json:"keep_seconds" doc:"How long the content is kept once every recipient is final. 0: shredded at once."`
	OnUnknown string `json:"on_unknown" enum:"reconcile,retry,hold"`
	Security  bool   `json:"security" doc:"Whether its content and subject are secrets."`
}

// PolicyList is all message types.
type PolicyList struct {
	Data []Policy `json:"data"`
}

// Types tells what the message types stand for.
func (c *Client) Types(ctx context.Context) (PolicyList, error) {
	return ask[PolicyList](ctx, c, get("/v1/types", nil))
}

// Health says that a question was answered with yes.
type Health struct {
	Status  string `json:"status" enum:"ok"`
	Version string `json:"version,omitempty"`
}

// Ready tells by no error that gatepost can take messages now. It needs no key
// and is not repeated.
func (c *Client) Ready(ctx context.Context) error {
	r := get("/readyz", nil)
	r.repeat = false
	_, err := ask[Health](ctx, c, r)
	return err
}
