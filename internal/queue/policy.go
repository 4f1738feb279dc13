package queue

import (
	"slices"
	"time"

	"gatepost/internal/email"
)

// Policy is what a message type decides.
type Policy struct {
	Type string
	Lane email.Lane
	// Life is how long after its time a message may still leave; 0: for ever.
	Life time.Duration
	// Keep is how long the content stays once every recipient is final; 0: it is
	// shredded at once.
	Keep time.Duration
	// OnUnknown is the default for unknown outcomes. Reconcile is the careful one:
	// where Sent cannot be read, a person decides.
	OnUnknown email.OnUnknown
	// Security says that whoever reads the message could act as its recipient: the
	// subject is not kept either.
	Security bool
}

const day = 24 * time.Hour

// Policies is the table of message types. It is fixed: a type means the same to
// everybody.
func Policies() []Policy {
	secret := func(name string, life time.Duration) Policy {
		return Policy{Type: name, Lane: email.Urgent, Life: life, OnUnknown: email.Retry, Security: true}
	}
	plain := func(name string, life, keep time.Duration) Policy {
		return Policy{Type: name, Lane: email.Normal, Life: life, Keep: keep, OnUnknown: email.Reconcile}
	}
	return []Policy{
		secret("otp", 10*time.Minute),
		secret("verification_code", 10*time.Minute),
		secret("two_factor", 10*time.Minute),
		secret("authentication", 15*time.Minute),
		secret("password_reset", time.Hour),
		secret("account_activation", time.Hour),
		plain("confirmation", day, 30*day),
		plain("notification", day, 30*day),
		plain("reminder", day, 30*day),
		plain("invoice", 0, 90*day),
		plain("billing_statement", 0, 90*day),
		plain("general", 0, 30*day),
	}
}

// PolicyOf returns the policy of a message type.
func PolicyOf(name string) (Policy, bool) {
	all := Policies()
	i := slices.IndexFunc(all, func(p Policy) bool { return p.Type == name })
	if i < 0 {
		return Policy{}, false
	}
	return all[i], true
}

// Types are the names of the message types.
func Types() []string {
	var names []string
	for _, p := range Policies() {
		names = append(names, p.Type)
	}
	return names
}
