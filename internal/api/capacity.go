package api

import (
	"net/http"

	"gatepost/client"
	"gatepost/internal/queue"
)

// listCapacity tells what the accounts and the pools can still send.
func (s *server) listCapacity(c *call) error {
	all, pools, err := s.Engine.Capacities(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	list := client.CapacityList{Data: make([]client.Capacity, len(all)), Pools: make([]client.PoolCapacity, len(pools))}
	for i, a := range all {
		list.Data[i] = capacityOf(a)
	}
	for i, p := range pools {
		list.Pools[i] = client.PoolCapacity{Pool: p.ID, Name: p.Name, Now: p.Now, Urgent: p.Urgent, Today: p.Today, NextAt: timeAt(p.NextAt), Accounts: p.Accounts}
	}
	return c.answer(http.StatusOK, list)
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
