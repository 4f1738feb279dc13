package client

import "context"

// Expiry is something of a credential or an account that ends, or that its provider
// changes.
type Expiry struct {
	Kind       string          `json:"kind" enum:"client_secret,certificate,consent,idle_token,provider_change"`
	Credential string          `json:"credential,omitempty" doc:"The id of the credential. Missing: it is about an account alone."`
	Accounts   []ExpiryAccount `json:"accounts" doc:"The accounts that it concerns."`
	Change     string          `json:"change,omitempty" doc:"Of a provider's change: its id in the table of changes."`
	At         *Time           `json:"at,omitempty" doc:"When. Missing: nobody has named a time."`
	DaysLeft   *int            `json:"days_left,omitempty" doc:"How many days are left, a part of one counted as a whole; 0: it is over, or has come."`
	Severity   string          `json:"severity" enum:"ok,notice,warning,critical,over" doc:"notice: within 30 days, or a change that has come or has no date. warning: within 14 days. critical: within 3 days."`
	Summary    string          `json:"summary" example:"client secret ends in 12 days"`
	What       string          `json:"what" doc:"What ends, in a sentence."`
	Fix        string          `json:"fix" doc:"What to do about it."`
	Link       string          `json:"link" doc:"The provider's page about it."`
}

// ExpiryAccount is an account that an end concerns.
type ExpiryAccount struct {
	ID      string `json:"id"`
	Address string `json:"address"`
}

// ProviderChange is something that a provider has changed or is going to change.
type ProviderChange struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Title    string `json:"title"`
	Date     string `json:"date,omitempty" doc:"A day. Missing: the provider has named none." example:"2026-12-31"`
	When     string `json:"when" doc:"The same in words."`
	What     string `json:"what"`
	Who      string `json:"who" doc:"Whom it concerns."`
	Fix      string `json:"fix"`
	Source   string `json:"source" doc:"The page that says so."`
	Read     string `json:"read" doc:"The month in which it was read." example:"2026-11"`
}

// Expiries is what ends, the soonest first, changes that have come last, and the table of providers' changes.
type Expiries struct {
	Data    []Expiry         `json:"data"`
	Changes []ProviderChange `json:"changes"`
}

// Expiries tells what of the accounts and credentials ends, and what providers change.
func (c *Client) Expiries(ctx context.Context) (Expiries, error) {
	return ask[Expiries](ctx, c, get("/v1/expiries", nil))
}
