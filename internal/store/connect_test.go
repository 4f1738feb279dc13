package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
			wg.Go(func() { _, errs[i] = s.TakeConsent(ctx, &want, want.Session, start.Add(time.Second)) })
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

// Who knows a state and not the session, or comes by another way, gets nothing and
// uses nothing up.
func TestConsentIsTakenByItsOwn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, ctx := storetest.Open(t, opt), t.Context()
		own := consent("cons_1")
		check(t, s.AddConsent(ctx, own))
		elsewhere := own
		elsewhere.Link = ""
		for what, try := range map[string]func() error{
			"another session": func() error { _, err := s.TakeConsent(ctx, &own, []byte("other"), start); return err },
			"no session":      func() error { _, err := s.TakeConsent(ctx, &own, nil, start); return err },
			"another way":     func() error { _, err := s.TakeConsent(ctx, &elsewhere, own.Session, start); return err },
		} {
			if err := try(); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err := s.TakeConsent(ctx, &own, own.Session, start.Add(time.Second))
		check(t, err)
	})
}

// Of one link twenty consents wait at most, of those that are not over.
func TestOpenConsentsOfALink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, ctx := storetest.Open(t, opt), t.Context()
		var wg sync.WaitGroup
		errs := make([]error, 40)
		for i := range errs {
			c := consent(fmt.Sprint("cons_", i))
			wg.Go(func() { errs[i] = s.AddConsent(ctx, c) })
		}
		wg.Wait()
		added := 0
		for _, err := range errs {
			if err == nil {
				added++
			} else if !errors.Is(err, store.ErrTooManyOpen) {
				t.Error(err)
			}
		}
		if added != 20 {
			t.Errorf("%d wait", added)
		}
		later, own := consent("cons_later"), consent("cons_own")
		later.CreatedAt, own.Link = start.Add(time.Minute), ""
		check(t, s.AddConsent(ctx, later))
		check(t, s.AddConsent(ctx, own))
	})
}

// A link whose key is gone or over is not used up by a connection.
func TestConnectNeedsTheKeyOfTheLink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, ctx := storetest.Open(t, opt), t.Context()
		for id, ends := range map[email.ID]time.Time{"key_lives": start.Add(time.Hour), "key_over": start, "key_ever": {}} {
			check(t, s.AddAPIKey(ctx, store.APIKey{Team: "team_a", ID: id, Hash: []byte(id), ExpiresAt: ends, CreatedAt: start}))
		}
		for id, want := range map[email.ID]error{"key_over": store.ErrLinkClosed, "key_gone": store.ErrLinkClosed, "key_lives": nil, "key_ever": nil} {
			l := link("link_" + id)
			l.Key = id
			check(t, s.AddLink(ctx, l))
			got, err := s.Link(ctx, "team_a", l.ID)
			check(t, err)
			if got.KeyGone != (id == "key_gone") || id == "key_lives" && !got.KeyEnds.Equal(start.Add(time.Hour)) {
				t.Errorf("%s: %+v", id, got)
			}
			k := connection("acc_"+id, "cred_"+id, l.ID)
			k.Account.Address = id + "@b.example"
			if err := s.Connect(ctx, k); !errors.Is(err, want) {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
}

// Turns stand side by side, one alone stands alone, and each ends in time.
func TestTurns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, ctx := storetest.Open(t, opt), t.Context()
		take := func(name, holder string, alone bool, life time.Duration) bool {
			t.Helper()
			got, err := s.TakeTurn(ctx, store.Turn{Name: name, Holder: holder, Alone: alone}, life)
			check(t, err)
			return got
		}
		if !take("c", "1", false, time.Hour) || !take("c", "2", false, time.Hour) || take("c", "3", true, time.Hour) || !take("d", "3", true, time.Hour) {
			t.Error("side by side")
		}
		for _, holder := range []string{"1", "2"} {
			check(t, s.EndTurn(ctx, store.Turn{Name: "c", Holder: holder}))
		}
		if !take("c", "3", true, 20*time.Millisecond) {
			t.Error("nobody is there, and nobody may be alone")
		}
		for end := time.Now().Add(10 * time.Second); !take("c", "4", true, time.Hour); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the turn of one who died does not end")
			}
		}
		if take("c", "5", false, time.Hour) || take("c", "6", true, time.Hour) {
			t.Error("somebody stands beside one who is alone")
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
		first := consent("cons_1")
		if c, err := s.TakeConsent(ctx, &first, first.Session, start.Add(time.Minute)); !errors.Is(err, store.ErrConsentExpired) || c.ID != "cons_1" {
			t.Errorf("late: %v", err)
		}
		late := consent("cons_4")
		late.CreatedAt = start.Add(25 * time.Hour)
		check(t, s.AddConsent(ctx, late))
		if _, err := s.TakeConsent(ctx, &first, first.Session, late.CreatedAt); !errors.Is(err, store.ErrNotFound) {
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

func unchanged(*store.Account) error { return nil }

// Connecting again releases a held account; a parked one stays parked.
func TestConnectAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, ctx := storetest.Open(t, opt), t.Context()
		check(t, s.Connect(ctx, connection("acc_1", "cred_1", "")))
		version := start
		for _, c := range []store.AccountChange{{Until: start.Add(time.Hour)}, {Hold: true}} {
			c.Event = store.Event{ID: "evt_x" + c.Until.String(), Kind: email.EventAccountHeld, At: start, Data: store.EventData{Cause: "c"}}
			check(t, s.ChangeAccount(ctx, "team_a", "acc_1", c))
			k := connection("acc_1", "cred_1", "")
			k.Replace, k.Again, k.Event.ID = true, unchanged, k.Event.ID+c.Until.String()
			k.Seen, k.Credential.UpdatedAt = version, version.Add(time.Millisecond)
			check(t, s.Connect(ctx, k))
			if err := s.Connect(ctx, k); !errors.Is(err, store.ErrChanged) {
				t.Errorf("a credential that was replaced meanwhile: %v", err)
			}
			version = k.Credential.UpdatedAt
			a, err := s.Account(ctx, "team_a", "acc_1")
			check(t, err)
			if a.Held || !a.ParkedUntil.Equal(start.Add(time.Hour)) || c.Hold != (a.Cause == "") {
				t.Errorf("%+v: %+v", c, a)
			}
		}
		seen := connection("acc_1", "cred_1", "")
		seen.Replace, seen.Again, seen.Account.Credential, seen.Seen = true, unchanged, "cred_before", version
		if err := s.Connect(ctx, seen); !errors.Is(err, store.ErrChanged) {
			t.Errorf("an account that got another credential meanwhile: %v", err)
		}
		k := connection("acc_9", "cred_1", "")
		k.Replace, k.Again, k.Seen = true, unchanged, version
		if err := s.Connect(ctx, k); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an account that is gone: %v", err)
		}
	})
}

// Of two who replace a credential as they saw it, one does; a client is not
// replaced by another while users stand on it, nor connects with another's consent.
func TestSwapCredential(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, ctx := storetest.Open(t, opt), t.Context()
		client := store.Credential{Team: "team_a", ID: "cred_c", Kind: "client", Public: json.RawMessage("{}"), Sealed: []byte("a"), CreatedAt: start}
		check(t, s.AddCredential(ctx, client))
		client.UpdatedAt = start.Add(time.Millisecond)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() { errs[i] = s.SwapCredential(ctx, client, start, nil) })
		}
		wg.Wait()
		swapped := 0
		for _, err := range errs {
			if err == nil {
				swapped++
			} else if !errors.Is(err, store.ErrChanged) {
				t.Error(err)
			}
		}
		if swapped != 1 {
			t.Errorf("%d replaced the same", swapped)
		}
		k := connection("acc_1", "cred_1", "")
		k.Client, k.Gave = "cred_c", func(store.Credential) bool { return false }
		if err := s.Connect(ctx, k); !errors.Is(err, store.ErrNoCredential) {
			t.Errorf("by another client: %v", err)
		}
		k.Gave = func(c store.Credential) bool { return c.ID == "cred_c" }
		check(t, s.Connect(ctx, k))
		err := s.SwapCredential(ctx, client, client.UpdatedAt, func(c store.Credential) bool { return c.ID == "cred_1" })
		if use, ok := errors.AsType[*store.InUse](err); !ok || len(use.Users) != 1 {
			t.Errorf("a client that users stand on: %v", err)
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

// Accounts of one mailbox are found as Google compares, in any script.
func TestAccountsOfAMailbox(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s := storetest.Open(t, opt)
		for _, address := range []string{"Ada@acme.example", "a.b@gmail.com", "Éva@acme.example", "ada@other.example"} {
			must(t, s.AddAccount(t.Context(), &store.Account{
				Team: team, ID: newID(t, email.PrefixAccount), Address: address, Transport: "smtp", Config: []byte("{}"), CreatedAt: start,
			}))
		}
		for asked, want := range map[string]string{
			"ada@acme.example": "Ada@acme.example", "AB@googlemail.com": "a.b@gmail.com", "éVA@acme.example": "Éva@acme.example", "eva@acme.example": "",
		} {
			found, err := s.OfMailbox(t.Context(), team, asked)
			must(t, err)
			if want == "" && len(found) != 0 || want != "" && (len(found) != 1 || found[0].Address != want) {
				t.Errorf("%s: found %d, want %s", asked, len(found), want)
			}
		}
	})
}

// Of any number who would ask for a device code one may, and nobody before its time, or
// once it was used or has ended.
func TestPollRows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		s, ctx := storetest.Open(t, opt), t.Context()
		c := consent("cons_1")
		c.Link, c.Session, c.Redirect, c.SharedWith = "", nil, "", "kim@b.example"
		c.PollEvery, c.PollAt = 5*time.Second, start.Add(5*time.Second)
		check(t, s.AddConsent(ctx, c))
		got, err := s.Consent(ctx, c.Team, c.ID)
		check(t, err)
		got.Session = nil // an empty one is read as none by one database alone
		if diff := cmp.Diff(&c, got); diff != "" {
			t.Error(diff)
		}
		may := func(at time.Duration) bool {
			t.Helper()
			may, err := s.ClaimPoll(ctx, &c, start.Add(at), start.Add(at+40*time.Second))
			check(t, err)
			return may
		}
		if may(4 * time.Second) {
			t.Error("before its time")
		}
		var wg sync.WaitGroup
		claimed := make([]bool, 8)
		for i := range claimed {
			wg.Go(func() { claimed[i], _ = s.ClaimPoll(ctx, &c, start.Add(5*time.Second), start.Add(40*time.Second)) })
		}
		wg.Wait()
		if n := len(slices.DeleteFunc(claimed, func(may bool) bool { return !may })); n != 1 {
			t.Errorf("%d of 8 may ask", n)
		}
		check(t, s.PollAgain(ctx, &c, 10*time.Second, start.Add(15*time.Second)))
		if may(14*time.Second) || !may(15*time.Second) {
			t.Error("not when PollAgain says")
		}
		if _, err := s.ClaimPoll(ctx, &c, start.Add(time.Hour), start.Add(2*time.Hour)); !errors.Is(err, store.ErrConsentExpired) {
			t.Errorf("after its end: %v", err)
		}
	})
}
