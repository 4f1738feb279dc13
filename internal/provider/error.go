package provider

import (
	"fmt"
	"time"
)

// Class is what the engine must do about an error.
type Class int

// The classes.
const (
	Retry   Class = iota + 1 // passing: back off and try again
	Park                     // a quota is used up: keep the mail until a known time
	Hold                     // a credential or setting is refused: a person must act
	Fail                     // a verdict on this message or recipient
	Unknown                  // bytes were handed over and no verdict came back
)

// String names the class.
func (c Class) String() string {
	switch c {
	case Retry:
		return "retry"
	case Park:
		return "park"
	case Hold:
		return "hold"
	case Fail:
		return "fail"
	case Unknown:
		return "unknown"
	}
	return fmt.Sprintf("class(%d)", int(c))
}

// Scope is what an error speaks about.
type Scope string

// The scopes.
const (
	ScopeMessage   Scope = "message"
	ScopeRecipient Scope = "recipient"
	ScopeAccount   Scope = "account"
)

// Quota is what an answer says of the limit that it says is reached.
type Quota string

// The quotas.
const (
	QuotaNone    Quota = ""        // no limit on what is sent, or none that counts it over time
	QuotaRate    Quota = "rate"    // counted over an hour at the most
	QuotaProject Quota = "project" // the same, over all accounts of a project
	QuotaDay     Quota = "day"
	// quotaByTime is one of a day where the provider asks to wait longer than an hour,
	// else of less.
	quotaByTime Quota = "by_time"
)

// Action is what can be done at once about an error, beside what its class says.
type Action string

// The actions.
const (
	ActionNone    Action = ""
	ActionRefresh Action = "refresh_once"     // nothing was taken: get a new token and ask once more
	ActionSplit   Action = "split_recipients" // the rest of the recipients goes in another transaction
	ActionText    Action = "text_only"        // nothing to do for a queue: it is explained to a person
	ActionLink    Action = "link"             // a person opens a link that is in the fix, and that is all
)

// Error is a provider's answer other than yes, in the words that the engine
// decides by.
type Error struct {
	Class Class
	Scope Scope
	// Until is when a parked scope may be tried again, or the earliest next try;
	// zero where the provider named no time.
	Until time.Time
	// Quota is set with class Park where more was sent than is allowed in a time.
	Quota Quota
	// Cause is a stable code in snake_case: "rate_limited", "credential_refused".
	Cause string
	// Action is what helps at once, where something does.
	Action Action
	// No is the number of the case in the catalogue, Link the provider's page about it;
	// both may be empty. Unlisted says that no row knows the words: the class is the safe one
	// of the stage.
	No, Link string
	Unlisted bool
	// Row is the place in Catalogue of the line that decided, counted from 1; 0: none did.
	Row int
	// Stage and Code are those of the answer; empty where there was none.
	Stage Stage
	Code  int

	Text  string // what happened, one plain sentence
	Fix   string // what to do about it; empty where nothing helps but waiting
	Reply string // the provider's own words, secrets removed, at most 512 bytes
	Err   error  // underlying error, if any
}

// Error implements error.
func (e *Error) Error() string {
	s := e.Cause + ": " + e.Text
	if e.Reply != "" {
		s += " (" + e.Reply + ")"
	}
	return s
}

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }
