package control

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A consent that is given back does not end one of the same user and client that
// is being finished.
func TestGivingBackLeavesWhatIsFinished(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		client := w.oauthClient(t, "installed")
		for range 25 {
			wrong, atWrong := w.consent(t, NewConsent{Credential: client, Address: grace}, sandbox.Decision{Account: ada})
			right, atRight := w.consent(t, NewConsent{Credential: client, Address: ada}, sandbox.Decision{Account: ada})
			var wg sync.WaitGroup
			var made Connected
			var err error
			wg.Go(func() { _, _ = w.FinishConsent(t.Context(), w.grant, wrong, atWrong) })
			wg.Go(func() { made, err = w.FinishConsent(t.Context(), w.grant, right, atRight) })
			wg.Wait()
			if _, ok := errors.AsType[*Refusal](err); ok {
				continue // Google ended the code as well, and nothing was kept
			}
			must(t, err)
			p, err := w.CheckAccount(t.Context(), w.grant, made.Account.ID)
			must(t, err)
			if !p.OK {
				t.Fatalf("connected with a dead consent: %+v", p)
			}
			must(t, gone(w.DeleteAccount(t.Context(), w.grant, made.Account.ID)))
		}
	})
}

// A consent whose user is not proven is given back, but not where that would end
// a connection of the same user.
func TestUnprovenConsentIsGivenBack(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	client := w.oauthClient(t, "installed")
	unproven := func() {
		t.Helper()
		*w.now = time.Now().Add(3 * time.Hour) // so that the ID token has expired
		id, r := w.consent(t, NewConsent{Credential: client}, sandbox.Decision{Account: grace})
		_, err := w.FinishConsent(t.Context(), w.grant, id, r)
		wantRefusal(t, err, "identity_unproven")
		*w.now = time.Time{}
	}
	unproven()
	if n := w.google.Revoke(grace); n != 0 {
		t.Errorf("%d grants are left at Google", n)
	}
	made := w.connected(t, NewConsent{Credential: client}, grace)
	unproven()
	p, err := w.CheckAccount(t.Context(), w.grant, made.Account.ID)
	must(t, err)
	if !p.OK {
		t.Errorf("a connection was ended: %+v", p)
	}
}

// Two changes at once of different things both stay, and so does a change beside
// a new consent.
func TestChangesAtOnceBothStay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		ctx := t.Context()
		made := w.connected(t, NewConsent{Credential: w.oauthClient(t, "installed")}, grace)
		for i := range 30 {
			with, without := []string{"@evil.example"}, []string{}
			_, err := w.UpdateAccount(ctx, w.grant, made.Account.ID, ChangeAccount{Senders: &with, Config: []byte(`{"max_parallel": 2}`)})
			must(t, err)
			var again func()
			if i%10 == 0 {
				id, r := w.consent(t, NewConsent{Credential: w.clientOf(t, made.Credential)}, sandbox.Decision{Account: grace})
				again = func() {
					_, err := w.FinishConsent(ctx, w.grant, id, r)
					must(t, err)
				}
			} else {
				again = func() {
					_, err := w.UpdateAccount(ctx, w.grant, made.Account.ID, ChangeAccount{Config: []byte(`{"max_parallel": 3}`)})
					must(t, err)
				}
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				_, err := w.UpdateAccount(ctx, w.grant, made.Account.ID, ChangeAccount{Senders: &without})
				must(t, err)
			})
			wg.Go(again)
			wg.Wait()
			if a := w.accountNow(t, made.Account.ID); len(a.Senders) > 0 {
				t.Fatalf("round %d: a sender that was removed is back: %v", i, a.Senders)
			}
		}
	})
}

// A mailbox is connected once by a transport, however many ask for it at once.
func TestTwinsAreRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		var wg sync.WaitGroup
		for _, address := range []string{"a.b@gmail.com", "ab@gmail.com", "A.B@gmail.com", "ab@googlemail.com", "a.b@gmail.com", "ab@gmail.com"} {
			wg.Go(func() {
				_, err := w.CreateAccount(t.Context(), w.grant, relay(address, "", `{"host": "127.0.0.1"}`))
				if err != nil {
					wantInvalid(t, err, "address", "is connected by smtp already")
				}
			})
		}
		wg.Wait()
		all, err := w.Accounts(t.Context(), w.grant)
		must(t, err)
		if len(all) != 1 {
			t.Errorf("%d accounts of one mailbox", len(all))
		}
	})
}

// A credential that is removed while an account takes it into use leaves no
// account without one.
func TestRemovalBesideUse(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		ctx := t.Context()
		old, err := w.CreateCredential(ctx, w.grant, password("hunter1"))
		must(t, err)
		a, err := w.CreateAccount(ctx, w.grant, relay("a@b.example", old.ID, `{"host": "127.0.0.1"}`))
		must(t, err)
		for i := range 20 {
			made, err := w.CreateCredential(ctx, w.grant, password("hunter2"))
			must(t, err)
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = w.DeleteCredential(ctx, w.grant, made.ID) })
			wg.Go(func() { _, _ = w.UpdateAccount(ctx, w.grant, a.ID, ChangeAccount{Credential: &made.ID}) })
			wg.Go(func() {
				if n, err := w.CreateAccount(ctx, w.grant, relay("c@d.example", made.ID, `{"host": "127.0.0.1"}`)); err == nil {
					_, err := w.store.Credential(ctx, w.grant.Team, n.Credential)
					must(t, err)
					must(t, gone(w.DeleteAccount(ctx, w.grant, n.ID)))
				}
			})
			wg.Wait()
			now, err := w.Account(ctx, w.grant, a.ID)
			must(t, err)
			if _, err := w.store.Credential(ctx, w.grant.Team, now.Credential); err != nil {
				t.Fatalf("round %d: the account's credential: %v", i, err)
			}
		}
	})
}

// A link ends with the key that made it.
func TestLinkEndsWithItsKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		ctx := t.Context()
		client := w.oauthClient(t, "web", "https://mail.acme.example/connect/callback")
		for name, end := range map[string]func(g access.Grant){
			"deleted": func(g access.Grant) { must(t, w.DeleteKey(ctx, w.grant, g.Key)) },
			"expired": func(access.Grant) { *w.now = time.Now().Add(time.Hour) },
		} {
			g := w.withKey(t, time.Now().Add(time.Hour))
			l, err := w.CreateLink(ctx, g, NewLink{Credential: client, Address: grace})
			must(t, err)
			token := l.URL[len("https://mail.acme.example/connect/"):]
			to, session, err := w.StartLink(ctx, token)
			must(t, err)
			r := w.decided(t, to, sandbox.Decision{Account: grace})
			end(g)
			_, err = w.OpenLink(ctx, token)
			wantRefusal(t, err, CauseLinkKeyEnded)
			_, _, err = w.RestartLink(ctx, session.Reveal())
			wantRefusal(t, err, CauseLinkKeyEnded)
			o, err := w.FinishRedirect(ctx, session.Reveal(), r)
			must(t, err)
			accounts, err := w.Accounts(ctx, w.grant)
			must(t, err)
			if o.Refusal == nil || len(accounts) != 0 {
				t.Errorf("%s: outcome %+v, %d accounts", name, o, len(accounts))
			}
			*w.now = time.Time{}
			all, err := w.Links(ctx, w.grant)
			must(t, err)
			if name == "deleted" && (all[0].Status != store.LinkCanceled || all[0].Problem == "") {
				t.Errorf("%s: %+v", name, all[0])
			}
		}
	})
}

// withKey is the grant of a new key that ends.
func (w *withGoogle) withKey(t *testing.T, ends time.Time) access.Grant {
	t.Helper()
	plain, _, err := w.CreateKey(t.Context(), w.grant, NewKey{Name: "short", Scopes: []string{access.ScopeAll}, ExpiresAt: ends})
	must(t, err)
	g, err := access.Authenticate(t.Context(), w.store, plain.Reveal(), netip.Addr{}, time.Now())
	must(t, err)
	return g
}

// A key with an end makes none that lives longer.
func TestKeyMakesNoLongerKey(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	g := w.withKey(t, time.Now().Add(time.Hour))
	n := NewKey{Name: "child", Scopes: []string{access.ScopeMessagesSend}}
	for _, at := range []time.Time{{}, g.Ends.Add(time.Millisecond), time.Now().AddDate(10, 0, 0)} {
		n.ExpiresAt = at
		_, _, err := w.CreateKey(t.Context(), g, n)
		wantInvalid(t, err, "expires_at", "must be no later than "+g.Ends.UTC().Format(time.RFC3339))
	}
	n.ExpiresAt = g.Ends
	_, _, err := w.CreateKey(t.Context(), g, n)
	must(t, err)
}

// Sent is looked at where that was asked, and what the token may do besides is not
// relied on.
func TestNoMoreThanWasAsked(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	client := w.oauthClient(t, "web", back, "https://mail.acme.example/connect/callback")
	for _, c := range []struct {
		purposes     []string
		scopes, look string
	}{
		{[]string{"send", "look"}, scopes + "send " + scopes + "metadata", "true"},
		{[]string{"send", "read"}, scopes + "send " + scopes + "readonly", "false"},
		{[]string{"send"}, scopes + "send", "false"},
		{[]string{"look", "modify"}, scopes + "modify", "true"},
	} {
		made := w.connected(t, NewConsent{Credential: client, Purposes: c.purposes}, grace)
		if got := w.public(t, made.Credential, "scopes"); got != c.scopes || !strings.Contains(string(made.Account.Config), `"may_look":`+c.look) {
			t.Errorf("%v: scopes %s, settings %s", c.purposes, got, made.Account.Config)
		}
	}
}
