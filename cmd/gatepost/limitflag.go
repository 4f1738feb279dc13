package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gatepost/client"
)

const limitUsage = "`name=number` of a limit to keep to, such as per_minute=100 or recipients_per_day=5000 (docs/limits.md); several, or with commas between"

// limitFlag is the value of --limit: limits by the names of client.SendLimits, nil for
// those that are not set any more.
type limitFlag map[string]*int

// Set implements pflag.Value. A second flag adds to the first.
func (l *limitFlag) Set(given string) error {
	if *l == nil {
		*l = limitFlag{}
	}
	for one := range strings.SplitSeq(given, ",") {
		name, text, ok := strings.Cut(strings.TrimSpace(one), "=")
		if names := limitNames(); !ok || !slices.Contains(names, name) {
			return fmt.Errorf("write NAME=NUMBER, such as per_minute=100; the names are %s", strings.Join(names, ", "))
		}
		if text == "" {
			(*l)[name] = nil
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostSent {
			return fmt.Errorf("%s: write a whole number from 1 to %d", name, mostSent)
		}
		(*l)[name] = &n
	}
	return nil
}

// mostSent is the largest limit that gatepost takes.
const mostSent = 1_000_000_000

// String implements pflag.Value.
func (l *limitFlag) String() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(*l)) {
		all = append(all, name+"="+atMost((*l)[name]))
	}
	return strings.Join(all, ",")
}

func atMost(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// Type implements pflag.Value.
func (l *limitFlag) Type() string { return "limits" }

// in is the limits that an account has, with those that were given in their places.
func (l *limitFlag) in(has *client.SendLimits) *client.SendLimits {
	var out client.SendLimits
	if has != nil {
		out = *has
	}
	for _, f := range limitFields(&out) {
		if n, given := (*l)[f.name]; given {
			*f.at = n
		}
	}
	if out == (client.SendLimits{}) {
		return nil
	}
	return &out
}

// limitField is a limit by the name that it has in the API.
type limitField struct {
	name string
	at   **int
}

func limitFields(l *client.SendLimits) []limitField {
	return []limitField{
		{"per_second", &l.PerSecond},
		{"per_minute", &l.PerMinute},
		{"per_hour", &l.PerHour},
		{"per_day", &l.PerDay},
		{"recipients_per_day", &l.RecipientsPerDay},
		{"external_per_day", &l.ExternalPerDay},
		{"unique_per_day", &l.UniquePerDay},
		{"units_per_minute", &l.UnitsPerMinute},
	}
}

func limitNames() []string {
	var names []string
	for _, f := range limitFields(new(client.SendLimits)) {
		names = append(names, f.name)
	}
	return names
}

// limitsOf tells which limits were set for an account by hand.
func limitsOf(a client.Account) string {
	var set *client.SendLimits
	switch {
	case a.Gmail != nil:
		set = a.Gmail.Limits
	case a.GmailSMTP != nil:
		set = a.GmailSMTP.Limits
	case a.Microsoft != nil:
		set = a.Microsoft.Limits
	case a.MicrosoftSMTP != nil:
		set = a.MicrosoftSMTP.Limits
	case a.SMTP != nil:
		set = a.SMTP.Limits
	}
	if set == nil {
		return ""
	}
	var all []string
	for _, f := range limitFields(set) {
		if *f.at != nil {
			all = append(all, f.name+"="+strconv.Itoa(**f.at))
		}
	}
	return strings.Join(all, " ")
}
