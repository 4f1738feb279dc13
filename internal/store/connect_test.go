package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func wish() store.Wish {
	return store.Wish{Credential: "cred_c", Address: "grace@b.example", Transport: "gmail", Purposes: []string{"send", "look"}, Senders: []string{}}
}

func link(id email.ID) store.Link {
	return store.Link{
		Team: "team_a", ID: id, Token: []byte(id), AskedBy: "shop", Wish: wish(), Status: store.LinkOpen, CreatedAt: start, ExpiresAt: start.Add(time.Hour),
	}
}

func consent(id email.ID) store.Consent {
	return store.Consent{
		Team: "team_a", ID: id, State: []byte(id), Session: []byte("session"), Link: "link_1", Redirect: "http://127.0.0.1/", Wish: wish(),
		Sealed: []byte("sealed"), CreatedAt: start, ExpiresAt: start.Add(time.Minute),
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func connection(account, credential, link email.ID) store.Connection {
	return store.Connection{
		Credential: store.Credential{Team: "team_a", ID: credential, Kind: "google_user", Name: "n", Public: json.RawMessage("{}"), Sealed: []byte("s"), CreatedAt: start},
		Account: &store.Account{
			Team: "team_a", ID: account, Address: "grace@b.example", Transport: "gmail", Credential: credential, Config: json.RawMessage("{}"), CreatedAt: start, UpdatedAt: start,
		},
		Event: store.Event{ID: "evt_" + account + credential, Kind: email.EventAccountConnected, At: start}, Link: link,
	}
}

func TestLinkRows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, ctx := storetest.Open(t, opt), t.Context()
		want := link("link_1")
		check(t, s.AddLink(ctx, want))
		check(t, s.AddLink(ctx, link("link_2")))
		got, err := s.LinkByToken(ctx, []byte("link_1"))
		check(t, err)
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Error(diff)
		}
		all, err := s.Links(ctx, "team_a")
		check(t, err)
		if len(all) != 2 || all[0].ID != "link_2" {
			t.Errorf("links %+v", all)
		}
		check(t, s.LinkProblem(ctx, "team_a", "link_1", "denied"))
		was, err := s.CancelLink(ctx, "team_a", "link_1")
		check(t, err)
		again, err := s.CancelLink(ctx, "team_a", "link_1")
		check(t, err)
		check(t, s.LinkProblem(ctx, "team_a", "link_1", "too late"))
		got, err = s.Link(ctx, "team_a", "link_1")
		check(t, err)
		if !was || again || got.Status != store.LinkCanceled || got.Problem != "denied" {
			t.Errorf("%v %v %+v", was, again, got)
		}
		for _, team := range []email.ID{"team_b", ""} {
			if _, err := s.Link(ctx, team, "link_2"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a link of another team: %v", err)
			}
		}
	})
}

// Of any number who come with a state at once, one takes the consent.
func TestConsentIsTakenOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, ctx := storetest.Open(t, opt), t.Context()
		want := consent("cons_1")
		check(t, s.AddConsent(ctx, want))
		var wg sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			wg.Go(func() { _, errs[i] = s.TakeConsent(ctx, []byte("cons_1"), start.Add(time.Second)) })
		}
		wg.Wait()
		taken := 0
		for _, err := range errs {
			if err == nil {
				taken++
			} else if !errors.Is(err, store.ErrConsentUsed) {
				t.Errorf("refused by %v", err)
			}
		}
		got, err := s.Consent(ctx, "team_a", "cons_1")
		check(t, err)
		want.UsedAt = start.Add(time.Second)
		if diff := cmp.Diff(&want, got); taken != 1 || diff != "" {
			t.Errorf("taken %d times: %s", taken, diff)
		}
	})
}

// A late consent is told to be late for a day, and then unknown; the newest of a
// browser is found by its session, and nobody's by none.
func TestConsentRows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, ctx := storetest.Open(t, opt), t.Context()
		check(t, s.AddConsent(ctx, consent("cons_1")))
		own := consent("cons_2")
		own.Session, own.Link, own.CreatedAt = nil, "", start.Add(time.Second)
		check(t, s.AddConsent(ctx, own))
		newer := consent("cons_3")
		newer.CreatedAt = start.Add(2 * time.Second)
		check(t, s.AddConsent(ctx, newer))
		got, err := s.ConsentOfSession(ctx, []byte("session"))
		check(t, err)
		if got.ID != "cons_3" {
			t.Errorf("found %s", got.ID)
		}
		for _, none := range [][]byte{{}, []byte("other")} {
			if _, err := s.ConsentOfSession(ctx, none); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%q: %v", none, err)
			}
		}
		if c, err := s.TakeConsent(ctx, []byte("cons_1"), start.Add(time.Minute)); !errors.Is(err, store.ErrConsentExpired) || c.ID != "cons_1" {
			t.Errorf("late: %v", err)
		}
		late := consent("cons_4")
		late.CreatedAt = start.Add(25 * time.Hour)
		check(t, s.AddConsent(ctx, late))
		if _, err := s.TakeConsent(ctx, []byte("cons_1"), late.CreatedAt); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a day later: %v", err)
		}
	})
}

// A connection is kept whole or not at all.
func TestConnect(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, ctx := storetest.Open(t, opt), t.Context()
		check(t, s.AddLink(ctx, link("link_1")))
		check(t, s.Connect(ctx, connection("acc_1", "cred_1", "link_1")))
		l, err := s.Link(ctx, "team_a", "link_1")
		check(t, err)
		if l.Status != store.LinkUsed || l.Account != "acc_1" {
			t.Errorf("link %+v", l)
		}
		for want, k := range map[error]store.Connection{
			store.ErrLinkClosed: connection("acc_2", "cred_2", "link_1"),
			store.ErrExists:     connection("acc_2", "cred_2", ""),
		} {
			if err := s.Connect(ctx, k); !errors.Is(err, want) {
				t.Errorf("want %v, got %v", want, err)
			}
		}
		all, err := s.Credentials(ctx, "team_a")
		check(t, err)
		if len(all) != 1 {
			t.Errorf("a refused connection left %d credentials", len(all))
		}
		events, err := s.Events(ctx, "team_a", "acc_1")
		check(t, err)
		if len(events) != 1 {
			t.Errorf("events %+v", events)
		}
	})
}

// Connecting again releases a held account; a parked one stays parked.
func TestConnectAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, ctx := storetest.Open(t, opt), t.Context()
		check(t, s.Connect(ctx, connection("acc_1", "cred_1", "")))
		for _, c := range []store.AccountChange{{Until: start.Add(time.Hour)}, {Hold: true}} {
			c.Event = store.Event{ID: "evt_x" + c.Until.String(), Kind: email.EventAccountHeld, At: start, Data: store.EventData{Cause: "c"}}
			check(t, s.ChangeAccount(ctx, "team_a", "acc_1", c))
			k := connection("acc_1", "cred_1", "")
			k.Replace, k.Again, k.Event.ID = true, true, k.Event.ID+c.Until.String()
			k.Account.UpdatedAt = start.Add(time.Second)
			check(t, s.Connect(ctx, k))
			a, err := s.Account(ctx, "team_a", "acc_1")
			check(t, err)
			if a.Held || !a.ParkedUntil.Equal(start.Add(time.Hour)) || c.Hold != (a.Cause == "") {
				t.Errorf("%+v: %+v", c, a)
			}
		}
		k := connection("acc_9", "cred_1", "")
		k.Replace, k.Again = true, true
		if err := s.Connect(ctx, k); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an account that is gone: %v", err)
		}
	})
}

// What is used is not removed, and its users are named.
func TestRemovals(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, ctx := storetest.Open(t, opt), t.Context()
		check(t, s.Connect(ctx, connection("acc_1", "cred_1", "")))
		none := func(store.Credential) bool { return false }
		err := s.DeleteCredential(ctx, "team_a", "cred_1", none)
		if use, ok := errors.AsType[*store.InUse](err); !ok || !slices.Equal(use.Accounts, []email.ID{"acc_1"}) {
			t.Errorf("used: %v", err)
		}
		check(t, s.DeleteAccount(ctx, "team_a", "acc_1"))
		other := connection("acc_1", "cred_2", "").Credential
		check(t, s.AddCredential(ctx, other))
		err = s.DeleteCredential(ctx, "team_a", "cred_1", func(c store.Credential) bool { return c.ID == "cred_2" })
		if use, ok := errors.AsType[*store.InUse](err); !ok || !slices.Equal(use.Users, []email.ID{"cred_2"}) {
			t.Errorf("used: %v", err)
		}
		check(t, s.DeleteCredential(ctx, "team_a", "cred_1", none))
		for what, f := range map[string]func(context.Context) error{
			"account":    func(ctx context.Context) error { return s.DeleteAccount(ctx, "team_a", "acc_1") },
			"credential": func(ctx context.Context) error { return s.DeleteCredential(ctx, "team_a", "cred_1", none) },
			"key":        func(ctx context.Context) error { return s.DeleteAPIKey(ctx, "team_a", "key_1") },
		} {
			if err := f(ctx); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s once more: %v", what, err)
			}
		}
	})
}
