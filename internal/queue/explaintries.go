package queue

import (
	"strings"
	"time"

	"gatepost/internal/email"
)

// Attempt is one try to send a message, and what came of it.
type Attempt struct {
	Number            int // counts those that began
	At                time.Time
	Account           email.ID
	Address           string // empty: the account has been removed
	Outcome           string // accepted, delayed, failed, held, unknown, not_sent or sending
	Recipients        []string
	Cause             string
	Text              string
	Fix               string
	Reply             string
	ProviderID        string
	PossibleDuplicate bool
}

// outcomeOf is an event that ends an attempt, in the word of an explanation.
func outcomeOf(kind email.EventKind) string {
	switch kind {
	case email.EventAccepted, email.EventDelayed, email.EventFailed, email.EventHeld, email.EventUnknown, email.EventNotSent:
		return strings.TrimPrefix(string(kind), "message.")
	}
	return ""
}

// attempts tells what each attempt brought: more than one thing where recipients
// fared differently, or where a look told more later.
func (x *explaining) attempts() []Attempt {
	out := []Attempt{}
	var began []int
	number := func(attempt int) int { // a claim that was given back has none
		if len(began) == 0 || began[len(began)-1] != attempt {
			began = append(began, attempt)
		}
		return len(began)
	}
	for _, ev := range x.events {
		outcome := outcomeOf(ev.Kind)
		if outcome == "" || ev.Data.Attempt == 0 {
			continue
		}
		d := ev.Data
		out = append(out, Attempt{
			Number: number(d.Attempt), At: ev.At, Account: d.Account, Address: x.addressOf(d.Account), Outcome: outcome, Recipients: d.Recipients, Cause: d.Cause, Text: d.Text, Fix: d.Fix,
			Reply: d.Reply, ProviderID: d.ProviderID, PossibleDuplicate: d.PossibleDuplicate,
		})
	}
	if e := x.m.Entry; e != nil && e.State == email.Sending {
		out = append(out, Attempt{Number: number(e.Attempt), At: e.StartedAt, Outcome: "sending", Account: e.Route, Address: x.addressOf(e.Route)})
	}
	return out
}

func (x *explaining) addressOf(id email.ID) string {
	if a := withID(x.accounts, id); a != nil {
		return a.row.Address
	}
	return ""
}
