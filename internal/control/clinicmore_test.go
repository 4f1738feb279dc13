package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/monitor"
	"gatepost/internal/queue"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
)

// addRow keeps an account as an older gatepost would have left it: nothing is checked.
func (k *clinic) addRow(address, transport string, credential email.ID, config string) email.ID {
	k.t.Helper()
	id, at, err := k.newID(email.PrefixAccount)
	must(k.t, err)
	must(k.t, k.store.AddAccount(k.t.Context(), &store.Account{
		Team: k.grant.Team, ID: id, Address: address, Transport: transport, Credential: credential, Config: json.RawMessage(config), CreatedAt: at,
	}))
	return id
}

// addUnasked connects an account while the provider cannot be asked.
func (k *clinic) addUnasked(address, transport string, credential email.ID, config string) (id email.ID) {
	k.answering(noNetwork, func() { id = k.add(address, transport, credential, config) })
	return id
}

func (k *clinic) workspaceUnasked(address string) email.ID {
	return k.addUnasked(address, transportGmail, k.serviceAccount(scopes+"send", scopes+"metadata"), "{}")
}

// microsoftUser is a mailbox of Microsoft 365 whose user agreed to some purposes.
func (k *clinic) microsoftUser(n NewConsent, purposes ...string) Connected {
	app, err := k.google.AddApp(sandbox.AppOptions{PublicRedirects: []string{"http://localhost"}, Public: true})
	must(k.t, err)
	n.Credential, n.Purposes = k.keep(microsoftApp(app)), purposes
	if n.Transport == "" {
		n.Transport = transportMicrosoft
	}
	n.RedirectURI = "http://localhost:53682/"
	made, err := k.StartConsent(k.t.Context(), k.grant, n)
	must(k.t, err)
	done, err := k.FinishConsent(k.t.Context(), k.grant, made.ID, k.decided(k.t, made.URL, sandbox.Decision{Account: contoso}))
	must(k.t, err)
	return done
}

// here is the key of a service account of another world, for this one's endpoint.
func here(t *testing.T, other, here *sandbox.World) []byte {
	return bytes.ReplaceAll(other.ServiceAccountKey(scopes+"send"), []byte(other.GoogleURL), []byte(here.GoogleURL))
}

func (k *clinic) first() Account {
	all, err := k.Accounts(k.t.Context(), k.grant)
	must(k.t, err)
	return all[0]
}

func (k *clinic) hasFailed() bool {
	page, err := k.engine.Messages(k.t.Context(), k.grant, queue.MessageQuery{Limit: 10, Status: email.Failed})
	must(k.t, err)
	return len(page.Messages) > 0
}

// waits is how many messages wait.
func (k *clinic) waits() (n int64) {
	q, err := k.engine.Queue(k.t.Context(), k.grant, queue.Selection{})
	must(k.t, err)
	for _, w := range q.Waiting {
		n += w.Messages
	}
	return n
}

func (k *clinic) ledgerSize() int64 {
	info, err := os.Stat(k.google.LedgerFile)
	must(k.t, err)
	return info.Size()
}

// A set-up that is well gets a short all-clear, which says what was looked at.
func TestDoctorFindsNothing(t *testing.T) {
	k := openClinic(t, nil)
	k.workspace(ada)
	k.relay(k.google.SMTPAddr, "starttls")
	_, id := k.app(sandbox.AppOptions{Roles: []string{"Mail.Send", "Mail.ReadBasic.All"}})
	k.add(contoso, transportMicrosoft, id, "{}")
	d, err := k.Doctor(t.Context(), k.grant, DoctorQuery{From: ada})
	must(t, err)
	if len(d.Findings) > 0 {
		t.Fatal(told(&d.Findings[0]))
	}
	if d.Worst() != "" || len(d.Checked) < 8 {
		t.Errorf("checked %+v", d.Checked)
	}
	if len(d.Tokens) == 0 || d.Tokens[0].Audience != "https://graph.microsoft.com" || len(d.Tokens[0].Roles) != 2 {
		t.Errorf("tokens %+v", d.Tokens)
	}
	for _, token := range []string{"eyJ", "ya29", "Bearer"} {
		if text, _ := json.Marshal(d); bytes.Contains(text, []byte(token)) {
			t.Errorf("%q is in the report", token)
		}
	}
}

// Whatever does not answer, it ends in time.
func TestDoctorEnds(t *testing.T) {
	k := openClinic(t, func(w *sandbox.World, a *around) { a.google = "https://" + hole(t); a.exchangeSMTP = mute(t) })
	k.workspaceUnasked(ada)
	k.relay(mute(t), "implicit")
	_, id := k.smtpApp(principal, contoso)
	k.add(contoso, transportMicrosoftSMTP, id, "{}")
	began := time.Now()
	d, err := k.Doctor(t.Context(), k.grant, DoctorQuery{})
	must(t, err)
	if took := time.Since(began); took > 30*time.Second || len(d.Findings) < 3 {
		t.Errorf("%d findings in %s", len(d.Findings), took)
	}
}

// The doctor's command mends an account that is set to be a user where an app acts.
func TestDoctorsCommandMendsAppOnly(t *testing.T) {
	k := openClinic(t, nil)
	_, id := k.app(sandbox.AppOptions{Roles: []string{"Mail.Send"}})
	a := k.addRow(contoso, transportMicrosoft, id, `{"app_only": false, "may_look": false}`)
	_, err := k.UpdateAccount(t.Context(), k.grant, a, ChangeAccount{Credential: &id})
	must(t, err)
	d, err := k.Doctor(t.Context(), k.grant, DoctorQuery{Account: contoso})
	must(t, err)
	if len(d.Findings) > 0 {
		t.Error(told(&d.Findings[0]))
	}
}

// What comes of a fault stands beneath it: the account that is held for it, and its mail
// that waits.
func TestDoctorFoldsWhatFollows(t *testing.T) {
	k := openClinic(t, nil)
	k.workspace(ada)
	k.fault(`{"fault": "token_refused"}`)
	k.send(queue.Submission{To: to("maria@example.net"), Subject: "Hello", Text: "x"}, 2, func() bool { return k.first().Held })
	d, err := k.Doctor(t.Context(), k.grant, DoctorQuery{})
	must(t, err)
	if len(d.Findings) != 1 || d.Findings[0].Cause != "key_refused" {
		t.Fatalf("%d findings, the first: %s", len(d.Findings), told(&d.Findings[0]))
	}
	f := d.Findings[0]
	if len(f.Follows) != 2 || f.Follows[0].Check != "account" || f.Follows[1].Check != "mail" {
		t.Error(told(&f))
	}
}

// Two accounts with the same broken credential are one finding.
func TestDoctorJoinsAccounts(t *testing.T) {
	k := openClinic(t, nil)
	id := k.serviceAccount(scopes+"send", scopes+"metadata")
	k.add(ada, transportGmail, id, "{}")
	k.add("bob@"+sandbox.Domain, transportGmail, id, "{}")
	k.fault(`{"fault": "token_refused"}`)
	d, err := k.Doctor(t.Context(), k.grant, DoctorQuery{})
	must(t, err)
	if len(d.Findings) != 1 || len(d.Findings[0].Accounts) != 2 {
		t.Errorf("%d findings, the first: %s", len(d.Findings), told(&d.Findings[0]))
	}
}

// A key that may not read messages is told of accounts, and that of mail nothing was
// looked at; one that may not read accounts is told nothing.
func TestDoctorKeepsToScopes(t *testing.T) {
	k := openClinic(t, nil)
	k.workspace(ada)
	g := k.grant
	g.Scopes = []string{access.ScopeAccountsRead}
	d, err := k.Doctor(t.Context(), g, DoctorQuery{})
	must(t, err)
	if d.Worst() != "" || !slices.ContainsFunc(d.Checked, func(c monitor.Checked) bool { return strings.Contains(c.Not, access.ScopeMessagesRead) }) {
		t.Errorf("%+v", d)
	}
	g.Scopes = []string{access.ScopeMessagesRead}
	if _, err := k.Doctor(t.Context(), g, DoctorQuery{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("error %v", err)
	}
	_, err = k.Doctor(t.Context(), k.grant, DoctorQuery{Account: "nobody@acme.example", From: "no"})
	wantInvalid(t, err, "account", "GET /v1/accounts")
}
