package control

import (
	"errors"
	"strings"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
)

// destroyed makes sure that a credential is not there any more.
func (w *withGoogle) destroyed(t *testing.T, id email.ID) {
	t.Helper()
	if _, err := w.store.Credential(t.Context(), w.grant.Team, id); !errors.Is(err, ErrNotFound) {
		t.Errorf("the credential: %v", err)
	}
}

// A consent ends with its last account; where Google cannot be told, it is said who can
// end it there.
func TestRemovalEndsTheConsent(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	n := NewConsent{Credential: w.oauthClient(t, "installed"), Purposes: []string{"send", "smtp"}}
	made := w.connected(t, n, grace)
	second, err := w.CreateAccount(t.Context(), w.grant, NewAccount{Address: grace, Transport: transportSMTP, Credential: made.Credential})
	must(t, err)
	first, err := w.DeleteAccount(t.Context(), w.grant, made.Account.ID)
	must(t, err)
	if first != (Removed{}) { // another account uses it
		t.Errorf("removed %+v", first)
	}
	w.answering(noNetwork, func() {
		last, err := w.DeleteAccount(t.Context(), w.grant, second.ID)
		must(t, err)
		if last.Credential != made.Credential || last.Consent != ConsentStands || !strings.Contains(last.Text, grace) || !strings.Contains(last.Fix, googleConnections) {
			t.Errorf("removed without a network %+v", last)
		}
	})
	w.destroyed(t, made.Credential)
	if n := w.google.Revoke(grace); n != 1 {
		t.Errorf("%d grants are left at Google, want the one that could not be ended", n)
	}
}

// Microsoft has no call that ends a consent, and nobody is signed out everywhere for it:
// the answer says who can remove it, and where.
func TestRemovalAtMicrosoft(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	must(t, w.google.AddMailbox(sandbox.UserOptions{Address: orders}))
	must(t, w.google.AddMailboxPermission(orders, kim))
	app := w.publicApp(t, sandbox.AppOptions{})
	own, err := w.StartConsent(t.Context(), w.grant, NewConsent{Credential: app, Address: kim, RedirectURI: "http://localhost:53682"})
	must(t, err)
	first, err := w.FinishConsent(t.Context(), w.grant, own.ID, w.decided(t, own.URL, sandbox.Decision{Account: kim}))
	must(t, err)
	second, err := w.shared(t, NewConsent{Credential: app, SharedWith: kim}, kim)
	must(t, err)
	client, tenant := w.public(t, app, "client_id"), w.public(t, app, "tenant")

	gone, err := w.DeleteAccount(t.Context(), w.grant, first.Account.ID)
	must(t, err)
	if gone.Consent != ConsentShared || gone.Fix != "" {
		t.Errorf("beside another credential: %+v", gone)
	}
	p, err := w.CheckAccount(t.Context(), w.grant, second.Account.ID)
	must(t, err)
	if !p.OK {
		t.Errorf("the other account: %+v", p)
	}
	gone, err = w.DeleteAccount(t.Context(), w.grant, second.Account.ID)
	must(t, err)
	if gone.Credential != second.Credential || gone.Consent != ConsentStands || !strings.Contains(gone.Text, kim) || !strings.Contains(gone.Text, client) ||
		!strings.Contains(gone.Fix, microsoftConsents) || !strings.Contains(gone.Fix, tenant) {
		t.Errorf("the last: %+v", gone)
	}
	w.destroyed(t, second.Credential)
}
