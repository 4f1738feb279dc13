package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A pool stands on accounts that are there, under a name that no other has.
func TestPools(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		for _, id := range []string{"acc_1", "acc_2"} {
			must(t, s.AddAccount(t.Context(), &store.Account{Team: team, ID: id, Address: id + "@acme.example", Config: []byte("{}"), CreatedAt: start}))
		}
		p := &store.Pool{
			Team: team, ID: "pool_1", Name: "Shop", Strategy: "failover", StickyBy: "recipient", CreatedAt: start, UpdatedAt: start,
			Members: []store.PoolMember{{Account: "acc_1", Weight: 1, Domains: []string{"b.example"}}, {Account: "acc_2", Weight: 7}},
		}
		must(t, s.AddPool(t.Context(), p))
		got, err := s.Pool(t.Context(), team, "pool_1")
		must(t, err)
		if d := cmp.Diff(p, got); d != "" {
			t.Error(d)
		}
		twin := &store.Pool{Team: team, ID: "pool_2", Name: "shop", Members: p.Members, CreatedAt: start}
		if err := s.AddPool(t.Context(), twin); !errors.Is(err, store.ErrExists) {
			t.Errorf("the same name: %v", err)
		}
		twin.Name, twin.Members = "Other", []store.PoolMember{{Account: "acc_3"}}
		if err := s.AddPool(t.Context(), twin); !errors.Is(err, store.ErrNoMember) {
			t.Errorf("an account that is not there: %v", err)
		}
		later := start.Add(time.Hour)
		must(t, s.UpdatePool(t.Context(), team, "pool_1", func(p *store.Pool) { p.Name, p.Members, p.UpdatedAt = "SHOP", p.Members[1:], later }))
		if got, err = s.Pool(t.Context(), team, "pool_1"); err != nil || got.Name != "SHOP" || len(got.Members) != 1 || !got.UpdatedAt.Equal(later) {
			t.Errorf("changed: %+v, %v", got, err)
		}
		if err := s.UpdatePool(t.Context(), team, "pool_2", func(*store.Pool) {}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("one that is not there: %v", err)
		}
		var use *store.InUse
		if err := s.DeleteAccount(t.Context(), team, "acc_2"); !errors.As(err, &use) || !strings.Contains(err.Error(), "a member of the pool "+use.Pools[0]) || strings.HasPrefix(use.Pools[0], "pool_") {
			t.Errorf("a member: %v", err)
		}
		must(t, s.DeleteAccount(t.Context(), team, "acc_1"), s.DeletePool(t.Context(), team, "pool_1"), s.DeleteAccount(t.Context(), team, "acc_2"))
	})
}
