package provider

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// wait is how long a row keeps its scope from being tried again.
type wait int

const (
	waitNamed   wait = iota // only as long as the provider says
	waitWindow              // for the window of the account's limit, which the caller knows
	waitMinute              // the quota counts by the minute: until the next one
	waitTen                 // at least ten minutes
	waitQuarter             // at least 15 minutes: trying earlier moves the time on
	waitHour                // a quota of a rolling day that names no time
)

// maxWait is the longest time that a provider may ask for and get; beyond it a
// person should look.
const maxWait = 24 * time.Hour

// setUntil fills in when the scope may be tried again. A time in the header
// Retry-After counts as it is; one in the text not earlier than the row's least
// wait (Gmail's may lie in the past); without either the row decides.
func setUntil(e *Error, w wait, a Answer, now time.Time) {
	if e.Class != Retry && e.Class != Park {
		return
	}
	named, header := namedTime(a, now)
	if named.Sub(now) > maxWait {
		holdForLong(e, named)
		return
	}
	least := w.least(now)
	switch {
	case header && named.After(now):
		e.Until = named
	case named.After(least):
		e.Until = named
	case !least.Equal(now):
		e.Until = least
	}
}

// setQuota tells which limit is reached, by the time that the provider names where
// its words leave it open.
func (e *Error) setQuota(q Quota, now time.Time) {
	if e.Class != Park {
		return
	}
	if e.Quota = q; q != quotaByTime {
		return
	}
	e.Quota = QuotaRate
	if e.Until.Sub(now) > time.Hour {
		e.Quota = QuotaDay
	}
}

func (w wait) least(now time.Time) time.Time {
	switch w {
	case waitMinute:
		return now.Truncate(time.Minute).Add(time.Minute)
	case waitTen:
		return now.Add(10 * time.Minute)
	case waitQuarter:
		return now.Add(15 * time.Minute)
	case waitHour:
		return now.Add(time.Hour)
	}
	return now
}

func holdForLong(e *Error, until time.Time) {
	e.Class, e.Scope, e.Until = Hold, ScopeAccount, until
	e.Text += " The provider asks to wait until " + until.UTC().Format(time.RFC3339) + ", which is more than a day away."
	e.Fix = "Ask the provider why; release the account when it may send again."
}

// retryAfterText is the form in which Gmail names a time in an error's text.
var retryAfterText = regexp.MustCompile(`(?i)retry after (\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d))`)

// tryAgainText is how SMTP servers name one: "greylisted, try again in 300
// seconds".
var tryAgainText = regexp.MustCompile(`(?i)try again (?:in|after) (\d{1,6}) ?(s|m)`)

// namedTime is the time that the provider names, and whether the header did.
func namedTime(a Answer, now time.Time) (t time.Time, header bool) {
	if t, ok := retryAfter(a.RetryAfter, now); ok {
		return t, true
	}
	if m := retryAfterText.FindStringSubmatch(a.Text); m != nil {
		if t, err := time.Parse(time.RFC3339, strings.ToUpper(m[1])); err == nil {
			return t, false
		}
	}
	if m := tryAgainText.FindStringSubmatch(a.Text); m != nil {
		unit := map[string]time.Duration{"s": time.Second, "m": time.Minute}[strings.ToLower(m[2])]
		n, _ := strconv.Atoi(m[1]) // six digits at most
		return now.Add(time.Duration(n) * unit), false
	}
	return time.Time{}, false
}

// retryAfter reads the header (RFC 9110 section 10.2.3): seconds or a date.
func retryAfter(value string, now time.Time) (time.Time, bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return time.Time{}, false
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.Atoi(value)
		if err != nil || seconds > 10*365*86400 {
			seconds = 10 * 365 * 86400 // a number beyond any sense is "very long"
		}
		return now.Add(time.Duration(seconds) * time.Second), true
	}
	t, err := http.ParseTime(value)
	return t, err == nil
}
