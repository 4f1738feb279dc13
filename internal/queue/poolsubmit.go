package queue

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// choosePool finds the pool that is named where there is no such account, and tells
// whether it has. At least one member must be allowed to send as From; the message
// is held against what all that are would take.
func (d *draft) choosePool(ctx context.Context, all []*account) (in bool, err error) {
	if d.named == "" {
		return false, nil
	}
	pools, err := d.e.accounts.pools(ctx, d.g.Team)
	if err != nil {
		return false, err
	}
	if d.pool = poolNamed(pools, d.named); d.pool == nil {
		d.pools = pools
		return false, nil
	}
	if d.sub.From == nil {
		if d.sub.Raw == nil { // what is wrong with raw has been said
			d.wrong("from", "is needed where a pool is named: its accounts have addresses of their own")
		}
		return true, nil
	}
	route := poolRoute{from: d.from.Addr()}
	if !d.raw.Sender.IsZero() {
		route.sender = d.raw.Sender.Addr()
	}
	able := poolAccounts(d.pool, all, func(a *account) bool { return a.mayServe(route) })
	if len(able) == 0 {
		d.wrong("from", "no account of the pool %s may send as %s; it has %s", d.pool.Name, strings.TrimRight(route.from+" "+route.sender, " "),
			addresses(poolAccounts(d.pool, all, func(*account) bool { return true })))
		return true, nil
	}
	d.account = together(d.pool, able)
	return true, nil
}

// poolNamed finds a pool by id or name.
func poolNamed(pools []*store.Pool, name string) *store.Pool {
	for _, p := range pools {
		if p.ID == name || strings.EqualFold(p.Name, name) {
			return p
		}
	}
	return nil
}

// poolAccounts are the members of a pool that fit.
func poolAccounts(p *store.Pool, all []*account, fits func(*account) bool) (out []*account) {
	for _, m := range p.Members {
		if a := withID(all, m.Account); a != nil && fits(a) {
			out = append(out, a)
		}
	}
	return out
}

// together stands for accounts of which any may send: it allows what all of them do.
func together(p *store.Pool, able []*account) *account {
	out := &account{row: &store.Account{Team: p.Team, ID: p.ID, Address: p.Name + " (a pool)"}, limits: able[0].limits}
	for _, a := range able[1:] {
		out.limits = tightest(out.limits, a.limits)
	}
	out.limits.Threads = false // a conversation is one mailbox's
	return out
}

// tightest is what two providers both take. 0 is no limit.
func tightest(a, b provider.Limits) provider.Limits {
	a.MaxSize, a.MaxRecipients = smaller(a.MaxSize, b.MaxSize), smaller(a.MaxRecipients, b.MaxRecipients)
	a.HeaderDecides, a.EightBit = a.HeaderDecides || b.HeaderDecides, a.EightBit && b.EightBit
	a.BlockedExtensions = append(a.BlockedExtensions[:len(a.BlockedExtensions):len(a.BlockedExtensions)], b.BlockedExtensions...)
	return a
}

func smaller[T int | int64](a, b T) T {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// poolRoute is what the message waits for.
func (d *draft) poolRoute(m *store.NewMessage) (string, error) {
	r := poolRoute{pool: d.pool.ID, from: d.from.Addr(), domain: domainClass(d.pool, m.Recipients)}
	if !d.raw.Sender.IsZero() {
		r.sender = d.raw.Sender.Addr()
	}
	switch d.pool.Strategy {
	case Sticky:
		r.shard = shardOf(d.stickTo(m))
	case Random, Weighted:
		var b [1]byte
		if _, err := io.ReadFull(d.e.cfg.Random, b[:]); err != nil {
			return "", fmt.Errorf("draw a shard: %w", err)
		}
		r.shard = int(b[0]) % poolShards
	}
	return r.String(), nil
}

// stickTo is what keeps a message with others: its first recipient, or the
// Message-ID with which its conversation began (RFC 5322 section 3.6.4).
func (d *draft) stickTo(m *store.NewMessage) string {
	if d.pool.StickyBy != ByThread {
		return strings.ToLower(m.Recipients[0].Address)
	}
	refs, reply := strings.Join(d.sub.References, " "), d.sub.InReplyTo
	if d.sub.Raw != nil {
		if h, err := email.ReadHeader(bytes.NewReader(d.sub.Raw)); err == nil {
			refs, reply = h.Value("References"), h.Value("In-Reply-To")
		}
	}
	for _, ids := range []string{refs, reply} {
		if list := strings.Fields(ids); len(list) > 0 {
			return list[0]
		}
	}
	return m.MessageID
}

// askedOf is the account or the pool that a submission went to.
func askedOf(m *store.Message) email.ID {
	if m.Pooled != "" {
		return store.PoolOf(m.Pooled)
	}
	return m.Account
}

// PoolOf is the pool that a message was given to; empty: none.
func PoolOf(m *Message) email.ID { return store.PoolOf(m.Pooled) }
