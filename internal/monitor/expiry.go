package monitor

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// The kinds of what ends.
const (
	KindSecret      = "client_secret"   // of an app registration at Entra ID, as its owner says
	KindCertificate = "certificate"     // the same, as the certificate says
	KindConsent     = "consent"         // of a user, seven days after it was given to an app in Testing
	KindIdle        = "idle_token"      // a refresh token that nobody could use for a while
	KindChange      = "provider_change" // a row of the table of changes
)

// The severities, by how soon it is.
const (
	SeverityOK       = "ok"       // more than 30 days, or no date
	SeverityNotice   = "notice"   // 30 days, or a change that has come
	SeverityWarning  = "warning"  // 14 days
	SeverityCritical = "critical" // 3 days
	SeverityOver     = "over"
)

// Expiry is something of a credential or an account that ends.
type Expiry struct {
	Kind       string
	Credential email.ID  // empty: it is about an account alone
	Accounts   []Owner   // those that it stops
	Change     string    // the id of a row of the table
	At         time.Time // zero: nobody has named a time
	Days       int       // left, a part of a day counted as one; 0: it is over
	Severity   string
	Summary    string // "client secret ends in 12 days"
	What       string // one sentence
	Fix, Link  string

	subject email.ID // whose events tell of it
}

// Owner is an account that something is about.
type Owner struct{ ID, Address email.ID }

// Expiries tells what of a team's credentials and accounts ends, the soonest first, then
// what has no date, and last the changes that have come.
func (w *Watch) Expiries(ctx context.Context, team email.ID) ([]Expiry, error) {
	credentials, err := w.cfg.Store.Credentials(ctx, team)
	if err != nil {
		return nil, err
	}
	accounts, err := w.cfg.Store.Accounts(ctx, team)
	if err != nil {
		return nil, err
	}
	return w.view(credentials, accounts).expiries(), nil
}

// ExpiriesOf is Expiries of one account, without the others that it concerns too: it
// reads no more than that one.
func (w *Watch) ExpiriesOf(ctx context.Context, team, account email.ID) ([]Expiry, error) {
	a, err := w.cfg.Store.Account(ctx, team, account)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil // it was removed meanwhile
	}
	if err != nil {
		return nil, err
	}
	var credentials []store.Credential
	for id := a.Credential; id != ""; { // and the client of a user's consent
		c, err := w.cfg.Store.Credential(ctx, team, id)
		if errors.Is(err, store.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		credentials, id = append(credentials, c), userOf(c).Client
	}
	return w.view(credentials, []*store.Account{a}).expiries(), nil
}

// view is what is known of a team at one moment.
type view struct {
	w           *Watch
	now         time.Time
	list        []store.Credential
	credentials map[email.ID]store.Credential
	accounts    []*store.Account
	users       map[email.ID][]*store.Account // by credential
}

func (w *Watch) view(credentials []store.Credential, accounts []*store.Account) view {
	v := view{
		w: w, now: w.now(), list: credentials, credentials: map[email.ID]store.Credential{},
		accounts: accounts, users: map[email.ID][]*store.Account{},
	}
	for _, c := range credentials {
		v.credentials[c.ID] = c
	}
	for _, a := range accounts {
		v.users[a.Credential] = append(v.users[a.Credential], a)
	}
	return v
}

func (v view) expiries() []Expiry {
	all := v.changes()
	for _, c := range v.list {
		all = append(all, v.credential(c)...)
	}
	for i := range all {
		all[i].dated(v.now)
	}
	slices.SortStableFunc(all, sooner)
	return all
}

// sooner orders ends: those with a date, those without one, and last the changes that
// have come, of which nothing is ahead.
func sooner(a, b Expiry) int {
	return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.At.Compare(b.At), strings.Compare(a.subject, b.subject))
}

func (e *Expiry) rank() int {
	switch {
	case e.come():
		return 2
	case e.At.IsZero():
		return 1
	}
	return 0
}

// changes are the rows of the table that concern accounts.
func (v view) changes() []Expiry {
	var all []Expiry
	for _, a := range v.accounts {
		kind := v.credentials[a.Credential].Kind
		for _, c := range v.w.changes {
			if c.concerns(a, kind) {
				all = append(all, Expiry{
					Kind: KindChange, Accounts: owners(a), Change: c.ID, At: c.At(), Summary: c.Title, What: c.What,
					Fix: strings.ReplaceAll(c.Fix, "{address}", a.Address), Link: c.Source, subject: a.ID,
				})
			}
		}
	}
	return all
}

func owners(accounts ...*store.Account) []Owner {
	out := make([]Owner, len(accounts))
	for i, a := range accounts {
		out[i] = Owner{a.ID, a.Address}
	}
	return out
}
