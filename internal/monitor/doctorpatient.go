package monitor

import (
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// Patient is what is known of one account: what was tried, and what stands in its row.
type Patient struct {
	Subject
	Transport  string
	Credential email.ID
	Kind       string   // of the credential
	ClientOf   email.ID // of a consent: the credential of its OAuth client or app
	User       string   // who consented
	Shared     string   // the shared mailbox that the user signs in for
	ClientID   string   // of the OAuth client, service account or app registration, as far as it is public
	Consented  []string // scopes that a user agreed to

	Places []provider.Place
	Steps  []provider.Step
	Tokens []Token
	Needs  []string // purposes that accounts with this credential have, or with another consent of its user to the same app
	Extra  []string // scopes that a service account may use though nobody needs them
	// Proven says that another account with the same credential signs in at the same
	// server.
	Proven bool
	Unable error // why it could not be examined

	Held          bool
	Until         time.Time // parked or resting until
	State         string    // "", "parked" or "resting"
	Cause, Reason string    // of the three
	Pauses        []Pause
	Limits        []Limit
	Waiting       []Waiting
	Failed        []Failed
}

// Limit is one that is used up.
type Limit struct {
	Name, Source string
	Max, Used    int64
	FreesAt      time.Time
	Learned      bool // lower than known, since the provider was full before
}

// Waiting is mail that waits, by its reason.
type Waiting struct {
	Messages int64
	Lane     string
	Why      string // a stable word of the queue's
	Text     string
	Until    time.Time
}

// Failed is mail that failed lately for one cause.
type Failed struct {
	Messages         int64
	Cause, Text, Fix string
	Reply, Sender    string
	Last             email.ID // the newest of them
}
