package microsoft

import (
	"encoding/json"
	"strings"

	"gatepost/internal/provider"
)

// settings are an account's own, as stored.
type settings struct {
	// AppOnly says that the credential is an app that acts by itself, for mailboxes that
	// its administrator allows; else it is a user's consent.
	AppOnly bool `json:"app_only"`
	// Mailbox is the mailbox to send from where it is not the account's address: one that
	// is shared with the user.
	Mailbox string `json:"mailbox,omitempty"`
	// Cloud is where the tenant lives: global, us_gov_l4, us_gov_l5 or china.
	Cloud string `json:"cloud,omitempty"`
	// MayLook says that the token may read Sent Items (Mail.ReadBasic), so that an attempt
	// without an outcome can be decided.
	MayLook *bool `json:"may_look"`
	// DraftFence says that each message is first made a draft, which takes
	// Mail.ReadWrite. It also lets large mail be built of parts.
	DraftFence bool `json:"draft_fence,omitempty"`
	// MaxRequest is what one request may carry, in bytes, encoding counted.
	MaxRequest int64 `json:"max_request"`
	// MaxSize is what the mailbox may send (Set-Mailbox -MaxSendSize).
	MaxSize       int64 `json:"max_size"`
	MaxRecipients int   `json:"max_recipients"`
	MaxParallel   int   `json:"max_parallel"`
	// Limits are in place of what Microsoft publishes.
	Limits *provider.OwnRates `json:"limits,omitempty"`
}

func (s settings) mayLook() bool { return s.MayLook == nil || *s.MayLook }

func (s settings) cloud() cloud {
	if s.Cloud == "" {
		return clouds()[globalCloud]
	}
	return clouds()[s.Cloud]
}

// box is the mailbox that sends.
func (s settings) box(address string) string {
	if s.Mailbox != "" {
		return s.Mailbox
	}
	return address
}

// Defaults: a request of 4 MB and files of 150 MB
// (learn.microsoft.com/graph/outlook-large-attachments), 35 MB a message, 500
// recipients, settable to 1,000 (Exchange Online limits), four calls at a time for an
// app and mailbox (learn.microsoft.com/graph/throttling-limits).
const (
	defaultRequest    = 4 << 20
	leastRequest      = 64 << 10
	defaultSize       = 35 << 20
	largestSize       = 150 << 20
	defaultRecipients = 500
	mostRecipients    = 1000
	defaultParallel   = 4
	mostParallel      = 50
)

// parse reads settings strictly and completes them.
func parse(config json.RawMessage) (settings, []provider.FieldError) {
	s := settings{MaxRequest: defaultRequest, MaxSize: defaultSize, MaxRecipients: defaultRecipients, MaxParallel: defaultParallel}
	if wrong := provider.DecodeSettings(config, &s); len(wrong) > 0 {
		return s, wrong
	}
	if s.MayLook == nil {
		yes := true
		s.MayLook = &yes
	}
	wrong := checkMailbox(checkCloud(nil, s.Cloud), s.Mailbox)
	wrong = bytesWithin(wrong, "max_request", s.MaxRequest, leastRequest)
	wrong = bytesWithin(wrong, "max_size", s.MaxSize, 1)
	wrong = provider.Within(wrong, "max_recipients", s.MaxRecipients, mostRecipients)
	wrong = provider.Within(wrong, "max_parallel", s.MaxParallel, mostParallel)
	return s, append(wrong, s.Limits.Check(false)...)
}

func checkCloud(wrong []provider.FieldError, name string) []provider.FieldError {
	if _, known := clouds()[name]; known || name == "" {
		return wrong
	}
	return append(wrong, provider.FieldError{Field: "cloud", Message: "must be global, us_gov_l4, us_gov_l5 or china"})
}

func checkMailbox(wrong []provider.FieldError, address string) []provider.FieldError {
	local, domain, _ := strings.Cut(address, "@")
	if address == "" || local != "" && domain != "" && !strings.ContainsAny(address, " \t\r\n/?#\x00\x01") {
		return wrong
	}
	return append(wrong, provider.FieldError{Field: "mailbox", Message: "must be the address of a mailbox"})
}

func bytesWithin(wrong []provider.FieldError, field string, value, least int64) []provider.FieldError {
	if value >= least && value <= largestSize {
		return wrong
	}
	return append(wrong, provider.FieldError{Field: field, Message: "must be a number of bytes, 150 MB at most"})
}

func validate(config json.RawMessage) (json.RawMessage, []provider.FieldError) {
	s, wrong := parse(config)
	return provider.CompleteSettings(s, wrong)
}
