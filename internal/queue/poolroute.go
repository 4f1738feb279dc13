package queue

import (
	"fmt"
	"hash/fnv"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// poolShards is in how many parts a pool's mail is spread over its members, and so
// the finest share that a member can have.
const poolShards = 16

// poolRoute is what a message of a pool waits for, written when it is submitted:
// all that decides which members may send it, so that no row has to be changed
// when the pool, its members or their state do.
type poolRoute struct {
	pool   email.ID
	shard  int
	from   string // bare address of From
	sender string // of the field Sender, where a whole message has one
	domain string // of the recipients, where a member lists it; else empty
}

// String is the route as it stands in the queue: pool/shard/senders/domain.
func (r poolRoute) String() string {
	who := url.PathEscape(r.from)
	if r.sender != "" {
		who += "," + url.PathEscape(r.sender)
	}
	return fmt.Sprintf("%s/%d/%s/%s", r.pool, r.shard, who, r.domain)
}

// readRoute reads what String wrote; false for the route of an account.
func readRoute(s string) (r poolRoute, ok bool) {
	parts := strings.Split(s, "/")
	if len(parts) != 4 {
		return r, false
	}
	var err error
	if r.shard, err = strconv.Atoi(parts[1]); err != nil || r.shard < 0 || r.shard >= poolShards {
		return r, false
	}
	from, sender, _ := strings.Cut(parts[2], ",")
	r.from, err = url.PathUnescape(from)
	if err != nil {
		return r, false
	}
	if r.sender, err = url.PathUnescape(sender); err != nil {
		return r, false
	}
	r.pool, r.domain = parts[0], parts[3]
	return r, true
}

// senders are the addresses that an account must be allowed to send as.
func (r poolRoute) senders() []email.Address {
	var out []email.Address
	for _, s := range []string{r.from, r.sender} {
		if a, err := email.ParseAddress(s); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// mayServe tells whether an account's own rules let it send mail of a route.
func (a *account) mayServe(r poolRoute) bool {
	who := r.senders()
	for _, s := range who {
		if !a.maySendAs(s) {
			return false
		}
	}
	return len(who) > 0
}

// domainClass is the domain of the recipients, if all have the same and a member
// of the pool lists it.
func domainClass(p *store.Pool, recipients []store.Recipient) string {
	class := ""
	for _, r := range recipients {
		domain := r.Address[strings.LastIndexByte(r.Address, '@')+1:]
		if class != "" && domain != class {
			return ""
		}
		class = domain
	}
	for _, m := range p.Members {
		if slices.Contains(m.Domains, class) {
			return class
		}
	}
	return ""
}

// shardOf spreads what belongs together to one shard.
func shardOf(key string) int { return int(mix(key) % poolShards) }

// mix is a hash of which every bit depends on every bit of the text: FNV-1a with
// the end of SplitMix64, the same on every machine and in every release.
func mix(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // a hash never fails
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
