package store_test

import (
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// BenchmarkClaim claims ten messages at a time and puts them back: accounts without
// limits, with some, and with limits that go by addresses.
func BenchmarkClaim(b *testing.B) {
	b.Run("no limits", func(b *testing.B) { benchmarkClaim(b) })
	some := []store.Limit{limitOf(1e9, time.Minute), limitOf(1e9, 24*time.Hour)}
	b.Run("limits", func(b *testing.B) { benchmarkClaim(b, some...) })
	external, unique := addressLimits("acc", 1e9)
	b.Run("limits by address", func(b *testing.B) { benchmarkClaim(b, append(some, external, unique)...) })
}

func benchmarkClaim(b *testing.B, limits ...store.Limit) {
	s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir(), Inline: true, Synchronous: "OFF"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	route := newID(b, email.PrefixAccount)
	if err := s.AddAccount(b.Context(), &store.Account{Team: team, ID: route, Address: "app@acme.example", Transport: "smtp", Config: []byte("{}"), CreatedAt: start}); err != nil {
		b.Fatal(err)
	}
	for range 100 {
		if err := s.AddMessage(b.Context(), newMessage(b, route, "a@b.example")); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		c := claimRequest(route, 10)
		c.Limits = limits
		got, err := s.ClaimWithin(b.Context(), c)
		if err != nil || len(got.Entries) != 10 {
			b.Fatalf("claimed %d: %v", len(got.Entries), err)
		}
		b.StopTimer()
		for _, e := range got.Entries {
			f := store.FinishOf(e, start)
			f.Next = &store.Next{State: email.Queued, DueAt: e.DueAt, Unsettled: e.Unsettled}
			if err := s.FinishAttempts(b.Context(), f)[0]; err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
	}
}
