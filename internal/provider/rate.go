package provider

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// What is counted of a Rate.
const (
	UnitMessages   = "messages"
	UnitRecipients = "recipients"
	UnitExternal   = "external" // recipients outside of the sender's domain
	UnitUnique     = "unique"   // different recipients
	UnitUnits      = "units"    // of an API's quota
)

// Whose count it is: accounts of the same project, mailbox or relay share it.
const (
	RateOfAccount = "account"
	RateOfProject = "project" // of the account's credential
	RateOfMailbox = "mailbox"
	RateOfRelay   = "relay"
)

// Rate is how much a provider takes in a rolling window.
type Rate struct {
	Scope  string
	Of     string // which mailbox or relay; empty: the account, or its credential's project
	Unit   string
	Max    int64
	Window time.Duration
	Cost   int64  // of a message, or of a recipient where these are counted; 0: 1
	Own    string // with UnitExternal: the sender's domain
	Source string
}

// OwnRates are limits that an account's settings name; zero: none, or the
// provider's own.
type OwnRates struct {
	PerSecond        int64 `json:"per_second,omitempty"`
	PerMinute        int64 `json:"per_minute,omitempty"`
	PerHour          int64 `json:"per_hour,omitempty"`
	PerDay           int64 `json:"per_day,omitempty"`
	RecipientsPerDay int64 `json:"recipients_per_day,omitempty"`
	ExternalPerDay   int64 `json:"external_per_day,omitempty"`
	UniquePerDay     int64 `json:"unique_per_day,omitempty"`
	UnitsPerMinute   int64 `json:"units_per_minute,omitempty"`
}

// mostRate bounds what settings may name.
const mostRate = 1_000_000_000

// Day is the window of a provider's day, which is a rolling one.
const Day = 24 * time.Hour

// Check tells what is wrong with the limits of an account's settings. units says
// that the provider counts units.
func (o *OwnRates) Check(units bool) []FieldError {
	if o == nil {
		return nil
	}
	var wrong []FieldError
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"per_second", o.PerSecond},
		{"per_minute", o.PerMinute},
		{"per_hour", o.PerHour},
		{"per_day", o.PerDay},
		{"recipients_per_day", o.RecipientsPerDay},
		{"external_per_day", o.ExternalPerDay},
		{"unique_per_day", o.UniquePerDay},
		{"units_per_minute", o.UnitsPerMinute},
	} {
		if f.value < 0 || f.value > mostRate {
			wrong = append(wrong, FieldError{Field: "limits." + f.name, Message: "must be between 1 and " + strconv.Itoa(mostRate)})
		}
	}
	if !units && o.UnitsPerMinute != 0 {
		wrong = append(wrong, FieldError{Field: "limits.units_per_minute", Message: "is for the transport gmail alone"})
	}
	return wrong
}

// Rates are the limits that the settings of an account name, for one scope. A
// provider's own stands where the settings say nothing of the same unit and window.
func (o *OwnRates) Rates(address, scope, of string, own ...Rate) []Rate {
	out := o.merge(scope, of, own)
	for i := range out {
		if out[i].Unit == UnitExternal {
			out[i].Own = strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
		}
	}
	return out
}

func (o *OwnRates) merge(scope, of string, own []Rate) []Rate {
	if o == nil {
		return own
	}
	var out []Rate
	for _, r := range []Rate{
		{Unit: UnitMessages, Window: time.Second, Max: o.PerSecond},
		{Unit: UnitMessages, Window: time.Minute, Max: o.PerMinute},
		{Unit: UnitMessages, Window: time.Hour, Max: o.PerHour},
		{Unit: UnitMessages, Window: Day, Max: o.PerDay},
		{Unit: UnitRecipients, Window: Day, Max: o.RecipientsPerDay},
		{Unit: UnitExternal, Window: Day, Max: o.ExternalPerDay},
		{Unit: UnitUnique, Window: Day, Max: o.UniquePerDay},
	} {
		if r.Max > 0 {
			r.Scope, r.Of, r.Source = scope, of, SourceSettings
			out = append(out, r)
		}
	}
	for _, r := range own {
		if !covered(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// SourceSettings is the source of a limit that a person has set.
const SourceSettings = "the account's settings"

func covered(list []Rate, r Rate) bool {
	for _, l := range list {
		if l.Unit == r.Unit && l.Window == r.Window {
			return true
		}
	}
	return false
}

// Rater tells how much a provider takes of an account over time.
type Rater func(address string, config json.RawMessage) []Rate
