package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func addKey(t *testing.T, s *store.Store, id email.ID) {
	t.Helper()
	must(t, s.AddAPIKey(t.Context(), store.APIKey{Team: team, ID: id, Name: "k", Hash: []byte(id), Scopes: []string{"*"}, CreatedAt: start}))
}

// spendKey charges a key, and tells until when it has to wait; zero: it need not.
func spendKey(t *testing.T, s *store.Store, n, rate, daily int, at time.Time) time.Time {
	t.Helper()
	full, err := s.ChargeKey(t.Context(), store.KeyCharge{Team: team, Key: "key_1", Recipients: n, Rate: rate, Daily: daily, At: at})
	must(t, err)
	if full == nil {
		return time.Time{}
	}
	return full.Until
}

// What a key is bound to comes back as it was given.
func TestKeyBounds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		k := store.APIKey{
			Team: team, ID: "key_1", Name: "k", Hash: []byte("h"), Hint: "…", Scopes: []string{"*"}, CreatedAt: start, ExpiresAt: start.Add(day),
			Senders: []string{"a@b.example", "@c.example"}, Networks: []string{"192.0.2.0/24"}, Account: "acc_1", Rate: 7, Daily: 300, RewriteFrom: true,
		}
		must(t, s.AddAPIKey(t.Context(), k))
		found, err := s.APIKeyByHash(t.Context(), []byte("h"))
		must(t, err)
		list, err := s.APIKeys(t.Context(), team)
		must(t, err)
		if d := cmp.Diff(k, found); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]store.APIKey{k}, list); d != "" {
			t.Error(d)
		}
	})
}

// Keys of an earlier gatepost are bound to nothing.
func TestKeysOfAnEarlierSchema(t *testing.T) {
	storetest.EachEmpty(t, func(t *testing.T, opt store.Options) {
		must(t, store.MigrateTo(t.Context(), opt, []string{"00001_spine.sql"},
			`INSERT INTO api_keys (team_id, id, name, hash, hint, scopes, created_at, expires_at) VALUES ('team_1', 'key_1', 'k', 'h', '', '["*"]', 1, 0)`))
		s := storetest.Open(t, opt)
		list, err := s.APIKeys(t.Context(), "team_1")
		must(t, err)
		if len(list) != 1 || len(list[0].Senders)+len(list[0].Networks)+list[0].Rate+list[0].Daily != 0 || list[0].Account != "" {
			t.Errorf("%+v", list)
		}
		full, err := s.ChargeKey(t.Context(), store.KeyCharge{Team: "team_1", Key: "key_1", Recipients: 1, Rate: 1, At: start})
		if full != nil || err != nil {
			t.Errorf("%+v, %v", full, err)
		}
	})
}

// A minute and a day roll: no window of them holds more than the limit.
func TestKeyLimitsRoll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		addKey(t, s, "key_1")
		at := time.Date(2026, 5, 1, 12, 30, 30, 500e6, time.UTC)
		for i, c := range []struct {
			after time.Duration
			n     int
			until time.Duration // from the beginning
		}{
			{0, 2, 0},
			{29 * time.Second, 1, 0},
			{59 * time.Second, 1, 60500 * time.Millisecond},
			{60 * time.Second, 1, 60500 * time.Millisecond},
			{60500 * time.Millisecond, 3, 89500 * time.Millisecond},
			{60500 * time.Millisecond, 2, 0},
			{3 * time.Minute, 2, 0}, // 7 of the day
			{5 * time.Minute, 2, day + 29*time.Minute + 29500*time.Millisecond},
			{day + 29*time.Minute, 2, day + 29*time.Minute + 29500*time.Millisecond},
			{day + 29*time.Minute + 30*time.Second, 3, 0},
		} {
			want := time.Time{}
			if c.until > 0 {
				want = at.Add(c.until)
			}
			if got := spendKey(t, s, c.n, 3, 8, at.Add(c.after)); !got.Equal(want) {
				t.Errorf("%d: until %v, want %v", i, got, want)
			}
		}
	})
}

// A clock that is set back opens nothing again, and what was used ahead of it is
// used now.
func TestKeyLimitsWhenTheClockIsSetBack(t *testing.T) {
	s := storetest.Open(t, store.Options{Dir: t.TempDir()})
	addKey(t, s, "key_1")
	spendKey(t, s, 4, 0, 5, start.Add(3*day))
	spendKey(t, s, 1, 0, 5, start)
	if until := spendKey(t, s, 1, 0, 5, start); until.IsZero() || until.After(start.Add(day+time.Hour)) {
		t.Errorf("until %v", until)
	}
	if until := spendKey(t, s, 5, 0, 5, start.Add(day+time.Hour)); !until.IsZero() {
		t.Errorf("a day later: until %v", until)
	}
}

// Of many that charge at once, here two processes on PostgreSQL, never more get
// through than the limit; what a restart finds is what was used; a key's end is the
// end of it.
func TestKeyLimitsTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, err := store.Open(t.Context(), opt)
		must(t, err)
		addKey(t, s, "key_1")
		doors := []*store.Store{s}
		if opt.Database != "" {
			doors = append(doors, storetest.Open(t, store.Options{Dir: t.TempDir(), Database: opt.Database}))
		}
		var through atomic.Int64
		var all sync.WaitGroup
		for i := range 24 {
			all.Go(func() {
				for range 6 {
					full, err := doors[i%len(doors)].ChargeKey(t.Context(), store.KeyCharge{Team: team, Key: "key_1", Recipients: 3, Daily: 100, At: start})
					if err != nil {
						t.Error(err)
					} else if full == nil {
						through.Add(3)
					}
				}
			})
		}
		all.Wait()
		if n := through.Load(); n != 99 {
			t.Errorf("%d recipients got through, of 100", n)
		}
		must(t, s.Close())
		s = storetest.Open(t, opt)
		if until := spendKey(t, s, 2, 0, 100, start); until.IsZero() {
			t.Error("a restart forgets what was used")
		}
		must(t, s.RefundKey(t.Context(), store.KeyCharge{Team: team, Key: "key_1", Recipients: 1, At: start}))
		if until := spendKey(t, s, 2, 0, 100, start); !until.IsZero() {
			t.Error("what was given back is not there")
		}
		must(t, s.DeleteAPIKey(t.Context(), team, "key_1"))
		_, err = s.ChargeKey(t.Context(), store.KeyCharge{Team: team, Key: "key_1", Recipients: 1, Daily: 1, At: start})
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a key that is gone: %v", err)
		}
		must(t, s.RefundKey(t.Context(), store.KeyCharge{Team: team, Key: "key_1", Recipients: 1, At: start}))
		addKey(t, s, "key_1")
		if until := spendKey(t, s, 100, 0, 100, start); !until.IsZero() {
			t.Error("what the key before had spent is there")
		}
	})
}
