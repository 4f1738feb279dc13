package queue

import (
	"context"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
)

// Explanation tells of one message what a person would ask: where it is and why,
// by which account, what each attempt brought, what comes next.
type Explanation struct {
	ID       email.ID
	Status   string // one state, or "mixed"
	Summary  string // the same in a sentence or two
	Account  ExplainedAccount
	Policy   ExplainedPolicy
	Limits   []ExplainedLimit
	Attempts []Attempt
	NextAt   time.Time // when it is tried, or looked for, again; zero: no time is known
	Next     string    // what happens then, or what it waits for
	Fix      string    // what a person can do
}

// ExplainedAccount is the account that sends the message.
type ExplainedAccount struct {
	ID          email.ID
	Address     string
	Transport   string
	Status      string // active, parked or held
	Why         string // why this account
	Cause       string
	Reason      string
	ParkedUntil time.Time
}

// ExplainedPolicy is what the message's type decides.
type ExplainedPolicy struct {
	Type      string
	Lane      string
	OnUnknown string
	Kept      string // how long the content is kept
}

// ExplainedLimit is a limit of the account and what the message takes of it.
type ExplainedLimit struct {
	Name        string
	Limit, Used int64
	Source      string
}

// Attempt is one try to send a message, and what came of it.
type Attempt struct {
	Number            int
	At                time.Time
	Outcome           string // accepted, delayed, failed, held, unknown, not_sent or sending
	Recipients        []string
	Cause             string
	Text              string
	Fix               string
	Reply             string
	ProviderID        string
	PossibleDuplicate bool
}

// Explain explains a message.
func (e *Engine) Explain(ctx context.Context, g access.Grant, id email.ID) (*Explanation, error) {
	return nil, errNotYet
}
