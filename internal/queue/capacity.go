package queue

import (
	"context"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// Capacity is what an account can still send.
type Capacity struct {
	ID        email.ID
	Address   string
	Transport string
	Status    string    // active, parked or held
	Until     time.Time // parked until
	// Now and Today are messages with one recipient, of the normal lane: what all
	// limits let go at once, and what is left of those of a day. Nil: no limit of that
	// kind is known.
	Now, Today *int64
	Limits     []CapacityLimit
}

// CapacityLimit is a limit and how it stands.
type CapacityLimit struct {
	Name, Scope, Unit, Source string
	Window                    time.Duration
	Max, Used, Left           int64
	Reserved                  int64     // of what is left, for urgent mail alone
	FreesAt                   time.Time // when a part of what is used is free again; zero: nothing is, or what is under way
	FullAt                    time.Time // when all of it is
}

// Capacities tells what each account can still send, and when it is free again.
func (e *Engine) Capacities(ctx context.Context, g access.Grant) ([]Capacity, error) {
	if !g.May(access.ScopeAccountsRead) {
		return nil, ErrForbidden
	}
	list, err := e.accounts.list(ctx, g.Team)
	if err != nil {
		return nil, err
	}
	out := make([]Capacity, 0, len(list))
	for _, a := range list {
		standings, err := e.cfg.Store.Standings(ctx, a.opened.limits, e.clock.believed())
		if err != nil {
			return nil, err
		}
		out = append(out, capacityOf(a, standings, e.cfg.Now()))
	}
	return out, nil
}

func capacityOf(a *account, standings []store.Standing, now time.Time) Capacity {
	c := Capacity{ID: a.row.ID, Address: a.row.Address, Transport: a.row.Transport, Status: "active"}
	for _, s := range standings {
		l := capacityLimit(&s)
		c.Limits = append(c.Limits, l)
		messages := max(0, l.Left-l.Reserved) / s.Cost
		c.Now = least(c.Now, messages)
		if s.Window >= provider.Day {
			c.Today = least(c.Today, messages)
		}
	}
	switch {
	case a.row.Held:
		c.Status, c.Now = "held", least(c.Now, 0)
	case a.row.ParkedUntil.After(now):
		c.Status, c.Until, c.Now = "parked", a.row.ParkedUntil, least(c.Now, 0)
	}
	return c
}

func capacityLimit(s *store.Standing) CapacityLimit {
	l := CapacityLimit{
		Name: s.Name, Scope: s.Scope, Unit: s.Unit, Source: s.Source, Window: s.Window, Max: s.Max, Used: s.Used,
		Left: max(0, s.Max-s.Used), FreesAt: s.FreesAt, FullAt: s.FullAt,
	}
	l.Reserved = min(l.Left, s.Max-s.Open(email.Normal))
	return l
}

func least(have *int64, n int64) *int64 {
	if have == nil || n < *have {
		return &n
	}
	return have
}
