package queue

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// The rows of a team's accounts are trusted for twenty times as long as they took to be
// read, so that with thousands of accounts reading them takes a twentieth of the time at
// most: a second with few of them, ten at the most. What another node has changed is seen
// as late as that; what this one has, at once. A claim asks the row itself whether the
// account is held or parked.
const (
	accountsFresh = time.Second
	accountsStale = 10 * time.Second
)

func trustedFor(took time.Duration) time.Duration {
	return max(accountsFresh, min(20*took, accountsStale))
}

// mostAlone is how many accounts are read one by one; with more of them all are read.
const mostAlone = 100

// accounts knows the accounts of each team and keeps their providers open.
type accounts struct {
	e      *Engine
	mu     sync.Mutex
	teams  map[email.ID]teamAccounts
	opened map[email.ID]*opened // changed by whoever reads
	// changes counts what was changed, and changed has when each account was last of
	// which the change has not been read; everythingOf stands for all rows. A read is for
	// what was changed before it began: what comes later stays to be read.
	changes int
	changed map[email.ID]map[email.ID]int
	missed  map[email.ID]miss // the last read of all for a name that was not known
	// reading lets one read at a time: of two side by side the one that ends later may
	// have begun earlier, and would close what the other has found.
	reading sync.Mutex
}

// everythingOf stands among changed accounts for all that is known of the team.
const everythingOf = ""

func newAccounts(e *Engine) *accounts {
	return &accounts{e: e, teams: map[email.ID]teamAccounts{}, opened: map[email.ID]*opened{}, changed: map[email.ID]map[email.ID]int{}, missed: map[email.ID]miss{}}
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

// team returns what is known of a team, with all that was changed before the call.
func (x *accounts) team(ctx context.Context, team email.ID) (teamAccounts, error) {
	if k := x.known(team); k.current() {
		return k.teamAccounts, nil
	}
	x.reading.Lock()
	defer x.reading.Unlock()
	k := x.known(team)
	if k.current() {
		return k.teamAccounts, nil
	}
	read := x.readSome
	if k.old || len(k.changed) > mostAlone {
		read = x.readAll
	}
	t, err := read(ctx, team, k)
	if err == nil {
		x.keep(team, t, k.changes)
	}
	return t, err
}

// known is what was read of a team last, and what is to be read again by now.
type known struct {
	teamAccounts
	old     bool // all of it is
	changed []email.ID
	changes int
}

func (k *known) current() bool { return !k.old && len(k.changed) == 0 }

func (x *accounts) known(team email.ID) known {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := known{teamAccounts: x.teams[team], changes: x.changes, changed: slices.Sorted(maps.Keys(x.changed[team]))}
	k.old = k.list == nil || x.e.cfg.Now().Sub(k.at).Abs() >= k.trusted || slices.Contains(k.changed, everythingOf)
	return k
}

// keep keeps what was read. What was changed since that began is still to be read.
func (x *accounts) keep(team email.ID, t teamAccounts, changes int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.teams[team] = t
	maps.DeleteFunc(x.changed[team], func(_ email.ID, change int) bool { return change <= changes })
}

// forget makes the next use read an account's row again, and a pool's pauses; all rows
// where none is named.
func (x *accounts) forget(team, account email.ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.changed[team] == nil {
		x.changed[team] = map[email.ID]int{}
	}
	x.changes++
	x.changed[team][account] = x.changes
}

// get returns one account.
func (x *accounts) get(ctx context.Context, team, id email.ID) (*account, error) {
	t, err := x.team(ctx, team)
	if err != nil {
		return nil, err
	}
	a := t.named(id)
	if a == nil {
		if t, err = x.again(ctx, team, id, t); err != nil {
			return nil, err
		}
		a = t.named(id)
	}
	if a == nil {
		return nil, fmt.Errorf("account %s: %w", id, store.ErrNotFound)
	}
	return a, nil
}

// again reads once more where an account was not found, by its id or otherwise: another
// node may have connected it a moment ago. This node's own changes are known.
func (x *accounts) again(ctx context.Context, team email.ID, name string, t teamAccounts) (teamAccounts, error) {
	if !x.e.spread() {
		return t, nil
	}
	if !strings.HasPrefix(name, email.PrefixAccount+"_") {
		if !x.mayReadAll(team) {
			return t, nil
		}
		name = everythingOf
	}
	began := x.e.cfg.Elapsed()
	x.forget(team, name)
	again, err := x.team(ctx, team)
	if name == everythingOf {
		x.mu.Lock()
		x.missed[team] = miss{at: x.e.cfg.Elapsed(), took: x.e.cfg.Elapsed() - began}
		x.mu.Unlock()
	}
	return again, err
}

// miss is a whole read because a name was not known.
type miss struct{ at, took time.Duration }

// mayReadAll lets names that are not known cost a twentieth of the time: a client that
// goes on asking for one must not slow the others.
func (x *accounts) mayReadAll(team email.ID) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	last, ok := x.missed[team]
	return !ok || x.e.cfg.Elapsed()-last.at >= 20*last.took
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
