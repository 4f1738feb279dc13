package control

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/queue"
	"gatepost/internal/store"
)

// Pool is accounts that may send for the same mail, as people see it.
type Pool struct {
	ID        email.ID
	Name      string
	Strategy  string // one of queue.Strategies
	StickyBy  string // of the strategy sticky: recipient or thread
	Members   []PoolMember
	CreatedAt time.Time
	UpdatedAt time.Time
}

// PoolMember is an account's part in a pool.
type PoolMember struct {
	Account email.ID // in what is asked for also its address
	Weight  int      // 1 to 1000; 0: 1
	Domains []string // mail to these goes to this member first
}

func poolOf(p *store.Pool) Pool {
	out := Pool{ID: p.ID, Name: p.Name, Strategy: p.Strategy, StickyBy: p.StickyBy, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt}
	for _, m := range p.Members {
		out.Members = append(out.Members, PoolMember(m))
	}
	return out
}

// NewPool is a pool to be made.
type NewPool struct {
	Name     string
	Strategy string // empty: headroom
	StickyBy string // empty: recipient
	Members  []PoolMember
	// OnlyCheck tells what is wrong, as *Invalid, and changes nothing.
	OnlyCheck bool
}

// ChangePool is what is to be changed of a pool; the rest stays.
type ChangePool struct {
	Name      *string
	Strategy  *string
	StickyBy  *string
	Members   *[]PoolMember // replaces them
	OnlyCheck bool
}

// CreatePool makes a pool. Messages may name it at once.
func (c *Control) CreatePool(ctx context.Context, g access.Grant, n NewPool) (Pool, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Pool{}, err
	}
	p, err := c.checkPool(ctx, g, n, n.given())
	if err != nil || n.OnlyCheck {
		return Pool{}, err
	}
	if p.ID, p.CreatedAt, err = c.newID(email.PrefixPool); err != nil {
		return Pool{}, err
	}
	p.UpdatedAt = p.CreatedAt
	if err := refusedPool(c.cfg.Store.AddPool(ctx, p)); err != nil {
		return Pool{}, err
	}
	c.cfg.Engine.PoolChanged(g.Team)
	return poolOf(p), nil
}

// UpdatePool changes what n says of a pool. Mail that waits for it goes by the new
// rules.
func (c *Control) UpdatePool(ctx context.Context, g access.Grant, id email.ID, n ChangePool) (Pool, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Pool{}, err
	}
	old, err := c.pool(ctx, g, id)
	if err != nil {
		return Pool{}, err
	}
	if err := n.empty(); err != nil {
		return Pool{}, err
	}
	p, err := c.checkPool(ctx, g, n.whole(old), n)
	if err != nil || n.OnlyCheck {
		return Pool{}, err
	}
	err = c.cfg.Store.UpdatePool(ctx, g.Team, id, func(now *store.Pool) {
		n.apply(now, p)
		now.UpdatedAt = c.cfg.Now().UTC().Truncate(time.Millisecond)
	})
	if err := refusedPool(err); err != nil {
		return Pool{}, err
	}
	c.cfg.Engine.PoolChanged(g.Team)
	return c.pool(ctx, g, id)
}

// empty refuses words that were given and say nothing: what is not to change is left
// out.
func (n ChangePool) empty() error {
	var wrong problems
	for _, f := range []struct {
		name  string
		given *string
	}{{"strategy", n.Strategy}, {"sticky_by", n.StickyBy}} {
		if f.given != nil && *f.given == "" {
			wrong.add(f.name, "is empty: give a value, or leave it out")
		}
	}
	return wrong.err()
}

// whole is the pool as it would be.
func (n ChangePool) whole(old Pool) NewPool {
	out := NewPool{Name: old.Name, Strategy: old.Strategy, StickyBy: old.StickyBy, Members: old.Members}
	set(&out.Name, n.Name)
	set(&out.Strategy, n.Strategy)
	set(&out.StickyBy, n.StickyBy)
	set(&out.Members, n.Members)
	return out
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// apply puts what is to be changed into the pool as it is now.
func (n ChangePool) apply(now, checked *store.Pool) {
	if n.Name != nil {
		now.Name = checked.Name
	}
	if n.Strategy != nil {
		now.Strategy = checked.Strategy
	}
	if n.StickyBy != nil {
		now.StickyBy = checked.StickyBy
	}
	if n.Members != nil {
		now.Members = checked.Members
	}
}

// Pools lists the team's pools, oldest first.
func (c *Control) Pools(ctx context.Context, g access.Grant) ([]Pool, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return nil, err
	}
	rows, err := c.cfg.Store.Pools(ctx, g.Team)
	if err != nil {
		return nil, err
	}
	out := make([]Pool, len(rows))
	for i, p := range rows {
		out[i] = poolOf(p)
	}
	return out, nil
}

// Pool returns one pool, or ErrNotFound.
func (c *Control) Pool(ctx context.Context, g access.Grant, id email.ID) (Pool, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return Pool{}, err
	}
	return c.pool(ctx, g, id)
}

func (c *Control) pool(ctx context.Context, g access.Grant, id email.ID) (Pool, error) {
	if err := known(email.PrefixPool, id); err != nil {
		return Pool{}, err
	}
	p, err := c.cfg.Store.Pool(ctx, g.Team, id)
	if err != nil {
		return Pool{}, err
	}
	return poolOf(p), nil
}

// DeletePool removes a pool; its accounts stay. While mail waits for it the error
// is ErrInUse.
func (c *Control) DeletePool(ctx context.Context, g access.Grant, id email.ID) error {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return err
	}
	if err := known(email.PrefixPool, id); err != nil {
		return err
	}
	err := c.cfg.Store.DeletePool(ctx, g.Team, id)
	if use, ok := errors.AsType[*store.InUse](err); ok {
		return fmt.Errorf("%w: %w: cancel them or let them leave first", ErrInUse, use)
	}
	if err == nil {
		c.cfg.Engine.PoolChanged(g.Team)
	}
	return err
}

// poolName keeps names apart from addresses and ids of accounts, which may stand
// in the same place.
var poolName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$`)

func (ps *problems) poolName(name string) {
	switch {
	case name == "":
		ps.add("name", "is missing")
	case !poolName.MatchString(name):
		ps.add("name", "may have letters, digits, spaces, dots, hyphens and underscores, at most 64, and begins with a letter or digit")
	case strings.HasPrefix(name, email.PrefixAccount+"_") || strings.HasPrefix(name, email.PrefixPool+"_"):
		ps.add("name", "looks like an id")
	}
}

// given is what was said of a new pool.
func (n NewPool) given() ChangePool {
	out := ChangePool{Members: &n.Members}
	if n.StickyBy != "" {
		out.StickyBy = &n.StickyBy
	}
	return out
}

// unused refuses what was given and would do nothing with the strategy. A weight of 1
// is what each member has anyway; what stays from another strategy is no slip.
func (ps *problems) unused(strategy string, given ChangePool) {
	if given.StickyBy != nil && strategy != queue.Sticky {
		ps.add("sticky_by", "is for the strategy %s; this pool's is %s", queue.Sticky, strategy)
	}
	if given.Members == nil || strategy == queue.Weighted || strategy == queue.Sticky {
		return
	}
	for i, m := range *given.Members {
		if m.Weight > 1 {
			ps.add(fmt.Sprintf("members[%d].weight", i), "is for the strategies %s and %s; this pool's is %s", queue.Weighted, queue.Sticky, strategy)
		}
	}
}

// checkPool validates a pool and completes it.
func (c *Control) checkPool(ctx context.Context, g access.Grant, n NewPool, given ChangePool) (*store.Pool, error) {
	var wrong problems
	p := &store.Pool{Team: g.Team, Name: strings.TrimSpace(n.Name), Strategy: n.Strategy, StickyBy: n.StickyBy}
	wrong.poolName(p.Name)
	if p.Strategy == "" {
		p.Strategy = queue.Headroom
	}
	if !slices.Contains(queue.Strategies(), p.Strategy) {
		wrong.add("strategy", "one of %s", strings.Join(queue.Strategies(), ", "))
	} else {
		wrong.unused(p.Strategy, given)
	}
	switch p.StickyBy {
	case "":
		p.StickyBy = queue.ByRecipient
	case queue.ByRecipient, queue.ByThread:
	default:
		wrong.add("sticky_by", "one of %s, %s", queue.ByRecipient, queue.ByThread)
	}
	accounts, err := c.cfg.Store.Accounts(ctx, g.Team)
	if err != nil {
		return nil, err
	}
	p.Members = wrong.members(n.Members, accounts)
	return p, wrong.err()
}

// Bounds of a member.
const (
	maxWeight  = 1000
	maxDomains = 100
)

func (ps *problems) members(list []PoolMember, accounts []*store.Account) []store.PoolMember {
	if len(list) == 0 {
		ps.add("members", "is missing: one account at least")
	}
	if len(list) > queue.MaxMembers {
		ps.add("members", "%d of them: at most %d", len(list), queue.MaxMembers)
		return nil
	}
	seen := map[email.ID]bool{}
	var out []store.PoolMember
	for i, m := range list {
		at := fmt.Sprintf("members[%d]", i)
		row := memberNamed(accounts, m.Account)
		switch {
		case row == nil:
			ps.add(at+".account", "there is no such account: GET /v1/accounts lists them")
		case seen[row.ID]:
			ps.add(at+".account", "is a member already")
		default:
			seen[row.ID] = true
			m.Account = row.ID
		}
		if m.Weight == 0 {
			m.Weight = 1
		}
		if m.Weight < 1 || m.Weight > maxWeight {
			ps.add(at+".weight", "must be between 1 and %d", maxWeight)
		}
		m.Domains = ps.domains(at+".domains", m.Domains)
		out = append(out, store.PoolMember(m))
	}
	return out
}

// memberNamed finds an account by id or address.
func memberNamed(accounts []*store.Account, name string) *store.Account {
	for _, a := range accounts {
		if a.ID == name || strings.EqualFold(a.Address, name) {
			return a
		}
	}
	return nil
}

func (ps *problems) domains(field string, list []string) []string {
	if len(list) > maxDomains {
		ps.add(field, "%d of them: at most %d", len(list), maxDomains)
		return nil
	}
	var out []string
	for i, d := range list {
		a, err := email.NewAddress("", "x@"+strings.TrimPrefix(d, "@"))
		if err != nil {
			ps.add(fmt.Sprintf("%s[%d]", field, i), "%q is not a domain: %v", d, err)
		}
		out = append(out, a.Domain)
	}
	return out
}

// refusedPool says what the store found wrong at the last moment.
func refusedPool(err error) error {
	var wrong problems
	switch {
	case errors.Is(err, store.ErrExists):
		wrong.add("name", "is the name of another pool")
	case errors.Is(err, store.ErrNoMember):
		wrong.add("members", "an account was removed meanwhile: GET /v1/accounts lists them")
	default:
		return err
	}
	return wrong.err()
}
