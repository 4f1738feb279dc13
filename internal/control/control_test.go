package control

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/provider/smtp"
	"gatepost/internal/queue"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

// The operations are tested through the API as well (api/account_test.go); here
// is what does not show there.

type world struct {
	*Control
	store *store.Store
	vault *vault.Vault
	grant access.Grant
}

func start(t *testing.T, opt store.Options) world {
	t.Helper()
	st := storetest.Open(t, opt)
	master, _, err := vault.LoadMaster(vault.Source{Dir: t.TempDir(), Random: rand.Reader})
	must(t, err)
	v := vault.New(st, master, rand.Reader, time.Now)
	must(t, v.Start(t.Context()))
	kinds := []provider.Kind{gmail.Kind(), smtp.Kind()}
	engine := queue.New(queue.Config{Store: st, Vault: v, Kinds: kinds})
	c := New(Config{Store: st, Vault: v, Engine: engine, Kinds: kinds})
	team, err := c.FirstTeam(t.Context())
	must(t, err)
	return world{c, st, v, access.Grant{Team: team, Scopes: []string{access.ScopeAll}}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func password(p string) NewCredential {
	return NewCredential{Kind: KindPassword, Name: "Relay", Password: email.NewSecret(p)}
}

// What was handed over is what a send gets, under its new id, and the row does
// not hold it in the clear.
func TestSecretsAreSealed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		made, err := w.CreateCredential(t.Context(), w.grant, password("hunter2"))
		must(t, err)
		for _, want := range []string{"hunter2", "correct horse"} {
			row, secret, err := w.vault.Secret(t.Context(), w.grant.Team, made.ID)
			must(t, err)
			if secret.Reveal() != want || strings.Contains(string(row.Sealed), want) || row.Kind != KindPassword {
				t.Errorf("want %s sealed, got %s in %q", want, secret.Reveal(), row.Sealed)
			}
			_, err = w.ReplaceCredential(t.Context(), w.grant, made.ID, NewCredential{Password: email.NewSecret("correct horse")})
			must(t, err)
		}
	})
}

// OnlyCheck keeps and changes nothing, whether something is wrong or not.
func TestOnlyCheck(t *testing.T) {
	w := start(t, store.Options{Dir: t.TempDir()})
	ctx := t.Context()
	made, err := w.CreateCredential(ctx, w.grant, password("hunter2"))
	must(t, err)
	check := password("other")
	check.OnlyCheck = true
	_, err = w.CreateCredential(ctx, w.grant, check)
	must(t, err)
	_, err = w.ReplaceCredential(ctx, w.grant, made.ID, check)
	must(t, err)
	_, err = w.CreateAccount(ctx, w.grant, NewAccount{Address: "a@b.example", Transport: "smtp", Credential: made.ID, Config: []byte(`{"host": "127.0.0.1"}`), OnlyCheck: true})
	must(t, err)
	all, err := w.Credentials(ctx, w.grant)
	must(t, err)
	accounts, err := w.Accounts(ctx, w.grant)
	must(t, err)
	_, secret, err := w.vault.Secret(ctx, w.grant.Team, made.ID)
	must(t, err)
	if len(all) != 1 || len(accounts) != 0 || secret.Reveal() != "hunter2" {
		t.Errorf("%d credentials, %d accounts, secret %s", len(all), len(accounts), secret.Reveal())
	}
}

// Senders are kept in the form in which the engine compares them.
func TestAccountIsNormalised(t *testing.T) {
	w := start(t, store.Options{Dir: t.TempDir()})
	made, err := w.CreateCredential(t.Context(), w.grant, password("hunter2"))
	must(t, err)
	a, err := w.CreateAccount(t.Context(), w.grant, NewAccount{
		Address: "App@Example.COM", Transport: "smtp", Credential: made.ID, Senders: []string{"@BÜCHER.example", "Team@Example.ORG"}, Config: []byte(`{"host": "127.0.0.1"}`),
	})
	must(t, err)
	if diff := cmp.Diff([]string{"App@example.com", "@xn--bcher-kva.example", "Team@example.org"}, append([]string{a.Address}, a.Senders...)); diff != "" {
		t.Error(diff)
	}
	got, err := w.Account(t.Context(), w.grant, a.ID)
	must(t, err)
	if diff := cmp.Diff(a, got); diff != "" {
		t.Error("what was answered is not what is kept:", diff)
	}
}

// A replaced credential releases accounts that a person had to look at, not those
// that wait for a quota.
func TestReplaceLeavesParkedAccountsParked(t *testing.T) {
	w := start(t, store.Options{Dir: t.TempDir()})
	ctx := t.Context()
	made, err := w.CreateCredential(ctx, w.grant, password("hunter2"))
	must(t, err)
	var ids []email.ID
	for _, address := range []string{"held@b.example", "parked@b.example"} {
		a, err := w.CreateAccount(ctx, w.grant, NewAccount{Address: address, Transport: "smtp", Credential: made.ID, Config: []byte(`{"host": "127.0.0.1"}`)})
		must(t, err)
		ids = append(ids, a.ID)
	}
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	must(t, w.change(ctx, ids[0], store.AccountChange{Hold: true}))
	must(t, w.change(ctx, ids[1], store.AccountChange{Until: until}))
	_, err = w.ReplaceCredential(ctx, w.grant, made.ID, password("correct horse"))
	must(t, err)
	held, err := w.Account(ctx, w.grant, ids[0])
	must(t, err)
	parked, err := w.Account(ctx, w.grant, ids[1])
	must(t, err)
	if held.Held || !parked.ParkedUntil.Equal(until) {
		t.Errorf("held %v, parked until %v", held.Held, parked.ParkedUntil)
	}
	released, err := w.ReleaseAccount(ctx, w.grant, ids[1])
	must(t, err)
	if !released.ParkedUntil.IsZero() || released.Cause != "" {
		t.Errorf("released: %+v", released)
	}
	events, err := w.store.Events(ctx, w.grant.Team, ids[1])
	must(t, err)
	if n := len(events); n != 2 || events[1].Kind != email.EventAccountReleased {
		t.Errorf("events %+v", events)
	}
}

func (w world) change(ctx context.Context, id email.ID, c store.AccountChange) error {
	e, err := w.event(email.EventAccountHeld)
	e.Data.Cause = "credential_refused"
	c.Event = e
	return errors.Join(err, w.store.ChangeAccount(ctx, w.grant.Team, id, c))
}

// A key that is made opens the door with its scopes, and only its hash is kept.
func TestFirstKey(t *testing.T) {
	w := start(t, store.Options{Dir: t.TempDir()})
	plain, key, err := w.FirstKey(t.Context(), w.grant.Team, NewKey{Name: "app", Scopes: []string{access.ScopeMessagesSend}})
	must(t, err)
	grant, err := access.Authenticate(t.Context(), w.store, plain.Reveal(), netip.Addr{}, time.Now())
	must(t, err)
	if grant.Team != w.grant.Team || grant.Key != key.ID || grant.May(access.ScopeMessagesRead) || !grant.May(access.ScopeMessagesSend) {
		t.Errorf("grant %+v", grant)
	}
	if strings.Contains(plain.Reveal(), key.Hint) || !strings.HasSuffix(plain.Reveal(), key.Hint[len(key.Hint)-4:]) {
		t.Errorf("hint %q", key.Hint)
	}
	_, _, err = w.FirstKey(t.Context(), w.grant.Team, NewKey{Name: "a\nb", Scopes: []string{"messages:send", "root"}})
	var invalid *Invalid
	if !errors.As(err, &invalid) || len(invalid.Problems) != 2 || invalid.Problems[0].Field != "name" || invalid.Problems[1].Field != "scopes[1]" {
		t.Errorf("error %v", err)
	}
	if _, _, err = w.FirstKey(t.Context(), w.grant.Team, NewKey{Name: "x"}); !errors.As(err, &invalid) {
		t.Errorf("a key without scopes: %v", err)
	}
}

func TestFirstTeamIsOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		again, err := w.FirstTeam(t.Context())
		must(t, err)
		if again != w.grant.Team {
			t.Errorf("%s, then %s", w.grant.Team, again)
		}
	})
}

// Without the scope nothing is told, not even what is wrong.
func TestScopeComesFirst(t *testing.T) {
	w := start(t, store.Options{Dir: t.TempDir()})
	none := access.Grant{Team: w.grant.Team}
	ctx := t.Context()
	for name, op := range map[string]func() error{
		"CreateCredential":  func() error { _, err := w.CreateCredential(ctx, none, NewCredential{}); return err },
		"ReplaceCredential": func() error { _, err := w.ReplaceCredential(ctx, none, "x", NewCredential{}); return err },
		"Credentials":       func() error { _, err := w.Credentials(ctx, none); return err },
		"CreateAccount":     func() error { _, err := w.CreateAccount(ctx, none, NewAccount{}); return err },
		"Accounts":          func() error { _, err := w.Accounts(ctx, none); return err },
		"Account":           func() error { _, err := w.Account(ctx, none, "x"); return err },
		"ReleaseAccount":    func() error { _, err := w.ReleaseAccount(ctx, none, "x"); return err },
		"UpdateAccount":     func() error { _, err := w.UpdateAccount(ctx, none, "x", ChangeAccount{}); return err },
		"DeleteAccount":     func() error { return gone(w.DeleteAccount(ctx, none, "x")) },
		"DeleteCredential":  func() error { return gone(w.DeleteCredential(ctx, none, "x")) },
		"CheckAccount":      func() error { _, err := w.CheckAccount(ctx, none, "x"); return err },
		"CheckCredential":   func() error { _, err := w.CheckCredential(ctx, none, "x", "", nil); return err },
		"Aliases":           func() error { _, err := w.Aliases(ctx, none, "x"); return err },
		"TestAccount":       func() error { _, err := w.TestAccount(ctx, none, "x", ""); return err },
		"SetupSteps":        func() error { _, err := w.SetupSteps(ctx, none, SetupQuery{}); return err },
		"StartConsent":      func() error { _, err := w.StartConsent(ctx, none, NewConsent{}); return err },
		"FinishConsent":     func() error { _, err := w.FinishConsent(ctx, none, "x", Redirected{}); return err },
		"CreateLink":        func() error { _, err := w.CreateLink(ctx, none, NewLink{}); return err },
		"Links":             func() error { _, err := w.Links(ctx, none); return err },
		"CancelLink":        func() error { return w.CancelLink(ctx, none, "x") },
		"CreateKey":         func() error { _, _, err := w.CreateKey(ctx, none, NewKey{}); return err },
		"Keys":              func() error { _, err := w.Keys(ctx, none); return err },
		"DeleteKey":         func() error { return w.DeleteKey(ctx, none, "x") },
	} {
		if err := op(); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
