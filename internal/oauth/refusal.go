package oauth

import (
	"encoding/json"
	"errors"
	"time"

	"gatepost/internal/provider"
)

// Held is a refusal that only a person can mend: the credential is not fit to be
// asked with. It is a *provider.Error; cause is a code in snake_case, text what is
// the matter, fix what to do.
func Held(cause, text, fix string, err error) error {
	return &provider.Error{Class: provider.Hold, Scope: provider.ScopeAccount, Cause: cause, Text: text, Fix: fix, Err: err}
}

// Passing tells errors of the road (a broken connection, a server overloaded) from
// refusals of the credential.
func Passing(err error) bool {
	p, ok := errors.AsType[*provider.Error](err)
	return ok && (p.Class == provider.Retry || p.Class == provider.Park)
}

// refusalText is a *provider.Error as text. Nothing in it is secret: replies are
// cleaned when the error is made.
type refusalText struct {
	Class provider.Class `json:"class"`
	Scope provider.Scope `json:"scope"`
	Until time.Time      `json:"until"`
	Cause string         `json:"cause"`
	Text  string         `json:"text"`
	Fix   string         `json:"fix"`
	Reply string         `json:"reply"`

	Action   provider.Action `json:"action,omitempty"`
	No       string          `json:"no,omitempty"`
	Link     string          `json:"link,omitempty"`
	Unlisted bool            `json:"unlisted,omitempty"`
	Stage    provider.Stage  `json:"stage,omitempty"`
	Code     int             `json:"code,omitempty"`
}

// MarshalError writes an error of this package as text, so that another process
// may have it; false for any other error.
func MarshalError(err error) (string, bool) {
	e, ok := errors.AsType[*provider.Error](err)
	if !ok {
		return "", false
	}
	text, err := json.Marshal(refusalText{e.Class, e.Scope, e.Until, e.Cause, e.Text, e.Fix, e.Reply, e.Action, e.No, e.Link, e.Unlisted, e.Stage, e.Code})
	return string(text), err == nil
}

// UnmarshalError reads what MarshalError wrote; nil for anything else.
func UnmarshalError(text string) error {
	var f refusalText
	if json.Unmarshal([]byte(text), &f) != nil || f.Class == 0 {
		return nil
	}
	return &provider.Error{
		Class: f.Class, Scope: f.Scope, Until: f.Until, Cause: f.Cause, Text: f.Text, Fix: f.Fix, Reply: f.Reply,
		Action: f.Action, No: f.No, Link: f.Link, Unlisted: f.Unlisted, Stage: f.Stage, Code: f.Code,
	}
}
