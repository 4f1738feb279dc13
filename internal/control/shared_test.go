package control

import (
	"encoding/json"
	"strings"
	"testing"

	"gatepost/internal/sandbox"
	"gatepost/internal/store"
)

const orders = "orders@" + sandbox.MicrosoftDomain

// shared asks a user's consent for a shared mailbox.
func (w *withGoogle) shared(t *testing.T, n NewConsent, user string) (Connected, error) {
	t.Helper()
	n.Address, n.RedirectURI = orders, "http://localhost:53682"
	made, err := w.StartConsent(t.Context(), w.grant, n)
	must(t, err)
	return w.FinishConsent(t.Context(), w.grant, made.ID, w.decided(t, made.URL, sandbox.Decision{Account: user}))
}

// A shared mailbox is connected by the consent of a user with whom it is shared: the
// account is the mailbox's. Without the right in Exchange nothing is stored, and the lines
// that give it have both addresses.
func TestSharedMailbox(t *testing.T) {
	for _, transport := range []string{transportMicrosoft, transportMicrosoftSMTP} {
		w := startGoogle(t, store.Options{Dir: t.TempDir()})
		must(t, w.google.AddMailbox(sandbox.UserOptions{Address: orders}))
		n := NewConsent{Credential: w.publicApp(t, sandbox.AppOptions{}), Transport: transport, SharedWith: kim}

		_, err := w.shared(t, n, lee)
		if r := wantRefusal(t, err, CauseWrongMailbox); !strings.Contains(r.Text, kim+" was to sign in for the shared mailbox "+orders+", and "+lee+" did") {
			t.Errorf("%+v", r)
		}
		_, err = w.shared(t, n, kim)
		cause := map[string]string{transportMicrosoft: "permission_missing", transportMicrosoftSMTP: "token_refused"}[transport]
		if r := wantRefusal(t, err, cause); !strings.Contains(r.Text, kim+" may not use the shared mailbox "+orders) ||
			!strings.Contains(r.Fix, "Add-MailboxPermission -Identity "+orders+" -User "+kim+" ") || !strings.Contains(r.Fix, "Add-RecipientPermission -Identity "+orders+" -Trustee "+kim+" ") {
			t.Errorf("%s: %+v", transport, r)
		}
		all, err := w.Accounts(t.Context(), w.grant)
		must(t, err)
		if len(all) != 0 {
			t.Fatalf("stored %+v", all)
		}

		must(t, w.google.AddMailboxPermission(orders, kim))
		made, err := w.shared(t, n, kim)
		must(t, err)
		if made.Account.Address != orders || mailboxOf(made.Account.Config) != orders || w.public(t, made.Credential, "email") != kim || made.Again {
			t.Errorf("connected %+v %s", made, made.Account.Config)
		}
		p, err := w.CheckAccount(t.Context(), w.grant, made.Account.ID)
		must(t, err)
		if !p.OK {
			t.Errorf("check %+v", p)
		}
		again, err := w.shared(t, n, kim)
		must(t, err)
		if !again.Again || again.Account.ID != made.Account.ID || again.Credential != made.Credential {
			t.Errorf("again %+v", again)
		}
	}
}

// A user's consent serves a shared mailbox that the settings name, and no other mailbox.
func TestAccountOfSharedMailbox(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	must(t, w.google.AddMailbox(sandbox.UserOptions{Address: orders}))
	must(t, w.google.AddMailboxPermission(orders, kim))
	made, err := w.shared(t, NewConsent{Credential: w.publicApp(t, sandbox.AppOptions{}), SharedWith: kim}, kim)
	must(t, err)
	n := NewAccount{Address: "sales@" + sandbox.MicrosoftDomain, Transport: transportMicrosoft, Credential: made.Credential, Config: json.RawMessage(`{}`)}
	_, err = w.CreateAccount(t.Context(), w.grant, n)
	wantInvalid(t, err, "credential", "opens the mailbox "+kim)
	n.Config = json.RawMessage(`{"mailbox": "sales@contoso.example"}`)
	_, err = w.CreateAccount(t.Context(), w.grant, n)
	must(t, err)
}
