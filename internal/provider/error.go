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

// Error is a provider's answer other than yes, in the words that the engine
// decides by.
type Error struct {
	Class Class
	Scope Scope
	// Until is when a parked scope may be tried again, or the earliest next try;
	// zero where the provider named no time.
	Until time.Time
	// Cause is a stable code in snake_case: "rate_limited", "credential_refused".
	Cause string
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
