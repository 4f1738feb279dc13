package api

import (
	"errors"
	"net/http"
	"slices"

	"gatepost/client"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// listCapacity tells what the accounts and the pools can still send: all of them, or
// those that are asked for.
func (s *server) listCapacity(c *call) error {
	account, pool, err := c.capacityAsked()
	if err != nil {
		return err
	}
	all, pools, err := s.Engine.Capacities(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	all, pools = narrowed(all, pools, account, pool)
	list := client.CapacityList{Data: make([]client.Capacity, len(all)), Pools: make([]client.PoolCapacity, len(pools))}
	for i, a := range all {
		list.Data[i] = capacityOf(a)
	}
	for i, p := range pools {
		list.Pools[i] = client.PoolCapacity{Pool: p.ID, Name: p.Name, Now: p.Now, Urgent: p.Urgent, Today: p.Today, NextAt: timeAt(p.NextAt), Accounts: p.Accounts}
	}
	return c.answer(http.StatusOK, list)
}

// capacityAsked is the id of the account and of the pool in the query; empty: any.
func (c *call) capacityAsked() (account, pool string, err error) {
	one, wrong, err := c.only("account", "pool")
	if err != nil {
		return "", "", err
	}
	wrong.empty(c.r.URL.Query())
	if account, err = c.ofKind("account", one["account"], email.PrefixAccount, &wrong); err != nil {
		return "", "", err
	}
	if pool, err = c.ofKind("pool", one["pool"], email.PrefixPool, &wrong); err != nil {
		return "", "", err
	}
	return account, pool, invalid(wrong)
}

// ofKind is the id of an account, or of a pool, that is named in a field.
func (c *call) ofKind(field, name, prefix string, wrong *wrongFields) (string, error) {
	if name == "" {
		return "", nil
	}
	id, err := c.s.Engine.Named(c.r.Context(), c.grant.Team, name)
	switch {
	case err != nil && !errors.Is(err, queue.ErrNotFound):
		return "", err
	case err == nil && isID(prefix, id) == nil:
		return id, nil
	case prefix == email.PrefixPool:
		wrong.add(field, "not the id or name of a pool: GET /v1/pools lists them")
	default:
		wrong.add(field, "not the id or address of an account: GET /v1/accounts lists them")
	}
	return "", nil
}

// narrowed leaves an account with the pools that it is in, a pool with the accounts
// that are in it, and of both what is about both.
func narrowed(all []queue.Capacity, pools []queue.PoolCapacity, account, pool string) ([]queue.Capacity, []queue.PoolCapacity) {
	pools = slices.DeleteFunc(pools, func(p queue.PoolCapacity) bool {
		return pool != "" && p.ID != pool || account != "" && !slices.Contains(p.Accounts, account)
	})
	return slices.DeleteFunc(all, func(a queue.Capacity) bool {
		member := slices.ContainsFunc(pools, func(p queue.PoolCapacity) bool { return slices.Contains(p.Accounts, a.ID) })
		return account != "" && a.ID != account || pool != "" && !member
	}), pools
}

func capacityOf(a queue.Capacity) client.Capacity {
	out := client.Capacity{
		Account: a.ID, Address: a.Address, Transport: a.Transport, Status: a.Status, ParkedUntil: timeAt(a.Until), Now: a.Now, Urgent: a.Urgent, Today: a.Today,
		NextAt: timeAt(a.NextAt),
		Limits: make([]client.CapacityLimit, len(a.Limits)),
	}
	for i, l := range a.Limits {
		out.Limits[i] = client.CapacityLimit{
			Name: l.Name, Scope: l.Scope, Unit: l.Unit, Window: l.Window.Seconds(), Max: l.Max, Used: l.Used, Left: l.Left, Reserved: l.Reserved,
			FreesAt: timeAt(l.FreesAt), FullAt: timeAt(l.FullAt), Source: l.Source, LearnedUntil: timeAt(l.LearnedUntil),
		}
		if !l.LearnedUntil.IsZero() && l.Usual > 0 {
			out.Limits[i].Usual = &l.Usual
		}
	}
	return out
}
