package queue

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// BenchmarkAccountAdded is how long an account takes to be known that was added to ten
// thousand others.
func BenchmarkAccountAdded(b *testing.B) {
	x, ids := manyAccounts(b)
	n := 0
	for b.Loop() {
		id := ids[n%len(ids)]
		n++
		x.forget(simTeam, id)
		if a, err := x.get(b.Context(), simTeam, id); err != nil || a.row.ID != id {
			b.Fatal(err)
		}
	}
}

// BenchmarkAccountsRead is how long all of ten thousand accounts take to be read.
func BenchmarkAccountsRead(b *testing.B) {
	x, ids := manyAccounts(b)
	for b.Loop() {
		x.forget(simTeam, "")
		if all, err := x.list(b.Context(), simTeam); err != nil || len(all) != len(ids) {
			b.Fatal(len(all), err)
		}
	}
}

// manyAccounts is an engine's accounts, of a team that has ten thousand.
func manyAccounts(b *testing.B) (x *accounts, ids []email.ID) {
	b.Helper()
	s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir(), Inline: true, Synchronous: "OFF"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	for n := range 10000 {
		ids = append(ids, fmt.Sprintf("acc_%05d", n))
		if err := s.AddAccount(b.Context(), &store.Account{
			Team: simTeam, ID: ids[n], Address: ids[n] + "@acme.example", Transport: "world", Config: []byte("{}"), CreatedAt: simStart,
		}); err != nil {
			b.Fatal(err)
		}
	}
	x = New(Config{Store: s, Kinds: []provider.Kind{{
		Name: "world", Limits: func(json.RawMessage) provider.Limits { return provider.Limits{MaxParallel: 2} },
		Rates: func(string, json.RawMessage) []provider.Rate { return perHour(100) },
		Open:  func(provider.Account, provider.Deps) (provider.Provider, error) { return worldProvider{}, nil },
	}}}).accounts
	x.e.cfg.Now = func() time.Time { return simStart } // so that nothing is too old
	if _, err := x.list(b.Context(), simTeam); err != nil {
		b.Fatal(err)
	}
	return x, ids
}
