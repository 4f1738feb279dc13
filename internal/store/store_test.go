package store_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

const team = "team_1"

var start = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func newID(t testing.TB, prefix string) email.ID {
	t.Helper()
	id, err := email.NewID(prefix, time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func newMessage(t testing.TB, route email.ID, to ...string) *store.NewMessage {
	m := &store.NewMessage{
		Team: team, ID: newID(t, email.PrefixMessage), Account: route, Type: "general", Lane: email.Normal,
		OnUnknown: email.Reconcile, MailFrom: "app@acme.example", Sender: "app@acme.example", Subject: "Hëllo", MessageID: "<1@acme.example>",
		Tags: []string{"a", "b"}, Metadata: map[string]string{"order": "7"}, Size: 5, WrappedKey: []byte("key"), Content: []byte("bytes"),
		EventID: newID(t, email.PrefixEvent), CreatedAt: start, ShredAt: start.Add(30 * 24 * time.Hour),
	}
	for _, a := range to {
		m.Recipients = append(m.Recipients, store.Recipient{Address: a, Role: "to"})
	}
	return m
}

func addAccount(t *testing.T, s *store.Store) email.ID { return addAccountOf(t, s, team) }

func claimRequest(route email.ID, limit int) store.ClaimRequest {
	return store.ClaimRequest{Team: team, Route: route, Node: "node_1", Epoch: 1, Now: start, Limit: limit}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// checkCounts holds the appended counts against the rows themselves.
func checkCounts(t *testing.T, s *store.Store) {
	t.Helper()
	got, err := s.Counts(t.Context())
	must(t, err)
	want, err := s.Recount(t.Context())
	must(t, err)
	for state, n := range got {
		if n == 0 {
			delete(got, state)
		}
	}
	for state, n := range want {
		if n == 0 {
			delete(want, state)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("counts differ from the rows (-rows +counts):\n%s", d)
	}
	if n := got.Unaccounted(); n != 0 {
		t.Errorf("%d recipients are unaccounted for", n)
	}
}

func TestMessageIsKeptWhole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		m := newMessage(t, addAccount(t, s), "a@b.example", "c@d.example")
		must(t, s.AddMessage(t.Context(), m))

		got, err := s.Message(t.Context(), team, m.ID)
		must(t, err)
		if got.Subject != m.Subject || !cmp.Equal(got.Tags, m.Tags) || !cmp.Equal(got.Metadata, m.Metadata) || !got.CreatedAt.Equal(start) {
			t.Errorf("message changed: %+v", got)
		}
		for i, r := range got.Recipients {
			if r.Address != m.Recipients[i].Address || r.State != email.Queued {
				t.Errorf("recipient %d: %+v", i, r)
			}
		}
		loaded, err := s.Load(t.Context(), team, m.ID)
		must(t, err)
		if string(loaded.Content) != "bytes" || string(loaded.WrappedKey) != "key" || len(loaded.Open) != 2 {
			t.Errorf("loaded: %+v", loaded)
		}
		events, err := s.Events(t.Context(), team, m.ID)
		must(t, err)
		if len(events) != 1 || events[0].Kind != email.EventSubmitted || events[0].Seq != 1 {
			t.Errorf("events: %+v", events)
		}
		if _, err := s.Message(t.Context(), "team_2", m.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another team sees the message: %v", err)
		}
		checkCounts(t, s)
	})
}

func TestIdempotencyKeyMakesOneMessage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		const clients, keys = 50, 3
		var mu sync.Mutex
		made := map[string]map[email.ID]bool{}
		var wg sync.WaitGroup
		for i := range clients * keys {
			wg.Go(func() {
				m := newMessage(t, route, "a@b.example")
				m.IdempotencyKey, m.Fingerprint = fmt.Sprint("key", i%keys), []byte("print")
				if err := s.AddMessage(context.Background(), m); err != nil {
					t.Error(err)
					return
				}
				id := m.ID
				if m.Existing != nil {
					id = m.Existing.Message
				}
				mu.Lock()
				defer mu.Unlock()
				if made[m.IdempotencyKey] == nil {
					made[m.IdempotencyKey] = map[email.ID]bool{}
				}
				made[m.IdempotencyKey][id] = true
			})
		}
		wg.Wait()
		for key, ids := range made {
			if len(ids) != 1 {
				t.Errorf("%s stands for %d messages", key, len(ids))
			}
		}
		all, err := s.Messages(t.Context(), team, store.MessageQuery{Limit: 100})
		must(t, err)
		if len(all.Messages) != keys {
			t.Errorf("%d messages were kept, want %d", len(all.Messages), keys)
		}
		checkCounts(t, s)
	})
}

// A use of a key that is older than a request lets count is forgotten: for that request
// alone, whatever else is in its group.
func TestOldUsesOfAKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		group := func(at time.Time, life map[string]time.Duration) map[string]*store.NewMessage {
			all := map[string]*store.NewMessage{}
			var ms []*store.NewMessage
			for _, key := range []string{"forever", "hour", "minute"} {
				m := newMessage(t, route, "a@b.example")
				m.CreatedAt, m.IdempotencyKey, m.Fingerprint = at, key, []byte("print")
				if d := life[key]; d > 0 {
					m.KeySince = at.Add(-d)
				}
				all[key], ms = m, append(ms, m)
			}
			must(t, s.AddMessages(t.Context(), ms...)...)
			return all
		}
		life := map[string]time.Duration{"hour": time.Hour, "minute": time.Minute}
		first := group(start, life)
		later := group(start.Add(time.Hour), life)
		last := group(start.Add(time.Hour+time.Minute), life)
		for _, c := range []struct {
			what    string
			is, was *store.NewMessage
		}{
			{"forever, an hour later", later["forever"], first["forever"]},
			{"an hour, an hour later", later["hour"], first["hour"]},
			{"a minute, an hour later", later["minute"], nil},
			{"forever, at last", last["forever"], first["forever"]},
			{"an hour, at last", last["hour"], nil},
			{"a minute, a minute later", last["minute"], later["minute"]},
		} {
			switch {
			case c.was == nil && c.is.Existing != nil:
				t.Errorf("%s: taken for %+v", c.what, c.is.Existing)
			case c.was != nil && (c.is.Existing == nil || c.is.Existing.Message != c.was.ID):
				t.Errorf("%s: %+v, want %s", c.what, c.is.Existing, c.was.ID)
			}
		}
		checkCounts(t, s)
	})
}

func TestOneBadRowDoesNotSpoilItsGroup(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		good, bad := newMessage(t, route, "a@b.example"), newMessage(t, route, "a@b.example")
		must(t, s.AddMessage(t.Context(), bad))
		errs := s.AddMessages(t.Context(), bad, good) // bad is there already
		if errs[0] == nil || errs[1] != nil {
			t.Errorf("errors: %v", errs)
		}
		checkCounts(t, s)
	})
}

func TestClaimIsTheAttemptRecord(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		bulk, urgent, later := newMessage(t, route, "a@b.example"), newMessage(t, route, "a@b.example"), newMessage(t, route, "a@b.example")
		bulk.Lane, urgent.Lane, later.SendAt = email.Bulk, email.Urgent, start.Add(time.Minute)
		must(t, s.AddMessages(t.Context(), bulk, urgent, later)...)

		first, err := s.Claim(t.Context(), claimRequest(route, 1))
		must(t, err)
		if len(first) != 1 || first[0].Message != urgent.ID || first[0].Attempt != 1 || first[0].Fence == 0 {
			t.Fatalf("first claim: %+v", first)
		}
		rest, err := s.Claim(t.Context(), claimRequest(route, 10))
		must(t, err)
		if len(rest) != 1 || rest[0].Message != bulk.ID {
			t.Fatalf("second claim: %+v", rest)
		}
		got, err := s.Message(t.Context(), team, urgent.ID)
		must(t, err)
		if got.Recipients[0].State != email.Sending {
			t.Errorf("state while claimed: %s", got.Recipients[0].State)
		}
		checkCounts(t, s)
	})
}

func TestConcurrentClaimsNeverShare(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		const n = 200
		var ms []*store.NewMessage
		for range n {
			ms = append(ms, newMessage(t, route, "a@b.example"))
		}
		must(t, s.AddMessages(t.Context(), ms...)...)
		var mu sync.Mutex
		seen := map[email.ID]int{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					es, err := s.Claim(context.Background(), claimRequest(route, 7))
					if err != nil || len(es) == 0 {
						return
					}
					mu.Lock()
					for _, e := range es {
						seen[e.Message]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for id, k := range seen {
			if k != 1 {
				t.Errorf("%s was claimed %d times", id, k)
			}
		}
		if left, _ := s.Claim(t.Context(), claimRequest(route, n)); len(seen)+len(left) != n {
			t.Errorf("%d of %d were claimed", len(seen), n)
		}
	})
}

func TestLateOutcomeIsFenced(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		must(t, s.AddMessage(t.Context(), newMessage(t, route, "a@b.example")))
		first, err := s.Claim(t.Context(), claimRequest(route, 1))
		must(t, err)

		again := store.FinishOf(first[0], start)
		again.Next = &store.Next{State: email.Queued, DueAt: start, Unsettled: 1}
		again.Events = []store.Event{{ID: newID(t, "evt"), Kind: email.EventDelayed}}
		must(t, s.FinishAttempts(t.Context(), again)...)
		second, err := s.Claim(t.Context(), claimRequest(route, 1))
		must(t, err)
		if second[0].Attempt != 2 || second[0].Seq != 2 {
			t.Fatalf("second attempt: %+v", second[0])
		}

		late := store.FinishOf(first[0], start)
		late.Verdicts = []store.Verdict{{N: 0, State: email.Failed}}
		if err := s.FinishAttempts(t.Context(), late)[0]; !errors.Is(err, store.ErrFenced) {
			t.Errorf("a late outcome was taken: %v", err)
		}
		ok := store.FinishOf(second[0], start)
		ok.Verdicts, ok.ProviderID = []store.Verdict{{N: 0, State: email.Accepted, Reply: "250 OK"}}, "18c1"
		ok.Events = []store.Event{{ID: newID(t, "evt"), Kind: email.EventAccepted}}
		must(t, s.FinishAttempts(t.Context(), ok)...)
		got, err := s.Message(t.Context(), team, first[0].Message)
		must(t, err)
		if got.Entry != nil || got.Recipients[0].State != email.Accepted {
			t.Errorf("after the verdict: %+v", got)
		}
		known, err := s.Copies(t.Context(), route, []string{"18c1", "18c2"})
		must(t, err)
		if !cmp.Equal(known, map[string]bool{"18c1": true}) {
			t.Errorf("known copies: %v", known)
		}
		checkCounts(t, s)
		must(t, s.FoldCounts(t.Context()))
		checkCounts(t, s)
	})
}

func TestHeldAndParkedAccountsAreNotClaimed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		must(t, s.AddMessage(t.Context(), newMessage(t, route, "a@b.example")))
		e := func() store.Event {
			return store.Event{ID: newID(t, "evt"), Kind: email.EventAccountParked, At: start, Data: store.EventData{Cause: "quota"}}
		}
		until := start.Add(time.Hour)
		must(t, s.ChangeAccount(t.Context(), team, route, store.AccountChange{Until: until, Event: e()}))
		none, err := s.Claim(t.Context(), claimRequest(route, 1))
		must(t, err)
		dues, err := s.Dues(t.Context())
		must(t, err)
		if len(none) != 0 || len(dues) != 1 || !dues[0].Send.Equal(until) {
			t.Errorf("parked: claimed %d, due %+v", len(none), dues)
		}
		must(t, s.ChangeAccount(t.Context(), team, route, store.AccountChange{Hold: true, Event: e()}))
		if dues, err = s.Dues(t.Context()); err != nil || len(dues) != 1 || !dues[0].Send.IsZero() {
			t.Errorf("held: due %+v %v", dues, err)
		}
		must(t, s.ReleaseAccount(t.Context(), team, route, e()))
		some, err := s.Claim(t.Context(), claimRequest(route, 1))
		must(t, err)
		if len(some) != 1 {
			t.Errorf("after release: claimed %d", len(some))
		}
		events, err := s.Events(t.Context(), team, route)
		must(t, err)
		if len(events) != 3 {
			t.Errorf("%d events of the account", len(events))
		}
	})
}

func TestEarlierEpochHasOrphans(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		epoch, err := s.Enter(t.Context(), "node_1")
		must(t, err)
		must(t, s.AddMessage(t.Context(), newMessage(t, route, "a@b.example")))
		req := claimRequest(route, 1)
		req.Epoch = epoch
		_, err = s.Claim(t.Context(), req)
		must(t, err)
		lost, err := s.Abandoned(t.Context(), "node_2", time.Minute)
		must(t, err)
		if len(lost) != 0 {
			t.Errorf("a living node's claim counts as abandoned")
		}
		next, err := s.Enter(t.Context(), "node_1")
		must(t, err)
		orphans, err := s.Orphans(t.Context(), "node_1", next, false)
		must(t, err)
		if next != epoch+1 || len(orphans) != 1 {
			t.Errorf("epoch %d after %d, %d orphans", next, epoch, len(orphans))
		}
		if err := s.Heartbeat(t.Context(), "node_1", epoch); !errors.Is(err, store.ErrFenced) {
			t.Errorf("the older epoch may go on: %v", err)
		}
		must(t, s.Leave(t.Context(), "node_1", next))
		if lost, err = s.Abandoned(t.Context(), "node_2", time.Minute); err != nil || len(lost) != 1 {
			t.Errorf("after leaving: %d abandoned, %v", len(lost), err)
		}
	})
}

func TestReleaseHeldMessage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		m := newMessage(t, route, "a@b.example")
		must(t, s.AddMessage(t.Context(), m))
		event := func() store.Event {
			return store.Event{ID: newID(t, "evt"), Kind: email.EventReleased, At: start}
		}
		if _, err := s.Release(t.Context(), team, m.ID, event()); !errors.Is(err, store.ErrNotHeld) {
			t.Errorf("release of a queued message: %v", err)
		}
		if _, err := s.Release(t.Context(), team, "msg_x", event()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("release of no message: %v", err)
		}
		es, err := s.Claim(t.Context(), claimRequest(route, 1))
		must(t, err)
		hold := store.FinishOf(es[0], start)
		hold.Next = &store.Next{State: email.Held, UnknownAt: start, Unsettled: 1, Cause: "outcome_unknown"}
		hold.Events = []store.Event{{ID: newID(t, "evt"), Kind: email.EventHeld}}
		must(t, s.FinishAttempts(t.Context(), hold)...)
		_, err = s.Release(t.Context(), team, m.ID, event())
		must(t, err)
		got, err := s.Message(t.Context(), team, m.ID)
		must(t, err)
		if got.Entry.State != email.Queued || !got.Entry.Duplicate {
			t.Errorf("after release: %+v", got.Entry)
		}
		checkCounts(t, s)
	})
}

// A commit whose answer is lost is looked up, not reported as failed.
func TestLostAnswerOfCommit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		lose := false
		opt.Fault = func(point string) error {
			if lose && point == "commit.after" {
				lose = false
				return errors.New("connection lost")
			}
			return nil
		}
		opt.Inline = true
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		m := newMessage(t, route, "a@b.example")
		lose = true
		must(t, s.AddMessage(t.Context(), m))
		lose = true
		es, err := s.Claim(t.Context(), claimRequest(route, 1))
		must(t, err)
		if len(es) != 1 || es[0].Message != m.ID {
			t.Fatalf("claimed %+v", es)
		}
		f := store.FinishOf(es[0], start)
		f.Verdicts = []store.Verdict{{State: email.Accepted}}
		f.Events = []store.Event{{ID: newID(t, "evt"), Kind: email.EventAccepted}}
		lose = true
		must(t, s.FinishAttempts(t.Context(), f)...)
		checkCounts(t, s)
	})
}

func TestMessagesPageNewestFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		var want []email.ID
		for i := range 5 {
			m := newMessage(t, route, "a@b.example")
			m.ID = fmt.Sprintf("msg_%d", i)
			must(t, s.AddMessage(t.Context(), m))
			want = append([]email.ID{m.ID}, want...)
		}
		var got []email.ID
		for before := ""; ; {
			page, err := s.Messages(t.Context(), team, store.MessageQuery{Before: before, Limit: 2})
			must(t, err)
			for _, m := range page.Messages {
				got = append(got, m.ID)
			}
			if before = page.Next; before == "" {
				break
			}
		}
		if !cmp.Equal(got, want) {
			t.Errorf("pages: %v, want %v", got, want)
		}
	})
}

func TestClosedStoreTakesNothing(t *testing.T) {
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	must(t, err)
	must(t, s.Close())
	if err := s.Ping(t.Context(), start); !errors.Is(err, store.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
}

func TestSettingsAndKeysKeepTheFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		a, err := s.AddSetting(t.Context(), "x", []byte("1"))
		must(t, err)
		b, err := s.AddSetting(t.Context(), "x", []byte("2"))
		must(t, err)
		if string(a) != "1" || string(b) != "1" {
			t.Errorf("settings: %s, %s", a, b)
		}
		k, err := s.AddDataKey(t.Context(), store.DataKey{Team: team, Wrapped: []byte("w1"), CreatedAt: start})
		must(t, err)
		k2, err := s.AddDataKey(t.Context(), store.DataKey{Team: team, Wrapped: []byte("w2"), CreatedAt: start})
		must(t, err)
		if string(k.Wrapped) != "w1" || string(k2.Wrapped) != "w1" {
			t.Errorf("data keys: %s, %s", k.Wrapped, k2.Wrapped)
		}
	})
}

// On PostgreSQL the server itself counts its syncs: one group, one commit, at
// least one sync before the answer. (For SQLite test/powercut counts them.)
func TestEachGroupIsSyncedByPostgres(t *testing.T) {
	s := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: storetest.Postgres(t)})
	db, err := sql.Open("pgx", os.Getenv(storetest.Env))
	must(t, err)
	defer db.Close()
	for _, setting := range []string{"fsync", "synchronous_commit"} {
		var value string
		must(t, db.QueryRow("SHOW "+setting).Scan(&value))
		if value != "on" {
			t.Fatalf("%s is %s on the server for tests", setting, value)
		}
	}
	syncs := func() (n int) {
		must(t, db.QueryRow("SELECT wal_sync FROM pg_stat_wal").Scan(&n))
		return n
	}
	route := addAccount(t, s)
	before, groups := syncs(), 20
	for range groups {
		must(t, s.AddMessage(t.Context(), newMessage(t, route, "a@b.example")))
	}
	for deadline := time.Now().Add(20 * time.Second); syncs()-before < groups; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d groups were answered and %d syncs made", groups, syncs()-before)
		}
	}
}

// Plans made while tables are empty must not read whole tables once they are full.
func TestPostgresGoesByKeys(t *testing.T) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: url})
	route := addAccount(t, s)
	for range 40 { // enough for prepared statements to get their lasting plan
		must(t, s.AddMessages(t.Context(), newMessage(t, route, "a@b.example"), newMessage(t, route, "c@d.example"))...)
		es, err := s.Claim(t.Context(), claimRequest(route, 1))
		must(t, err)
		f := store.FinishOf(es[0], start)
		f.Verdicts = []store.Verdict{{State: email.Accepted}}
		f.Events = []store.Event{{ID: newID(t, "evt"), Kind: email.EventAccepted}}
		must(t, s.FinishAttempts(t.Context(), f)...)
		_, err = s.Load(t.Context(), team, es[0].Message)
		must(t, err)
	}
	must(t, s.Close()) // its connections hand in their statistics
	db, err := sql.Open("pgx", url)
	must(t, err)
	defer db.Close()
	for _, table := range []string{"queue", "recipients", "messages", "content_keys", "events", "accounts"} {
		var whole, byKey int
		must(t, db.QueryRow(`SELECT seq_scan, COALESCE(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = $1`, table).Scan(&whole, &byKey))
		if whole > 6 { // creating an index reads the table once, and so does a migration
			t.Errorf("%s was read whole %d times, and %d times by a key", table, whole, byKey)
		}
	}
}

// Of two outcomes of one attempt that meet in a group, one counts.
func TestTwinOutcomesCountOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		opt.Inline = true // so that they do meet
		s := storetest.Open(t, opt)
		route := addAccount(t, s)
		must(t, s.AddMessage(t.Context(), newMessage(t, route, "a@b.example")))
		es, err := s.Claim(t.Context(), claimRequest(route, 1))
		must(t, err)
		outcome := func(state email.State) *store.Finish {
			f := store.FinishOf(es[0], start)
			f.Verdicts = []store.Verdict{{State: state}}
			return f // without events, whose numbers would tell twins apart as well
		}
		errs := s.FinishAttempts(t.Context(), outcome(email.Accepted), outcome(email.Failed))
		if errs[0] != nil || !errors.Is(errs[1], store.ErrFenced) {
			t.Errorf("errors: %v", errs)
		}
		checkCounts(t, s)
	})
}
