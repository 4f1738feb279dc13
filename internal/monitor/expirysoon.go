package monitor

import (
	"fmt"
	"math"
	"time"
)

const day = 24 * time.Hour

// dated fills in what follows from the time.
func (e *Expiry) dated(now time.Time) {
	if e.At.IsZero() {
		e.Severity = SeverityNotice
		if e.Kind != KindChange {
			e.Severity = SeverityOK
		}
		return
	}
	e.Days = max(0, int(math.Ceil(float64(e.At.Sub(now))/float64(day))))
	e.Severity = severity(e.Days)
	if e.come() {
		e.Severity = SeverityNotice // whether it does harm the account's state tells
	}
	e.Summary += e.soon()
}

// come tells that it is a change whose day has come.
func (e *Expiry) come() bool { return e.Kind == KindChange && !e.At.IsZero() && e.Days == 0 }

func severity(days int) string {
	switch {
	case days == 0:
		return SeverityOver
	case days <= 3:
		return SeverityCritical
	case days <= 14:
		return SeverityWarning
	case days <= 30:
		return SeverityNotice
	}
	return SeverityOK
}

// soon says when, behind the words for what.
func (e *Expiry) soon() string {
	on := e.At.UTC().Format(time.DateOnly)
	in := fmt.Sprintf("in %d days", e.Days)
	if e.Days == 1 {
		in = "within a day"
	}
	switch {
	case e.come():
		return ": since " + on
	case e.Kind == KindChange:
		return ": " + in
	case e.Days == 0:
		return " ended on " + on
	}
	return " ends " + in
}

// marks are how many days ahead of its end something is told, each once. A consent that
// lasts seven days is told of at once.
func (e *Expiry) marks() []int {
	if e.Kind == KindConsent {
		return []int{0, 1, 3, 7}
	}
	return []int{0, 1, 3, 14, 30}
}

// news is how long a change that has come is one to warn of: who connects an account
// later meets it as it is.
const news = 30 * day

// mark is the one that has come; ok is false while none has.
func (e *Expiry) mark(now time.Time) (days int, ok bool) {
	if e.At.IsZero() || e.come() && now.Sub(e.At) > news {
		return 0, false
	}
	for _, m := range e.marks() {
		if e.Days <= m {
			return m, true
		}
	}
	return 0, false
}
