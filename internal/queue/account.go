package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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
	day     daily // of a pool's member
}

// opened is an account's provider, kept over reads of the row.
type opened struct {
	row      *store.Account
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
	if from.Equal(a.address) {
		return true
	}
	for _, s := range a.row.Senders {
		if domain, ok := strings.CutPrefix(s, "@"); ok && domain == from.Domain {
			return true
		}
		if one, err := email.ParseAddress(s); err == nil && one.Equal(from) {
			return true
		}
	}
	return false
}

func (a *account) allowed() string {
	return strings.Join(append([]string{a.row.Address}, a.row.Senders...), ", ")
}

// accountsFresh is how long the rows of a team's accounts are trusted. A claim
// asks the row itself whether the account is held or parked.
const accountsFresh = time.Second

// accounts knows the accounts of each team and keeps their providers open.
type accounts struct {
	e      *Engine
	mu     sync.Mutex
	teams  map[email.ID]teamAccounts
	opened map[email.ID]*opened
	// changes counts how often a team's rows were forgotten: what was read before the last
	// time is not believed.
	changes map[email.ID]int
	// reading lets one read at a time: of two side by side the one that ends later may
	// have begun earlier, and would close what the other has found.
	reading sync.Mutex
}

type teamAccounts struct {
	list  []*account
	pools []*store.Pool     // those that are paused too, and
	still map[email.ID]bool // which are: all of their mail, by a person
	at    time.Time
}

// paused tells whether a person has paused all mail of an account.
func paused(pauses []store.Pause, account email.ID) bool {
	return slices.ContainsFunc(pauses, func(p store.Pause) bool { return p.Lane == store.EveryLane && p.About(account, store.EveryLane) })
}

func newAccounts(e *Engine) *accounts {
	return &accounts{e: e, teams: map[email.ID]teamAccounts{}, opened: map[email.ID]*opened{}, changes: map[email.ID]int{}}
}

// list returns a team's accounts, oldest first.
func (x *accounts) list(ctx context.Context, team email.ID) ([]*account, error) {
	t, err := x.team(ctx, team)
	return t.list, err
}

// pools returns a team's pools, oldest first.
func (x *accounts) pools(ctx context.Context, team email.ID) ([]*store.Pool, error) {
	t, err := x.team(ctx, team)
	return t.pools, err
}

func (x *accounts) team(ctx context.Context, team email.ID) (teamAccounts, error) {
	if t, fresh, _ := x.known(team); fresh {
		return t, nil
	}
	x.reading.Lock()
	defer x.reading.Unlock()
	for {
		t, fresh, changes := x.known(team)
		if fresh {
			return t, nil
		}
		now := x.e.cfg.Now()
		t, current, err := x.read(ctx, team, changes)
		if err != nil {
			return teamAccounts{}, err
		}
		if t.at = now; current && x.keep(team, t, changes) {
			return t, nil
		}
	}
}

// known is what was read of a team last, whether that is fresh enough, and how often
// its rows were changed by now.
func (x *accounts) known(team email.ID) (t teamAccounts, fresh bool, changes int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	t = x.teams[team]
	return t, t.list != nil && x.e.cfg.Now().Sub(t.at).Abs() < accountsFresh, x.changes[team]
}

// read reads a team's rows; they are current unless some were changed meanwhile.
func (x *accounts) read(ctx context.Context, team email.ID, changes int) (t teamAccounts, current bool, err error) {
	rows, err := x.e.cfg.Store.Accounts(ctx, team)
	if err != nil {
		return t, false, err
	}
	pools, err := x.e.cfg.Store.Pools(ctx, team)
	if err != nil {
		return t, false, err
	}
	pauses, err := x.e.cfg.Store.Pauses(ctx, team)
	if err != nil {
		return t, false, err
	}
	learned, err := x.e.cfg.Store.Learned(ctx, x.e.clock.believed())
	if err != nil {
		return t, false, err
	}
	list, current := x.join(team, rows, pauses, learned, changes)
	if !current {
		return t, false, nil
	}
	t = teamAccounts{list: list, pools: pools, still: map[email.ID]bool{}}
	for _, p := range pools {
		t.still[p.ID] = paused(pauses, p.ID)
	}
	return t, true, x.e.days(ctx, pools, list)
}

// keep keeps what was read, unless it is older than a change.
func (x *accounts) keep(team email.ID, t teamAccounts, changes int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.changes[team] != changes {
		return false
	}
	x.teams[team] = t
	return true
}

// join opens what rows stand for. Rows that are older than a change would close the
// provider of an account that was added since.
func (x *accounts) join(team email.ID, rows []*store.Account, pauses []store.Pause, learned []store.Learned, changes int) (all []*account, current bool) {
	now := x.e.clock.believed()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.changes[team] != changes {
		return nil, false
	}
	list := make([]*account, 0, len(rows))
	for _, row := range rows {
		a := x.account(row)
		x.teach(a, learned, now)
		a.paused = paused(pauses, row.ID)
		list = append(list, a)
	}
	if len(x.opened) > len(rows) {
		x.closeOthers(team, rows)
	}
	return list, true
}

// closeOthers closes the providers of a team's accounts that are not there any more.
func (x *accounts) closeOthers(team email.ID, rows []*store.Account) {
	there := make(map[email.ID]bool, len(rows))
	for _, row := range rows {
		there[row.ID] = true
	}
	for id, o := range x.opened {
		if o.row.Team == team && !there[id] {
			o.close()
			delete(x.opened, id)
		}
	}
}

// get returns one account.
func (x *accounts) get(ctx context.Context, team, id email.ID) (*account, error) {
	list, err := x.list(ctx, team)
	if err != nil {
		return nil, err
	}
	a := named(list, id)
	if a == nil {
		if list, err = x.again(ctx, team, list); err != nil {
			return nil, err
		}
		a = named(list, id)
	}
	if a == nil {
		return nil, fmt.Errorf("account %s: %w", id, store.ErrNotFound)
	}
	return a, nil
}

// again reads a team's accounts once more where one was not found: another node
// may have connected it a moment ago. This node's own changes are known.
func (x *accounts) again(ctx context.Context, team email.ID, list []*account) ([]*account, error) {
	if !x.e.spread() {
		return list, nil
	}
	x.mu.Lock()
	delete(x.teams, team) // no change of ours: reads under way are as good as before
	x.mu.Unlock()
	return x.list(ctx, team)
}

// forget makes the next use read the rows again.
func (x *accounts) forget(team, _ email.ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.teams, team)
	x.changes[team]++
}

// account joins a row with its kind and its provider, which is opened anew only
// when what it depends on has changed.
func (x *accounts) account(row *store.Account) *account {
	a := &account{row: row, kind: x.e.kinds[row.Transport]}
	a.address, _ = email.ParseAddress(row.Address)
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
	a.opened = old
	return a
}

func sameProvider(a, b *store.Account) bool {
	return a.Transport == b.Transport && a.Credential == b.Credential && a.Address == b.Address && bytes.Equal(a.Config, b.Config)
}

func (x *accounts) open(row *store.Account, kind provider.Kind) *opened {
	if kind.Open == nil {
		return &opened{row: row, err: fmt.Errorf("this gatepost has no transport %q", row.Transport)}
	}
	p, err := kind.Open(provider.Account{ID: row.ID, Address: row.Address, Config: row.Config}, x.deps(row))
	o := &opened{row: row, provider: p, err: err}
	o.setLimits(x.limitsOf(row, kind))
	return o
}

func (o *opened) setLimits(limits []store.Limit, known bool) {
	o.known, o.limits, o.unsure = limits, limits, !known
}

// teach lowers an account's limits to what was learned of them.
func (x *accounts) teach(a *account, learned []store.Learned, now time.Time) {
	limits := taught(a.row.ID, a.opened.known, learned, now)
	if slices.Equal(limits, a.opened.limits) {
		return
	}
	changed := *a.opened
	changed.limits = limits
	a.opened, x.opened[a.row.ID] = &changed, &changed
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
		Password: func(ctx context.Context) (email.Secret, error) {
			_, secret, err := cfg.Vault.Secret(ctx, row.Team, row.Credential)
			return secret, err
		},
	}
}

func (o *opened) close() {
	if c, ok := o.provider.(provider.Closer); ok {
		_ = c.Close()
	}
}

// close closes all providers.
func (x *accounts) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, o := range x.opened {
		o.close()
	}
	clear(x.opened)
	clear(x.teams)
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
	err = a.opened.provider.Check(ctx)
	var p *provider.Error
	if errors.As(err, &p) {
		return p
	}
	return err
}
