package queue

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// The strategies of pools.
const (
	Headroom = "headroom" // whoever has a place: who is quicker and less used sends more
	Random   = "random"   // equal shares
	Weighted = "weighted" // shares by weight
	Sticky   = "sticky"   // what belongs together goes through the same member
	Failover = "failover" // the first that can
)

// Strategies lists the strategies of pools.
func Strategies() []string { return []string{Headroom, Random, Weighted, Sticky, Failover} }

// What the strategy sticky goes by.
const (
	ByRecipient = "recipient"
	ByThread    = "thread"
)

// Why a member cannot send now, in the words of an explanation.
const (
	downHeld    = "held"
	downPaused  = "paused"
	downLimit   = "limit of the day used up"
	downParked  = "parked"
	downResting = "resting"
)

// standing is what an account can do now.
type standing struct {
	may   bool      // by its own rules, as the message's From
	down  string    // why it cannot send now; empty: it can
	until time.Time // when that ends; zero: nobody knows
	trial bool      // it can send little: one attempt, to see whether its server is well again, some lanes, or small messages
}

// choice is which members of a pool may take mail of a route now. More than one
// may: with the strategy headroom, and beside a member on trial.
type choice struct {
	members []email.ID
	passed  []passed // those that came before them and cannot send now
}

// passed is a member that is passed over.
type passed struct {
	account email.ID
	why     string
	until   time.Time
}

func (c choice) has(account email.ID) bool { return slices.Contains(c.members, account) }

// choose tells who may take mail of a route now. It depends on nothing but its
// arguments, so all nodes come to the same answer from the same rows. A member
// that cannot send is passed over for the next one (overflow).
func choose(p *store.Pool, r poolRoute, stands func(account email.ID) standing) choice {
	var out choice
	for _, tier := range tiers(p, r, stands) {
		found := false
		for _, m := range ordered(p, r, tier) {
			s := stands(m.Account)
			if s.down != "" {
				out.passed = append(out.passed, passed{m.Account, s.down, s.until})
				continue
			}
			out.members = append(out.members, m.Account)
			if found = found || !s.trial; found && p.Strategy != Headroom {
				return out
			}
		}
		if found {
			return out
		}
	}
	return out
}

// tiers parts the members that may send as From: first those that list the
// recipients' domain, then those that list none, last those that list others.
func tiers(p *store.Pool, r poolRoute, stands func(email.ID) standing) [3][]store.PoolMember {
	var out [3][]store.PoolMember
	for _, m := range p.Members {
		if !stands(m.Account).may {
			continue
		}
		tier := 2
		switch {
		case r.domain != "" && slices.Contains(m.Domains, r.domain):
			tier = 0
		case len(m.Domains) == 0:
			tier = 1
		}
		out[tier] = append(out[tier], m)
	}
	return out
}

// ordered puts members in the order in which a shard asks them: as they are
// listed, or its own one first and the others as they come for it.
func ordered(p *store.Pool, r poolRoute, members []store.PoolMember) []store.PoolMember {
	if p.Strategy == Headroom || p.Strategy == Failover || len(members) < 2 {
		return members
	}
	members = slices.Clone(members)
	if p.Strategy == Random {
		for i := range members {
			members[i].Weight = 1
		}
	}
	first := owners(members)[r.shard]
	slices.SortStableFunc(members, func(a, b store.PoolMember) int {
		if (a.Account == first) != (b.Account == first) {
			if a.Account == first {
				return -1
			}
			return 1
		}
		return cmp.Compare(rank(b, r.shard), rank(a, r.shard))
	})
	return members
}

// owners gives each shard a member: by rendezvous hashing, so that a change of the
// members moves few shards, but none gets more shards than its weight is worth.
// Without that bound 16 shards would be spread far from evenly.
func owners(members []store.PoolMember) [poolShards]email.ID {
	left := quotas(members)
	var out [poolShards]email.ID
	for shard := range out {
		best := -1
		for i, m := range members {
			if left[i] > 0 && (best < 0 || rank(m, shard) > rank(members[best], shard)) {
				best = i
			}
		}
		left[best]--
		out[shard] = members[best].Account
	}
	return out
}

// quotas divides the shards by weight: one for each member, and the rest one by
// one to whoever has the least of what the weight is worth.
func quotas(members []store.PoolMember) []int {
	out := make([]int, len(members))
	for i := range out {
		out[i] = 1
	}
	for range poolShards - len(members) {
		least, at := math.Inf(1), 0
		for i, m := range members {
			if has := float64(out[i]) / float64(max(1, m.Weight)); has < least {
				least, at = has, i
			}
		}
		out[at]++
	}
	return out
}

// MaxMembers is how many members a pool may have: each has a shard of its own.
const MaxMembers = poolShards

// rank is a member's place for a shard by weighted rendezvous hashing: -w / ln(h)
// for a hash h between 0 and 1.
func rank(m store.PoolMember, shard int) float64 {
	h := (float64(mix(m.Account+"/"+strconv.Itoa(shard))>>11) + 0.5) / (1 << 53)
	return -float64(max(1, m.Weight)) / math.Log(h)
}
