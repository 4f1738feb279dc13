package api

import (
	"net/http"

	"gatepost/client"
	"gatepost/internal/control"
)

// createPool makes a pool.
func (s *server) createPool(c *call) error {
	b, problems, err := decodeBody(c, s.pools, nil)
	if err != nil {
		return err
	}
	made, err := s.Control.CreatePool(c.r.Context(), c.grant, control.NewPool{
		Name: b.Name, Strategy: b.Strategy, StickyBy: b.StickyBy, Members: membersOf(b.Members), OnlyCheck: len(problems) > 0,
	})
	if err := alsoWrong(problems, err); err != nil {
		return err
	}
	c.w.Header().Set("Location", "/v1/pools/"+made.ID)
	return c.poolAnswer(http.StatusCreated, made)
}

func membersOf(list []client.PoolMember) []control.PoolMember {
	out := make([]control.PoolMember, len(list))
	for i, m := range list {
		out[i] = control.PoolMember(m)
	}
	return out
}

func poolOf(p control.Pool) client.Pool {
	out := client.Pool{
		ID: p.ID, Name: p.Name, Strategy: p.Strategy, StickyBy: p.StickyBy, Members: make([]client.PoolMember, len(p.Members)),
		CreatedAt: timeOf(p.CreatedAt), UpdatedAt: timeOf(p.UpdatedAt),
	}
	for i, m := range p.Members {
		out.Members[i] = client.PoolMember(m)
	}
	return out
}

// poolAnswer shows a pool with what people have paused of it.
func (c *call) poolAnswer(status int, p control.Pool) error {
	paused, err := c.s.Control.Pauses(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	out := poolOf(p)
	out.PausedLanes, _ = pausedLanes(paused, p.ID)
	return c.answer(status, out)
}

// listPools shows all pools.
func (s *server) listPools(c *call) error {
	all, err := s.Control.Pools(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	paused, err := s.Control.Pauses(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	out := client.PoolList{Data: make([]client.Pool, len(all))}
	for i, p := range all {
		out.Data[i] = poolOf(p)
		out.Data[i].PausedLanes, _ = pausedLanes(paused, p.ID)
	}
	return c.answer(http.StatusOK, out)
}

// showPool shows one pool.
func (s *server) showPool(c *call) error {
	p, err := s.Control.Pool(c.r.Context(), c.grant, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.poolAnswer(http.StatusOK, p)
}

// updatePool changes what is given of a pool.
func (s *server) updatePool(c *call) error {
	b, problems, err := decodeBody(c, s.poolChanges, nil)
	if err != nil {
		return err
	}
	change := control.ChangePool{Name: b.Name, Strategy: b.Strategy, StickyBy: b.StickyBy, OnlyCheck: len(problems) > 0}
	if b.Members != nil {
		members := membersOf(*b.Members)
		change.Members = &members
	}
	p, err := s.Control.UpdatePool(c.r.Context(), c.grant, c.r.PathValue("id"), change)
	if err := alsoWrong(problems, err); err != nil {
		return err
	}
	return c.poolAnswer(http.StatusOK, p)
}

// deletePool removes a pool.
func (s *server) deletePool(c *call) error {
	if err := s.Control.DeletePool(c.r.Context(), c.grant, c.r.PathValue("id")); err != nil {
		return err
	}
	return c.done()
}
