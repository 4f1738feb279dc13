package queue

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// mostRoutes is how many routes of pools one claim goes through: those with urgent
// mail first, then those that have waited longest.
const mostRoutes = 64

// poolRoutes are the routes of pools that lead to an account now and have something
// due.
func (e *Engine) poolRoutes(ctx context.Context, team, account email.ID) ([]string, error) {
	known, err := e.accounts.team(ctx, team)
	if err != nil {
		return nil, err
	}
	var found []store.Due
	for _, p := range known.pools {
		if !p.Has(account) || known.still[p.ID] {
			continue
		}
		dues, err := e.duesFor(ctx, p, account)
		if err != nil {
			return nil, err
		}
		found = append(found, dues...)
	}
	now := e.cfg.Now()
	urgent := func(d store.Due) bool { return !d.Urgent.IsZero() && !d.Urgent.After(now) }
	slices.SortStableFunc(found, func(a, b store.Due) int {
		if urgent(a) != urgent(b) {
			if urgent(a) {
				return -1
			}
			return 1
		}
		return a.Send.Compare(b.Send)
	})
	var out []string
	for _, d := range found[:min(len(found), mostRoutes)] {
		out = append(out, d.Route)
	}
	return out, nil
}

// duesFor are the routes of one pool that lead to an account.
func (e *Engine) duesFor(ctx context.Context, p *store.Pool, account email.ID) ([]store.Due, error) {
	dues, err := e.poolDues(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	all, err := e.accounts.list(ctx, p.Team)
	if err != nil {
		return nil, err
	}
	now := e.cfg.Now()
	return slices.DeleteFunc(slices.Clone(dues), func(d store.Due) bool {
		r, ok := readRoute(d.Route)
		return !ok || d.Send.IsZero() || d.Send.After(now) || !chooseAmong(p, r, d.Recipients, all, now).has(account)
	}), nil
}

// Beside a transaction that is open for minutes, PostgreSQL takes long to tell what waits
// for a pool, and each claim of each member asks: then an answer serves for twenty times as
// long as it took, a second at most.
const (
	duesQuick = 5 * time.Millisecond
	duesShare = 20
	duesMost  = time.Second
)

// pooled keeps what waits for pools, where it took long to find out.
type pooled struct {
	mu   sync.Mutex
	kept map[email.ID]keptDues
}

type keptDues struct {
	dues  []store.Due
	until time.Duration
}

func (e *Engine) poolDues(ctx context.Context, pool email.ID) ([]store.Due, error) {
	began := e.cfg.Elapsed()
	e.pooled.mu.Lock()
	kept, ok := e.pooled.kept[pool]
	e.pooled.mu.Unlock()
	if ok && began < kept.until {
		return kept.dues, nil
	}
	dues, err := e.cfg.Store.PoolDues(ctx, pool)
	if now := e.cfg.Elapsed(); err == nil && now-began > duesQuick {
		e.pooled.mu.Lock()
		e.pooled.kept[pool] = keptDues{dues, now + min(duesShare*(now-began), duesMost)}
		e.pooled.mu.Unlock()
	}
	return dues, err
}

// chooseAmong chooses by the accounts as they are, for messages of up to so many
// recipients.
func chooseAmong(p *store.Pool, r poolRoute, recipients int, all []*account, now time.Time) choice {
	known := make(map[email.ID]standing, len(p.Members))
	for _, m := range p.Members {
		if a := withID(all, m.Account); a != nil {
			known[m.Account] = a.standing(r, recipients, now)
		}
	}
	return choose(p, r, func(id email.ID) standing { return known[id] })
}

// standing tells what an account can do for a route now, on which the next message has
// so many recipients.
func (a *account) standing(r poolRoute, recipients int, now time.Time) standing {
	s := standing{may: a.mayServe(r)}
	s.trial = a.row.Rests > 0 || a.day.scant || int64(recipients) > a.day.left || a.halted
	switch row := a.row; {
	case row.Held:
		s.down = downHeld
	case a.paused:
		s.down = downPaused
	case a.day.full:
		s.down, s.until = downLimit, a.day.frees
	case row.ParkedUntil.After(now):
		s.down, s.until = downParked, row.ParkedUntil
	case row.RestingUntil.After(now):
		s.down, s.until = downResting, row.RestingUntil
	}
	return s
}

// choice is who may take mail of a route now, and the pool; nil when it has been
// removed.
func (e *Engine) choice(ctx context.Context, team email.ID, route string, recipients int) (*store.Pool, choice, error) {
	r, ok := readRoute(route)
	pools, err := e.accounts.pools(ctx, team)
	i := slices.IndexFunc(pools, func(p *store.Pool) bool { return p.ID == r.pool })
	if !ok || err != nil || i < 0 {
		return nil, choice{}, err
	}
	all, err := e.accounts.list(ctx, team)
	return pools[i], chooseAmong(pools[i], r, recipients, all, e.cfg.Now()), err
}

// lead wakes whoever may send what waits on a route: the accounts of this node, and
// where others are to be told those of other nodes. For a pool it takes how many
// recipients the next message has, 0 where that is not known.
func (s *scheduler) lead(ctx context.Context, team email.ID, route string, recipients int, tell bool) {
	accounts := []email.ID{route}
	if store.PoolOf(route) != "" {
		_, c, err := s.e.choice(ctx, team, route, recipients)
		if err != nil && ctx.Err() == nil {
			s.e.cfg.Log.Error("a pool could not be read and is tried again", "pool", store.PoolOf(route), "err", err)
		}
		accounts = c.members
	}
	for _, account := range accounts {
		if s.e.owns(account) {
			s.dispatch(ctx, team, account)
		} else if tell {
			s.e.passOn(team, account)
		}
	}
}

// daily is how an account stands with its limits of a day.
type daily struct {
	scant bool  // what is left is for urgent mail alone
	left  int64 // how many recipients a message of the normal lane may have
	full  bool
	frees time.Time
}

// days reads how the members of pools stand with their limits of a day.
func (e *Engine) days(ctx context.Context, pools []*store.Pool, list []*account) error {
	for _, a := range list {
		if !slices.ContainsFunc(pools, func(p *store.Pool) bool { return p.Has(a.row.ID) }) {
			continue
		}
		standings, err := e.cfg.Store.Standings(ctx, ofDays(a.opened.limits), e.clock.believed())
		if err != nil {
			return err
		}
		a.day.left = math.MaxInt64
		for _, s := range standings {
			if s.Recipients && s.Cost > 0 {
				a.day.left = min(a.day.left, (s.Open(email.Normal)-s.Used)/s.Cost)
			}
			if s.Used+s.Cost > s.Max {
				a.day.full, a.day.frees = true, latest(a.day.frees, s.FreesAt)
			}
			a.day.scant = a.day.scant || s.Used+s.Cost > s.Open(email.Normal)
		}
	}
	return nil
}

func ofDays(limits []store.Limit) (out []store.Limit) {
	for _, l := range limits {
		if l.Window >= provider.Day {
			out = append(out, l)
		}
	}
	return out
}
