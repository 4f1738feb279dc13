package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/monitor"
	"gatepost/internal/oauth"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

// unused dates a consent back, as if its token had not been used since.
func (w *withGoogle) unused(t *testing.T, credential email.ID, since time.Duration) {
	t.Helper()
	row, err := w.store.Credential(t.Context(), w.grant.Team, credential)
	must(t, err)
	row.UpdatedAt = time.Now().Add(-since)
	must(t, w.store.ReplaceCredential(t.Context(), row))
}

// TestDeadConsentIsFoundBeforeMail: the weekly use of a refresh token that is dead holds
// its account as a refusal at a send does: with the same cause and words, and its mail is
// kept; after connecting again all of it leaves.
func TestDeadConsentIsFoundBeforeMail(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		client := w.oauthClient(t, "installed")
		bySend := w.connected(t, NewConsent{Credential: client, Address: grace}, grace)
		byUse := w.connected(t, NewConsent{Credential: client, Address: ada}, ada)
		w.unused(t, byUse.Credential, 6*24*time.Hour)
		w.google.Revoke(grace)
		w.google.Revoke(ada)
		must(t, w.cfg.Watch.KeepAlive(t.Context()))
		held := w.accountNow(t, byUse.Account.ID)
		if w.accountNow(t, bySend.Account.ID).Held {
			t.Error("the token of grace was used within the week, and asked about all the same")
		}
		w.submit(t, bySend.Account.ID, 1)
		w.submit(t, byUse.Account.ID, 3)
		w.run(t)
		w.eventually(t, "the other is held by its send", func() bool { return w.accountNow(t, bySend.Account.ID).Held })
		like := w.accountNow(t, bySend.Account.ID)
		if !held.Held || held.Cause != like.Cause || held.Cause == "" || mailboxIn(held.Reason, ada) != mailboxIn(like.Reason, grace) {
			t.Errorf("held by its use: %+v\nheld by a send: %+v", held, like)
		}
		h, err := w.Health(t.Context(), w.grant, held.ID, time.Now().Add(-time.Hour))
		must(t, err)
		if len(h.Trouble) != 1 || h.Trouble[0].State != TroubleHeld || h.Trouble[0].Fix == "" {
			t.Errorf("its health: %+v", h)
		}
		w.connected(t, NewConsent{Credential: client, Address: ada}, ada)
		w.eventually(t, "its mail has left", func() bool { return len(w.taken(t)) == 3 })
	})
}

// mailboxIn is a text with a place for the mailbox that it names.
func mailboxIn(text, address string) string {
	return strings.ReplaceAll(text, address, "MAILBOX")
}

// fault has the simulated providers misbehave.
func (w *withGoogle) fault(rule string) error {
	resp, err := http.Post(w.google.ControlURL+"/control/faults", "application/json", strings.NewReader(rule))
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode >= 300 {
		return fmt.Errorf("fault %s: %s, %v", rule, resp.Status, err)
	}
	return nil
}

// TestUnusedTokenIsUsed: and what the provider gives in its place is kept; trouble of the
// provider holds nobody.
func TestUnusedTokenIsUsed(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	made := w.connected(t, NewConsent{Credential: w.oauthClient(t, "installed"), Address: ada}, ada)
	w.unused(t, made.Credential, 6*24*time.Hour)
	must(t, w.fault(`{"fault":"token_error","arg":"503","count":1}`))
	must(t, w.cfg.Watch.KeepAlive(t.Context()))
	if a := w.accountNow(t, made.Account.ID); a.Held {
		t.Errorf("held for trouble of its provider: %+v", a)
	}
	*w.now = time.Now().Add(2 * time.Hour)
	w.cfg.Vault.Forget(made.Credential) // its pause is by the wall clock
	before, err := w.store.Credential(t.Context(), w.grant.Team, made.Credential)
	must(t, err)
	must(t, w.fault(`{"fault":"rotate","count":1}`))
	must(t, w.cfg.Watch.KeepAlive(t.Context()))
	after, err := w.store.Credential(t.Context(), w.grant.Team, made.Credential)
	must(t, err)
	if after.UsedAt.IsZero() || string(after.Sealed) == string(before.Sealed) {
		t.Errorf("used at %v; a new refresh token was kept: %v", after.UsedAt, string(after.Sealed) != string(before.Sealed))
	}
}

// TestConsentToAnAppInTesting: its end is known by what Google says, or by the word of
// the client's owner.
func TestConsentToAnAppInTesting(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	n := NewCredential{Kind: KindOAuthClient, Name: "said", Key: w.google.OAuthClient("installed"), Testing: true}
	said, err := w.CreateCredential(t.Context(), w.grant, n)
	must(t, err)
	of := map[string]Connected{
		"published": w.connected(t, NewConsent{Credential: w.oauthClient(t, "installed"), Address: ada}, ada),
		"said":      w.connected(t, NewConsent{Credential: said.ID, Address: grace}, grace),
	}
	n.Testing = false // published: what was consented to before ends all the same
	_, err = w.ReplaceCredential(t.Context(), w.grant, said.ID, n)
	must(t, err)
	all, err := w.Expiries(t.Context(), w.grant)
	must(t, err)
	if len(all) != 1 || all[0].Credential != of["said"].Credential || all[0].Kind != monitor.KindConsent || time.Until(all[0].At).Round(time.Hour) != oauth.TestingLife {
		t.Errorf("%+v", all)
	}
	must(t, w.cfg.Watch.Warn(t.Context()))
	h, err := w.Health(t.Context(), w.grant, of["said"].Account.ID, time.Now().Add(-time.Hour))
	must(t, err)
	if len(h.Warned) != 1 || h.Warned[0].Kind != email.EventCredentialExpiring || !h.Warned[0].EndsAt.Equal(all[0].At) || h.Warned[0].Fix == "" {
		t.Errorf("told: %+v", h.Warned)
	}
	if h, err = w.Health(t.Context(), w.grant, of["published"].Account.ID, time.Now().Add(-time.Hour)); err != nil || len(h.Warned) != 0 {
		t.Errorf("of the other: %+v, %v", h.Warned, err)
	}
	_, err = w.CreateCredential(t.Context(), w.grant, NewCredential{Kind: KindPassword, Name: "p", Password: email.NewSecret("p"), Testing: true})
	wantInvalid(t, err, "testing", "is not for the kind")
	_, err = w.Expiries(t.Context(), access.Grant{Team: w.grant.Team, Scopes: []string{access.ScopeMessagesSend}})
	if !errors.Is(err, ErrForbidden) {
		t.Errorf("without accounts:read: %v", err)
	}
}

// TestRefusalThatHoldsNobody: what is said of a credential holds accounts only where it
// would at a send.
func TestRefusalThatHoldsNobody(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	made := w.connected(t, NewConsent{Credential: w.oauthClient(t, "installed"), Address: ada}, ada)
	for _, said := range []error{nil, context.DeadlineExceeded, vault.ErrNotOpened} {
		must(t, w.cfg.Engine.CredentialRefused(t.Context(), w.grant.Team, made.Credential, time.Now(), said))
	}
	held := oauth.Held("grant_revoked", "It was taken back.", "Connect again.", nil)
	earlier := time.Now().Add(-time.Second)
	must(t, w.cfg.Engine.CredentialRefused(t.Context(), "team_other", made.Credential, earlier, held))
	if a := w.accountNow(t, made.Account.ID); a.Held {
		t.Errorf("held: %+v", a)
	}
	must(t, w.cfg.Engine.CredentialRefused(t.Context(), w.grant.Team, made.Credential, earlier, held))
	_, err := w.ReleaseAccount(t.Context(), w.grant, made.Account.ID)
	must(t, err)
	// A call that began before a person released it has no say.
	must(t, w.cfg.Engine.CredentialRefused(t.Context(), w.grant.Team, made.Credential, earlier, held))
	if a := w.accountNow(t, made.Account.ID); a.Held {
		t.Errorf("held again by an older call: %+v", a)
	}
}
