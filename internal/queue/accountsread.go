package queue

import (
	"context"
	"errors"
	"slices"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// readAll reads all that is known of a team.
func (x *accounts) readAll(ctx context.Context, team email.ID, _ known) (teamAccounts, error) {
	now, began := x.e.cfg.Now(), x.e.cfg.Elapsed()
	rows, err := x.e.cfg.Store.Accounts(ctx, team)
	if err != nil {
		return teamAccounts{}, err
	}
	pools, err := x.e.cfg.Store.Pools(ctx, team)
	if err != nil {
		return teamAccounts{}, err
	}
	pauses, learned, err := x.beside(ctx, team)
	if err != nil {
		return teamAccounts{}, err
	}
	list := x.join(rows, pauses, learned)
	x.closeOthers(team, rows)
	if err := x.e.days(ctx, pools, list); err != nil {
		return teamAccounts{}, err
	}
	t := teamOf(list, pools, pauses, learned)
	t.at, t.trusted = now, trustedFor(x.e.cfg.Elapsed()-began)
	return t, nil
}

// readSome reads the accounts again that were changed. Others hold what is known: the
// list that they are put into is a new one.
func (x *accounts) readSome(ctx context.Context, team email.ID, k known) (teamAccounts, error) {
	var rows []*store.Account
	for _, id := range k.changed {
		row, err := x.e.cfg.Store.Account(ctx, team, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return teamAccounts{}, err
		}
		rows = append(rows, row)
	}
	pauses, learned, err := x.beside(ctx, team)
	if err != nil {
		return teamAccounts{}, err
	}
	some := x.join(rows, pauses, learned)
	if err := x.e.days(ctx, k.pools, some); err != nil {
		return teamAccounts{}, err
	}
	list := slices.Clone(k.list)
	for _, id := range k.changed {
		i, end := place(list, id)
		now, nowEnd := place(some, id)
		list = slices.Replace(list, i, end, some[now:nowEnd]...)
		if now == nowEnd {
			x.closeOne(team, id)
		}
	}
	if !slices.Equal(learned, k.learned) {
		x.teachAll(list, learned)
	}
	t := teamOf(list, k.pools, pauses, learned)
	t.at, t.trusted = k.at, k.trusted
	return t, nil
}

// beside reads what is known of accounts beside their rows.
func (x *accounts) beside(ctx context.Context, team email.ID) ([]store.Pause, []store.Learned, error) {
	pauses, err := x.e.cfg.Store.Pauses(ctx, team)
	if err != nil {
		return nil, nil, err
	}
	learned, err := x.e.cfg.Store.Learned(ctx, x.e.clock.believed())
	return pauses, learned, err
}

// join opens what rows stand for.
func (x *accounts) join(rows []*store.Account, pauses []store.Pause, learned []store.Learned) []*account {
	now := x.e.clock.believed()
	x.mu.Lock()
	defer x.mu.Unlock()
	list := make([]*account, 0, len(rows))
	for _, row := range rows {
		a := x.account(row)
		a.opened = x.teach(a.opened, learned, now)
		a.paused = paused(pauses, row.ID)
		a.halted = slices.ContainsFunc(pauses, func(p store.Pause) bool { return p.Account == row.ID })
		list = append(list, a)
	}
	return list
}

// teachAll tells accounts what was learned of limits that they may share with another.
func (x *accounts) teachAll(list []*account, learned []store.Learned) {
	now := x.e.clock.believed()
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, a := range list {
		if o := x.teach(a.opened, learned, now); o != a.opened {
			changed := *a
			changed.opened, list[i] = o, &changed
		}
	}
}

// closeOthers closes the providers of a team's accounts that are not there any more.
func (x *accounts) closeOthers(team email.ID, rows []*store.Account) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.opened) <= len(rows) {
		return
	}
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

// closeOne closes the provider of an account that is not there any more.
func (x *accounts) closeOne(team, id email.ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if o := x.opened[id]; o != nil && o.row.Team == team {
		o.close()
		delete(x.opened, id)
	}
}
