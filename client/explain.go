package client

import "context"

// Explanation tells of one message what a person would ask: where it is and why,
// by which account, what each attempt brought, what comes next.
type Explanation struct {
	ID       string           `json:"id"`
	Status   string           `json:"status" doc:"Where it is: one word, or mixed."`
	Summary  string           `json:"summary" doc:"The same in a sentence or two."`
	Account  ExplainedAccount `json:"account"`
	Policy   ExplainedPolicy  `json:"policy"`
	Limits   []ExplainedLimit `json:"limits" doc:"The limits that concern it."`
	Attempts []Attempt        `json:"attempts"`
	NextAt   *Time            `json:"next_at,omitempty" doc:"When it is tried, or looked for, again."`
	Next     string           `json:"next,omitempty" doc:"What happens then, or what it waits for."`
	Fix      string           `json:"fix,omitempty" doc:"What a person can do."`
}

// ExplainedAccount is the account that a message goes through.
type ExplainedAccount struct {
	ID          string `json:"id" doc:"Where no account takes it: of its pool, or of the account that has been removed."`
	Address     string `json:"address"`
	Transport   string `json:"transport"`
	Status      string `json:"status,omitempty" enum:"active,parked,resting,paused,held" doc:"Missing: no account takes it."`
	Why         string `json:"why" doc:"Why this account: named in the request, or the one that may send as From."`
	Cause       string `json:"cause,omitempty"`
	Reason      string `json:"reason,omitempty" doc:"Why the account is parked, paused or held, and what to do."`
	ParkedUntil *Time  `json:"parked_until,omitempty" doc:"Until when it is parked or rests."`
}

// ExplainedPolicy is what a message's type stands for, with what its request chose.
type ExplainedPolicy struct {
	Type      string `json:"type"`
	Lane      string `json:"lane"`
	OnUnknown string `json:"on_unknown"`
	Kept      string `json:"kept" doc:"How long the content is kept once every recipient is final."`
}

// ExplainedLimit is a limit of the account and what the message takes of it.
type ExplainedLimit struct {
	Name   string `json:"name" example:"recipients per message"`
	Limit  int64  `json:"limit"`
	Used   int64  `json:"used" doc:"What this message takes of it."`
	InUse  *int64 `json:"in_use,omitempty" doc:"What is used of it now, by all messages. Missing: it is not used up, but holds for each message."`
	Source string `json:"source,omitempty" doc:"Where the figure comes from."`
}

// Attempt is one try to send a message, and what came of it.
type Attempt struct {
	Number            int      `json:"number" doc:"Counts the attempts that began."`
	At                Time     `json:"at"`
	Account           string   `json:"account,omitempty" doc:"The id of the account that made it."`
	Address           string   `json:"address,omitempty" doc:"Its address. Missing: it has been removed."`
	Outcome           string   `json:"outcome" example:"delayed" doc:"accepted, delayed, failed, held, unknown, not_sent or sending."`
	Recipients        []string `json:"recipients,omitempty"`
	Cause             string   `json:"cause,omitempty"`
	Text              string   `json:"text,omitempty"`
	Fix               string   `json:"fix,omitempty"`
	Reply             string   `json:"reply,omitempty" doc:"The provider's own words."`
	ProviderID        string   `json:"provider_id,omitempty"`
	PossibleDuplicate bool     `json:"possible_duplicate,omitempty"`
}

// Explain tells where a message is and why: which account, which limits, each
// attempt with the provider's own words, and what comes next.
func (c *Client) Explain(ctx context.Context, id string) (Explanation, error) {
	return ask[Explanation](ctx, c, get(at("messages", id, "explain"), nil))
}
