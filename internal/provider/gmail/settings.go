package gmail

import (
	"encoding/json"

	"gatepost/internal/provider"
)

// settings are an account's own, as stored.
type settings struct {
	// MayLook says that delegation covers gmail.metadata too, so that an attempt
	// without an outcome can be decided by reading Sent.
	MayLook *bool `json:"may_look"`
	// DraftFence says that each message is first made a draft, which takes the scope
	// gmail.compose or a wider one.
	DraftFence    bool `json:"draft_fence,omitempty"`
	MaxRecipients int  `json:"max_recipients"`
	MaxParallel   int  `json:"max_parallel"`
	// Limits are in place of what Google publishes.
	Limits *provider.OwnRates `json:"limits,omitempty"`
}

func (s settings) mayLook() bool { return s.MayLook == nil || *s.MayLook }

// Defaults: 100 recipients a message for the Gmail API
// (support.google.com/a/answer/166852); four calls at a time stay far from "Too
// many concurrent requests for user".
const (
	defaultRecipients = 100
	maxRecipients     = 500
	defaultParallel   = 4
	maxParallel       = 50
)

// parse reads settings strictly and completes them.
func parse(config json.RawMessage) (settings, []provider.FieldError) {
	s := settings{MaxRecipients: defaultRecipients, MaxParallel: defaultParallel}
	if wrong := provider.DecodeSettings(config, &s); len(wrong) > 0 {
		return s, wrong
	}
	if s.MayLook == nil {
		yes := true
		s.MayLook = &yes
	}
	var wrong []provider.FieldError
	wrong = provider.Within(wrong, "max_recipients", s.MaxRecipients, maxRecipients)
	wrong = provider.Within(wrong, "max_parallel", s.MaxParallel, maxParallel)
	return s, append(wrong, s.Limits.Check(true)...)
}

func validate(config json.RawMessage) (json.RawMessage, []provider.FieldError) {
	s, wrong := parse(config)
	return provider.CompleteSettings(s, wrong)
}
