package client

import (
	"context"
	"net/url"
	"time"
)

// AccountHealth is how an account did in a time: when it could not send, and why.
type AccountHealth struct {
	Account string    `json:"account" doc:"Its id."`
	Address string    `json:"address"`
	From    Time      `json:"from"`
	Until   Time      `json:"until"`
	Well    float64   `json:"well" minimum:"0" maximum:"1" doc:"For how much of the time the account could send: 1 for all of it."`
	Trouble []Trouble `json:"trouble" doc:"When it could not, newest first."`
	Warned  []Warned  `json:"warned,omitempty" doc:"What was told ahead of the account and its credential, newest first."`
}

// Warned is a warning that was told of an account or its credential.
type Warned struct {
	Event  string `json:"event" enum:"credential.expiring,credential.expired,account.warning"`
	At     Time   `json:"at"`
	EndsAt Time   `json:"ends_at"`
	Text   string `json:"text"`
	Fix    string `json:"fix"`
}

// Trouble is a stretch of time in which an account could not send.
type Trouble struct {
	State string `json:"state" enum:"held,parked,resting,paused" doc:"held: until a person mends it; parked: until the provider's time; resting: its server was in trouble; paused: by a person."`
	Lane  string `json:"lane,omitempty" enum:"urgent,normal,bulk" doc:"Of a pause; missing: every lane. Other lanes could send meanwhile."`
	From  Time   `json:"from"`
	Until *Time  `json:"until,omitempty" doc:"Its end; while it goes on, when it ends by itself, if that is known."`
	Goes  bool   `json:"goes_on"`
	Cause string `json:"cause"`
	Text  string `json:"text,omitempty"`
	Fix   string `json:"fix,omitempty"`
	Times int    `json:"times" doc:"How often in a row it came again as soon as it was over."`
}

// AccountHealth tells how an account did since a time; zero: in the last seven days.
func (c *Client) AccountHealth(ctx context.Context, account string, since time.Time) (AccountHealth, error) {
	q := url.Values{}
	setQueryTime(q, "since", since)
	return ask[AccountHealth](ctx, c, get(at("accounts", account, "health"), q))
}
