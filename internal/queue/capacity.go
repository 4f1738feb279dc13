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
	Status    string    // active, parked, resting, paused or held
	Until     time.Time // parked or resting until
	// Now and Today are messages with one recipient, of the normal lane: what all
	// limits, and their even pace, let go at once, and what is left of those of a day.
	// Urgent is Now for the urgent lane. Nil: no limit of that kind is known.
	Now, Urgent, Today *int64
	NextAt             time.Time // when more may leave than Now; zero: Now is as much as may at once, or nobody knows
	Limits             []CapacityLimit
}

// CapacityLimit is a limit and how it stands.
type CapacityLimit struct {
	Name, Scope, Unit, Source string
	Window                    time.Duration
	Max, Used, Left           int64
	Reserved                  int64     // of what is left, for urgent mail alone
	FreesAt                   time.Time // when a part of what is used is free again; zero: nothing is, or what is under way
	FullAt                    time.Time // when all of it is
	// Usual is what Max is again after LearnedUntil, which is set while a refusal has
	// lowered it; 0: only the refusal tells of the limit.
	Usual        int64
	LearnedUntil time.Time
}

// Capacities tells what each account, and each pool, can still send, and when it is
// free again.
func (e *Engine) Capacities(ctx context.Context, g access.Grant) ([]Capacity, []PoolCapacity, error) {
	if !g.May(access.ScopeAccountsRead) {
		return nil, nil, ErrForbidden
	}
	t, err := e.accounts.team(ctx, g.Team)
	if err != nil {
		return nil, nil, err
	}
	now := e.cfg.Now()
	accounts, measures := make([]Capacity, 0, len(t.list)), make(map[email.ID]measured, len(t.list))
	for _, a := range t.list {
		standings, err := e.cfg.Store.Standings(ctx, e.paces.credit(a.opened.limits), e.clock.believed())
		if err != nil {
			return nil, nil, err
		}
		c := e.capacityOf(a, standings, now)
		accounts, measures[a.row.ID] = append(accounts, c), measured{c, standings}
	}
	pools := make([]PoolCapacity, 0, len(t.pools))
	for _, p := range t.pools {
		pools = append(pools, poolCapacity(p, measures, t.still[p.ID]))
	}
	return accounts, pools, nil
}

func (e *Engine) capacityOf(a *account, standings []store.Standing, now time.Time) Capacity {
	c := Capacity{ID: a.row.ID, Address: a.row.Address, Transport: a.row.Transport, Status: "active"}
	for _, s := range standings {
		l := capacityLimit(&s)
		c.Limits = append(c.Limits, l)
		c.Now, c.Urgent = least(c.Now, atOnce(&s)/s.Cost), least(c.Urgent, l.Left/s.Cost)
		if s.Window >= provider.Day {
			c.Today = least(c.Today, max(0, l.Left-l.Reserved)/s.Cost)
		}
	}
	known := true
	switch {
	case a.row.Held:
		c.Status, known = "held", false
	case a.paused:
		c.Status, known = "paused", false
	case a.row.ParkedUntil.After(now):
		c.Status, c.Until = "parked", a.row.ParkedUntil
	case a.row.RestingUntil.After(now):
		c.Status, c.Until = "resting", a.row.RestingUntil
	}
	if c.Status != "active" {
		c.Now, c.Urgent = least(c.Now, 0), least(c.Urgent, 0)
	}
	if known {
		c.NextAt = e.moreAt(&c, standings, now)
	}
	return c
}

// atOnce is how much of a limit normal mail may use now: what is left of the window,
// and of it what the pace lets go. The last message of a pace may go beyond it.
func atOnce(s *store.Standing) int64 {
	left := max(0, s.Open(email.Normal)-s.Used)
	if !s.Full {
		left = max(left, s.Cost)
	}
	if s.Paced {
		left = min(left, (max(0, s.Credit)+s.Cost-1)/s.Cost*s.Cost)
	}
	return left
}

// moreAt is when one more message may leave than may now; zero: never at once, or
// nobody knows.
func (e *Engine) moreAt(c *Capacity, standings []store.Standing, now time.Time) time.Time {
	at := c.Until
	for i := range standings {
		s, soFar := &standings[i], *c.Now*standings[i].Cost
		if soFar > 0 && soFar+s.Cost > s.Open(email.Normal) {
			return time.Time{}
		}
		fits, known := s.FitsAt(soFar + s.Cost)
		wait, ever := e.paces.after(&s.Limit, soFar)
		if !known || !ever {
			return time.Time{}
		}
		if at = latest(at, fits); wait > 0 {
			at = latest(at, now.Add(wait))
		}
	}
	return at
}

// after is how long until something may begin when n have begun now; never: they are
// more than may begin at once.
func (p *paces) after(l *store.Limit, n int64) (wait time.Duration, ever bool) {
	if !l.Paced {
		return 0, true
	}
	now, takes, most := p.elapsed(), time.Duration(n)*step(l), l.Window/burst
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.until[l.Key]-now, 0) + takes - most, takes <= most
}

func capacityLimit(s *store.Standing) CapacityLimit {
	l := CapacityLimit{
		Name: s.Name, Scope: s.Scope, Unit: s.Unit, Source: s.Source, Window: s.Window, Max: s.Max, Used: s.Used,
		Left: max(0, s.Max-s.Used), FreesAt: s.FreesAt, FullAt: s.FullAt, Usual: s.Usual, LearnedUntil: s.LearnedUntil,
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
