package client

import (
	"context"
	"net/url"
)

// Setup is what has to be done at a provider, with the values to paste.
type Setup struct {
	Steps []SetupStep `json:"steps"`
}

// SetupStep is one thing to do.
type SetupStep struct {
	Title    string       `json:"title"`
	Text     string       `json:"text"`
	URL      string       `json:"url,omitempty" doc:"The page where it is done."`
	Values   []SetupValue `json:"values,omitempty" doc:"What to paste there."`
	Commands []string     `json:"commands,omitempty" doc:"Lines to paste into a shell, or where the text says: of Exchange into PowerShell."`
}

// SetupValue is a value to paste.
type SetupValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// SetupQuery asks what has to be done at a provider.
type SetupQuery struct {
	Kind       string   // workspace, gmail, microsoft, microsoft_user or relay
	Credential string   // id of one that is there already; empty: from the beginning
	Transport  string   // of the provider's two; empty: its API
	Address    string   // microsoft: the mailbox, for the lines to paste
	Purposes   []string // send, look, draft, read, modify, smtp; empty: send and look
	Redirect   string   // gmail: where consent ends, when not at gatepost itself
	Source     string   // workspace without a key: external_account or metadata
}

func (s SetupQuery) query() url.Values {
	q := url.Values{"kind": {s.Kind}}
	setQuery(q, "credential", s.Credential)
	setQuery(q, "transport", s.Transport)
	setQuery(q, "redirect", s.Redirect)
	setQuery(q, "address", s.Address)
	setQuery(q, "source", s.Source)
	for _, p := range s.Purposes {
		q.Add("purposes", p)
	}
	return q
}

// Setup tells what has to be done at a provider, with the values to paste.
func (c *Client) Setup(ctx context.Context, s SetupQuery) (Setup, error) {
	return ask[Setup](ctx, c, get("/v1/setup", s.query()))
}
