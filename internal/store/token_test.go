package store_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

var tokenKey = store.TokenKey{Team: team, Credential: "cred_1", Subject: "a@x.example", Scopes: "send"}

func addTokenCredential(t *testing.T, s *store.Store) store.Credential {
	t.Helper()
	c := store.Credential{Team: team, ID: "cred_1", Kind: "k", Name: "n", Public: []byte("{}"), Sealed: []byte("secret-1"), CreatedAt: start, UpdatedAt: start}
	must(t, s.AddCredential(t.Context(), c))
	return c
}

func lease(t *testing.T, s *store.Store, revision int64, holder string, d time.Duration) bool {
	t.Helper()
	got, err := s.LeaseToken(t.Context(), tokenKey, revision, holder, d)
	must(t, err)
	return got
}

func keep(t *testing.T, s *store.Store, r store.TokenResult) bool {
	t.Helper()
	r.Key = tokenKey
	kept, err := s.StoreToken(t.Context(), r)
	must(t, err)
	return kept
}

func liveToken(t *testing.T, s *store.Store) store.LiveToken {
	t.Helper()
	got, err := s.LiveToken(t.Context(), tokenKey)
	must(t, err)
	return got
}

func TestOneHolderRenewsAToken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		addTokenCredential(t, s)
		if got := liveToken(t, s); got.Revision != 0 || got.Leased || len(got.Sealed) != 0 {
			t.Fatalf("before anything: %+v", got)
		}
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				got, err := s.LeaseToken(context.Background(), tokenKey, 0, string(rune('a'+i)), time.Hour)
				if err != nil {
					t.Error(err)
				}
				if got {
					won.Add(1)
					if _, err := s.StoreToken(context.Background(), store.TokenResult{
						Key: tokenKey, Holder: string(rune('a' + i)), Version: start, Sealed: []byte("T1"), Refresh: 55 * time.Minute, Life: time.Hour,
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d holders at once", won.Load())
		}
		got := liveToken(t, s)
		if string(got.Sealed) != "T1" || got.Leased || got.Revision != 1 || !got.Version.Equal(start) ||
			got.Life < 59*time.Minute || got.Life > time.Hour || got.Refresh > 55*time.Minute || got.Refresh < 54*time.Minute || got.Age > time.Minute {
			t.Errorf("stored: %+v", got)
		}
		if lease(t, s, 0, "late", time.Hour) {
			t.Error("a lease was given for a revision that is past")
		}
		if !lease(t, s, 1, "next", time.Hour) || lease(t, s, 1, "other", time.Hour) || !liveToken(t, s).Leased {
			t.Error("the next renewal is not one holder's")
		}
		must(t, s.ReleaseToken(t.Context(), tokenKey, "other"))
		if !liveToken(t, s).Leased {
			t.Error("a stranger ended the lease")
		}
		must(t, s.ReleaseToken(t.Context(), tokenKey, "next"))
		if liveToken(t, s).Leased {
			t.Error("the lease did not end")
		}
	})
}

func TestLeaseOfADeadHolderEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		addTokenCredential(t, s)
		if !lease(t, s, 0, "dead", 50*time.Millisecond) {
			t.Fatal("no lease")
		}
		for deadline := time.Now().Add(10 * time.Second); !lease(t, s, 0, "next", time.Hour); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the lease does not end")
			}
		}
		if keep(t, s, store.TokenResult{Holder: "dead", Version: start, Sealed: []byte("late"), Life: time.Hour}) {
			t.Error("whose lease has run out still stored a token")
		}
		if !liveToken(t, s).Leased {
			t.Error("the dead one's result ended the lease of the next")
		}
		if !keep(t, s, store.TokenResult{Holder: "next", Version: start, Sealed: []byte("T"), Life: time.Hour}) {
			t.Error("the holder could not store")
		}
	})
}

// TestNewSecretIsKeptWithTheToken: a provider that gives a new refresh token may
// have killed the old one.
func TestNewSecretIsKeptWithTheToken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		c := addTokenCredential(t, s)
		secret := func() string {
			got, err := s.Credential(t.Context(), team, c.ID)
			must(t, err)
			return string(got.Sealed)
		}
		lease(t, s, 0, "h", time.Hour)
		if !keep(t, s, store.TokenResult{Holder: "h", Version: start, Sealed: []byte("T1"), Life: time.Hour, Used: []byte("secret-1"), Secret: []byte("secret-2")}) || secret() != "secret-2" {
			t.Errorf("secret %s", secret())
		}
		// Without the lease, the secret is kept all the same.
		if keep(t, s, store.TokenResult{Holder: "h", Version: start, Sealed: []byte("T2"), Life: time.Hour, Used: []byte("secret-2"), Secret: []byte("secret-3")}) || secret() != "secret-3" {
			t.Errorf("secret %s", secret())
		}
		if got := liveToken(t, s); string(got.Sealed) != "T1" {
			t.Errorf("token %s", got.Sealed)
		}
		// A credential that was replaced meanwhile wins.
		lease(t, s, 1, "h", time.Hour)
		c.Sealed, c.UpdatedAt = []byte("replaced"), start.Add(time.Second)
		must(t, s.ReplaceCredential(t.Context(), c))
		if keep(t, s, store.TokenResult{Holder: "h", Version: start, Sealed: []byte("T3"), Life: time.Hour, Used: []byte("secret-3"), Secret: []byte("secret-4")}) || secret() != "replaced" {
			t.Errorf("secret %s", secret())
		}
		if got := liveToken(t, s); string(got.Sealed) != "T1" || got.Leased {
			t.Errorf("after a replacement: %+v", got)
		}
	})
}

func TestFailureIsSharedAndForgotten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		c := addTokenCredential(t, s)
		lease(t, s, 0, "h", time.Hour)
		keep(t, s, store.TokenResult{Holder: "h", Version: start, Sealed: []byte("T1"), Life: time.Hour})
		lease(t, s, 1, "h", time.Hour)
		keep(t, s, store.TokenResult{Holder: "h", Version: start, Used: c.Sealed, Failure: "refused", Pause: time.Minute})
		got := liveToken(t, s)
		if got.Failure != "refused" || got.Pause < 50*time.Second || got.Pause > time.Minute || string(got.Sealed) != "T1" {
			t.Errorf("failure beside a token: %+v", got)
		}
		c.UpdatedAt = start.Add(time.Second)
		must(t, s.ReplaceCredential(t.Context(), c))
		lease(t, s, 2, "h", time.Hour)
		keep(t, s, store.TokenResult{Holder: "h", Version: c.UpdatedAt, Used: c.Sealed, Failure: "refused again", Pause: time.Minute})
		if got := liveToken(t, s); len(got.Sealed) != 0 || !got.Version.Equal(c.UpdatedAt) || got.Failure != "refused again" {
			t.Errorf("the failure of a new credential stands beside the token of the old one: %+v", got)
		}
		must(t, s.ForgetTokens(t.Context(), c.ID, "somebody-else@x.example"))
		if got := liveToken(t, s); got.Failure != "refused again" {
			t.Errorf("forgotten for somebody else: %+v", got)
		}
		must(t, s.ForgetTokens(t.Context(), c.ID, tokenKey.Subject))
		if got := liveToken(t, s); got.Failure != "" || got.Pause > 0 || len(got.Sealed) != 0 || got.Life > 0 {
			t.Errorf("forgotten: %+v", got)
		}
		must(t, s.SweepTokens(t.Context(), -time.Minute))
		if got := liveToken(t, s); got.Revision != 0 {
			t.Errorf("swept: %+v", got)
		}
	})
}
