package queue

import (
	"fmt"
	"slices"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// members are accounts of a pool, with their weights and domains.
func poolOf(strategy string, members ...store.PoolMember) *store.Pool {
	return &store.Pool{ID: "pool_1", Strategy: strategy, Members: members}
}

func member(id email.ID, weight int, domains ...string) store.PoolMember {
	return store.PoolMember{Account: id, Weight: weight, Domains: domains}
}

// stands lets all accounts send but those that are named.
func stands(down map[email.ID]standing) func(email.ID) standing {
	return func(id email.ID) standing {
		if s, ok := down[id]; ok {
			return s
		}
		return standing{may: true}
	}
}

var (
	isDown    = standing{may: true, down: "held"}
	onTrial   = standing{may: true, trial: true}
	forbidden = standing{}
)

func TestChoice(t *testing.T) {
	three := []store.PoolMember{member("a", 1), member("b", 1), member("c", 1)}
	byDomain := []store.PoolMember{member("a", 1), member("b", 1, "b.example"), member("c", 1, "b.example", "c.example")}
	for _, c := range []struct {
		name     string
		strategy string
		members  []store.PoolMember
		domain   string
		down     map[email.ID]standing
		want     []email.ID
		passed   []email.ID
	}{
		{"anybody with headroom", Headroom, three, "", nil, []email.ID{"a", "b", "c"}, nil},
		{"not one that is down", Headroom, three, "", map[email.ID]standing{"b": isDown}, []email.ID{"a", "c"}, []email.ID{"b"}},
		{"the first", Failover, three, "", nil, []email.ID{"a"}, nil},
		{"the next", Failover, three, "", map[email.ID]standing{"a": isDown, "b": isDown}, []email.ID{"c"}, []email.ID{"a", "b"}},
		{"nobody is left", Failover, three, "", map[email.ID]standing{"a": isDown, "b": isDown, "c": isDown}, nil, []email.ID{"a", "b", "c"}},
		{"not one that may not send as From", Failover, three, "", map[email.ID]standing{"a": forbidden}, []email.ID{"b"}, nil},
		{"one on trial, and the next beside it", Failover, three, "", map[email.ID]standing{"a": onTrial}, []email.ID{"a", "b"}, nil},
		{"those of the domain first", Headroom, byDomain, "b.example", nil, []email.ID{"b", "c"}, nil},
		{"then those of none", Failover, byDomain, "c.example", map[email.ID]standing{"c": isDown}, []email.ID{"a"}, []email.ID{"c"}},
		{"those of other domains last", Failover, byDomain, "", nil, []email.ID{"a"}, nil},
		{"and they do send", Failover, byDomain, "", map[email.ID]standing{"a": isDown}, []email.ID{"b"}, []email.ID{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := choose(poolOf(c.strategy, c.members...), poolRoute{pool: "pool_1", domain: c.domain}, stands(c.down))
			var passed []email.ID
			for _, p := range got.passed {
				passed = append(passed, p.account)
			}
			if !slices.Equal(got.members, c.want) || !slices.Equal(passed, c.passed) {
				t.Errorf("%v, passed over %v; want %v, %v", got.members, passed, c.want, c.passed)
			}
		})
	}
}

// Shares go by weight, to a sixteenth, and everybody has one.
func TestShares(t *testing.T) {
	for _, c := range []struct {
		strategy string
		weights  []int
		want     []int
	}{
		{Random, []int{1, 1}, []int{8, 8}},
		{Random, []int{9, 1}, []int{8, 8}},
		{Weighted, []int{3, 1}, []int{12, 4}},
		{Weighted, []int{1000, 1}, []int{15, 1}},
		{Weighted, []int{1, 1, 1}, []int{6, 5, 5}},
		{Sticky, []int{1, 1, 1, 1}, []int{4, 4, 4, 4}},
		{Weighted, []int{100, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
	} {
		p, got := poolOf(c.strategy), map[email.ID]int{}
		for i, w := range c.weights {
			p.Members = append(p.Members, member(fmt.Sprint("acc_", i), w))
		}
		for shard := range poolShards {
			ch := choose(p, poolRoute{shard: shard}, stands(nil))
			if len(ch.members) != 1 {
				t.Fatalf("%s: %v", c.strategy, ch)
			}
			got[ch.members[0]]++
		}
		for i, want := range c.want {
			if got[fmt.Sprint("acc_", i)] != want {
				t.Errorf("%s %v: %v, want %v", c.strategy, c.weights, got, c.want)
				break
			}
		}
	}
}

// What a member cannot send goes to the others, and what they have stays theirs.
func TestOverflowMovesNothingElse(t *testing.T) {
	p := poolOf(Sticky, member("a", 1), member("b", 1), member("c", 1))
	for shard := range poolShards {
		before := choose(p, poolRoute{shard: shard}, stands(nil)).members[0]
		after := choose(p, poolRoute{shard: shard}, stands(map[email.ID]standing{"b": isDown})).members[0]
		if before != "b" && after != before || after == "b" {
			t.Errorf("shard %d: %s, then %s", shard, before, after)
		}
	}
	var moved int
	without := poolOf(Sticky, member("a", 1), member("c", 1))
	for shard := range poolShards {
		before, after := choose(p, poolRoute{shard: shard}, stands(nil)).members[0], choose(without, poolRoute{shard: shard}, stands(nil)).members[0]
		if before != after {
			moved++
		}
	}
	if moved > 8 {
		t.Errorf("%d shards of 16 moved when one of three members left", moved)
	}
}

// A route is read as it was written, whatever the addresses have in them.
func TestPoolRoutes(t *testing.T) {
	for _, r := range []poolRoute{
		{pool: "pool_1", shard: 15, from: "ada@acme.example", domain: "b.example"},
		{pool: "pool_1", from: "a/b,c%2f+x@acme.example", sender: "o'neil{}@acme.example"},
	} {
		got, ok := readRoute(r.String())
		if !ok || got != r {
			t.Errorf("%q: %+v", r.String(), got)
		}
	}
	for _, s := range []string{"acc_1", "", "pool_1/16/a@b/", "pool_1/-1/a@b/", "pool_1/x/a@b/", "pool_1/1/%zz/", "pool_1/1/a@b", "pool_1/1/a@b,%/"} {
		if r, ok := readRoute(s); ok {
			t.Errorf("%q: %+v", s, r)
		}
	}
}
