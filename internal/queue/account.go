package queue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

// account is an account as the engine uses it.
type account struct {
	row     *store.Account
	address email.Address
	kind    provider.Kind
	limits  provider.Limits
	opened  *opened
	paused  bool  // all of its mail, by a person
	halted  bool  // some of it, by a person
	day     daily // of a pool's member
}

// opened is an account's provider, kept over reads of the row.
type opened struct {
	row      *store.Account
	address  email.Address // of the row, which takes a while to parse
	provider provider.Provider
	known    []store.Limit // what is known of it over time
	limits   []store.Limit // what it has to keep to: these as refusals have lowered them
	unsure   bool          // by which keys they are counted could not be read
	err      error         // why it could not be opened
}

// looker is the account's way to look in Sent, or nil where it may not.
func (a *account) looker() provider.Looker {
	l, _ := a.opened.provider.(provider.Looker)
	return l
}

// maySendAs tells whether an address may stand in From.
func (a *account) maySendAs(from email.Address) bool {
	key, domain := from.Key(), "@"+from.Domain
	return key == a.address.Key() || slices.ContainsFunc(a.row.Senders, func(s string) bool {
		may := senderKey(s)
		return may == key || may == domain
	})
}

// senderKey is a further sender as it is looked for: the key of an address, or "@" and
// a domain.
func senderKey(sender string) string {
	if strings.HasPrefix(sender, "@") {
		return sender
	}
	one, err := email.ParseAddress(sender)
	if err != nil {
		return ""
	}
	return one.Key()
}

func (a *account) allowed() string {
	return strings.Join(append([]string{a.row.Address}, a.row.Senders...), ", ")
}

// account joins a row with its kind and its provider, which is opened anew only
// when what it depends on has changed.
func (x *accounts) account(row *store.Account) *account {
	a := &account{row: row, kind: x.e.kinds[row.Transport]}
	if a.kind.Limits != nil {
		a.limits = a.kind.Limits(row.Config)
	}
	old := x.opened[row.ID]
	if old == nil || !sameProvider(old.row, row) {
		if old != nil {
			old.close()
		}
		old = x.open(row, a.kind)
		x.opened[row.ID] = old
	} else if old.unsure {
		now := *old
		now.setLimits(x.limitsOf(row, a.kind))
		old, x.opened[row.ID] = &now, &now
	}
	a.opened, a.address = old, old.address
	return a
}

func sameProvider(a, b *store.Account) bool {
	return a.Transport == b.Transport && a.Credential == b.Credential && a.Address == b.Address && bytes.Equal(a.Config, b.Config)
}

func (x *accounts) open(row *store.Account, kind provider.Kind) *opened {
	o := &opened{row: row}
	o.address, _ = email.ParseAddress(row.Address)
	if kind.Open == nil {
		o.err = fmt.Errorf("this gatepost has no transport %q", row.Transport)
		return o
	}
	o.provider, o.err = kind.Open(provider.Account{ID: row.ID, Address: row.Address, Config: row.Config}, x.deps(row))
	o.setLimits(x.limitsOf(row, kind))
	return o
}

func (o *opened) setLimits(limits []store.Limit, known bool) {
	o.known, o.limits, o.unsure = limits, limits, !known
}

// teach lowers the limits of what is opened to what was learned of them.
func (x *accounts) teach(o *opened, learned []store.Learned, now time.Time) *opened {
	limits := taught(o.row.ID, o.known, learned, now)
	if slices.Equal(limits, o.limits) {
		return o
	}
	changed := *o
	changed.limits = limits
	x.opened[o.row.ID] = &changed
	return &changed
}

// deps gives a provider the account's secrets through the vault.
func (x *accounts) deps(row *store.Account) provider.Deps {
	cfg := x.e.cfg
	return provider.Deps{
		Dial: cfg.Dial, RootCAs: cfg.RootCAs, Now: cfg.Now, BaseURL: cfg.BaseURLs[row.Transport], Trace: cfg.Trace,
		SMTPAddress: cfg.SMTPAddresses[row.Transport],
		Token: func(ctx context.Context, scopes []string, renew bool) (email.Secret, error) {
			return cfg.Vault.Token(ctx, vault.TokenRequest{
				Team: row.Team, Credential: row.Credential, Subject: row.Address, Scopes: scopes, Renew: renew,
			})
		},
		ClientID: func() string { return x.clientOf(row) },
		Password: func(ctx context.Context) (email.Secret, error) {
			_, secret, err := cfg.Vault.Secret(ctx, row.Team, row.Credential)
			return secret, err
		},
	}
}

// clientOf is the id of the client that an account's credential is of: what stands in its
// public part. It is asked for advice alone, so it does not wait long.
func (x *accounts) clientOf(row *store.Account) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := x.e.cfg.Store.Credential(ctx, row.Team, row.Credential)
	var public struct {
		ClientID string `json:"client_id"`
	}
	if err != nil || json.Unmarshal(c.Public, &public) != nil {
		return ""
	}
	return public.ClientID
}

func (o *opened) close() {
	if c, ok := o.provider.(provider.Closer); ok {
		_ = c.Close()
	}
}

// Check proves that an account works, without sending; see provider.Provider.
func (e *Engine) Check(ctx context.Context, team, id email.ID) error {
	a, err := e.accounts.get(ctx, team, id)
	if err != nil {
		return err
	}
	if a.opened.err != nil {
		return a.opened.err
	}
	err = a.opened.provider.Check(e.watches.On(ctx, id))
	var p *provider.Error
	if errors.As(err, &p) {
		return p
	}
	return err
}
