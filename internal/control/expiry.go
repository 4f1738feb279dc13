package control

import (
	"context"
	"slices"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/monitor"
	"gatepost/internal/store"
)

// Expiry is something of a credential or an account that ends.
type Expiry = monitor.Expiry

// Change is something that a provider changes.
type Change = monitor.Change

// Expiries tells what of the team's credentials and accounts ends, the soonest first,
// and then what has no date.
func (c *Control) Expiries(ctx context.Context, g access.Grant) ([]Expiry, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return nil, err
	}
	if c.cfg.Watch == nil {
		return nil, nil
	}
	return c.cfg.Watch.Expiries(ctx, g.Team)
}

// Changes is the dated table of what providers change.
func (c *Control) Changes() ([]Change, error) { return monitor.Changes() }

// NextEnds tells when something of each kind ends next, over all teams.
func (c *Control) NextEnds(ctx context.Context) (map[string]time.Time, error) {
	if c.cfg.Watch == nil {
		return nil, nil
	}
	return c.cfg.Watch.NextEnds(ctx)
}

// EndsSoon tells what of accounts, and their credentials, is near its end or over, by the
// accounts' ids.
func (c *Control) EndsSoon(ctx context.Context, g access.Grant, accounts ...Account) (map[email.ID][]Expiry, error) {
	soon := map[email.ID][]Expiry{}
	if c.cfg.Watch == nil || len(accounts) == 0 {
		return soon, nil
	}
	var all []Expiry
	var err error
	if len(accounts) == 1 {
		all, err = c.cfg.Watch.ExpiriesOf(ctx, g.Team, accounts[0].ID)
	} else {
		all, err = c.cfg.Watch.Expiries(ctx, g.Team)
	}
	for _, e := range all {
		if e.Severity == monitor.SeverityOK {
			continue
		}
		for _, a := range e.Accounts {
			e.Accounts = []monitor.Owner{a}
			soon[a.ID] = append(soon[a.ID], e)
		}
	}
	return soon, err
}

// Warned is a warning that was told of an account or its credential.
type Warned struct {
	Kind      email.EventKind
	At        time.Time
	EndsAt    time.Time
	Text, Fix string
}

// warned are the warnings since a time, newest first.
func warned(events []store.Event, since time.Time) []Warned {
	kinds := []email.EventKind{email.EventAccountWarning, email.EventCredentialExpiring, email.EventCredentialExpired}
	var out []Warned
	for _, e := range events {
		if slices.Contains(kinds, e.Kind) && !e.At.Before(since) {
			out = append(out, Warned{Kind: e.Kind, At: e.At, EndsAt: time.UnixMilli(e.Data.EndsAt).UTC(), Text: e.Data.Text, Fix: e.Data.Fix})
		}
	}
	slices.SortStableFunc(out, func(a, b Warned) int { return b.At.Compare(a.At) })
	return out
}
