package control

import (
	"slices"
	"strings"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
)

const scopes = "https://www.googleapis.com/auth/gmail."

func (w *withGoogle) serviceAccount(t *testing.T, scopes ...string) email.ID {
	t.Helper()
	made, err := w.CreateCredential(t.Context(), w.grant, NewCredential{Kind: KindServiceAccount, Name: "Workspace", Key: w.google.ServiceAccountKey(scopes...)})
	must(t, err)
	return made.ID
}

// A service account is tried step by step, each purpose alone: what is missing
// shows by its own step.
func TestServiceAccountProof(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	id := w.serviceAccount(t, scopes+"send", scopes+"metadata")
	p, err := w.CheckCredential(t.Context(), w.grant, id, ada, nil)
	must(t, err)
	for _, name := range []string{"key", "signature", "token", "scope:send", "scope:look", "mailbox"} {
		if !step(t, p, name).OK {
			t.Errorf("%s: %+v", name, step(t, p, name))
		}
	}
	if !p.OK || slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Name == "scope:read" }) {
		t.Errorf("%+v", p)
	}
	p, err = w.CheckCredential(t.Context(), w.grant, id, ada, []string{"send", "read", "smtp"})
	must(t, err)
	for name, want := range map[string]bool{"scope:send": true, "scope:read": false, "scope:smtp": false} {
		if s := step(t, p, name); s.OK != want || s.Optional || !want && s.Fix == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if p.OK {
		t.Error("a missing purpose that was asked for is well")
	}
	if n := len(w.google.TokenCalls()); n == 0 {
		t.Error("nothing was tried live")
	}
}

// The user to act for must be one: not a group or alias, nobody elsewhere.
func TestServiceAccountProofForNobody(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	id := w.serviceAccount(t, scopes+"send", scopes+"metadata")
	p, err := w.CheckCredential(t.Context(), w.grant, id, "group@elsewhere.example", nil)
	must(t, err)
	if s := step(t, p, "scope:send"); p.OK || s.OK || s.Fix == "" || !step(t, p, "signature").OK {
		t.Errorf("%+v", p)
	}
	p, err = w.CheckCredential(t.Context(), w.grant, id, "", nil)
	must(t, err)
	if s := step(t, p, "token"); !p.OK || s.OK || !s.Optional {
		t.Errorf("without an address: %+v", p)
	}
	_, err = w.CheckCredential(t.Context(), w.grant, id, "no", []string{"delete"})
	wantInvalid(t, err, "purposes[0]", "not a purpose")
	wantInvalid(t, err, "address", "")
}

// A user's consent is tried, and what was not agreed to is told.
func TestUserProof(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	made := w.connected(t, NewConsent{Credential: w.oauthClient(t, "installed")}, grace)
	p, err := w.CheckCredential(t.Context(), w.grant, made.Credential, "", nil)
	must(t, err)
	if !p.OK || !step(t, p, "scope:send").OK {
		t.Errorf("%+v", p)
	}
	p, err = w.CheckCredential(t.Context(), w.grant, made.Credential, "", []string{"send", "smtp"})
	must(t, err)
	if s := step(t, p, "scope:smtp"); p.OK || s.Cause != CauseUnticked {
		t.Errorf("%+v", p)
	}
	p, err = w.CheckCredential(t.Context(), w.grant, made.Credential, ada, nil)
	must(t, err)
	if s := step(t, p, "mailbox"); p.OK || s.Cause != CauseWrongMailbox || !strings.Contains(s.Text, grace) {
		t.Errorf("%+v", p)
	}
	w.google.Revoke(grace)
	p, err = w.CheckCredential(t.Context(), w.grant, made.Credential, "", nil)
	must(t, err)
	if p.OK {
		t.Errorf("a revoked consent is well: %+v", p)
	}
}

// An OAuth client is asked for at Google: a wrong secret shows before any user
// sees a page.
func TestClientProof(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	good := w.oauthClient(t, "web", "https://mail.acme.example/connect/callback")
	p, err := w.CheckCredential(t.Context(), w.grant, good, "", nil)
	must(t, err)
	if !p.OK || !step(t, p, "client").OK || !step(t, p, "redirect").OK {
		t.Errorf("%+v", p)
	}
	var bad Credential
	w.answering(noNetwork, func() {
		bad, err = w.CreateCredential(t.Context(), w.grant, NewCredential{
			Kind: KindOAuthClient, Name: "wrong", ClientID: w.public(t, good, "client_id"), ClientSecret: email.NewSecret("GOCSPX-wrong"),
		})
	})
	must(t, err)
	p, err = w.CheckCredential(t.Context(), w.grant, bad.ID, "", nil)
	must(t, err)
	if s := step(t, p, "client"); p.OK || s.OK || s.Fix == "" {
		t.Errorf("%+v", p)
	}
	w.moveTo("https://mail.acme.example:8443")
	p, err = w.CheckCredential(t.Context(), w.grant, good, "", nil)
	must(t, err)
	if s := step(t, p, "redirect"); !p.OK || s.OK || !strings.Contains(s.Text, "port") {
		t.Errorf("%+v", s)
	}
}

// Aliases tell which of them the account's senders allow.
func TestAliases(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	id := w.serviceAccount(t, scopes+"send", scopes+"metadata", scopes+"readonly")
	w.google.SetSendAs(ada, sandbox.SendAs{Address: "team@acme.example"}, sandbox.SendAs{Address: "sales@acme.example", Verification: "pending"})
	a, err := w.CreateAccount(t.Context(), w.grant, NewAccount{Address: ada, Transport: "gmail", Credential: id, Senders: []string{"team@acme.example"}})
	must(t, err)
	all, err := w.Aliases(t.Context(), w.grant, a.ID)
	must(t, err)
	got := map[string]Alias{}
	for _, x := range all {
		got[x.Address] = x
	}
	if !got[ada].Primary || !got[ada].Allowed || !got["team@acme.example"].Allowed || !got["team@acme.example"].Verified ||
		got["sales@acme.example"].Allowed || got["sales@acme.example"].Verified {
		t.Errorf("%+v", all)
	}
}

// A test message goes through the queue like any other, and says what it is.
func TestTestMessage(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	ctx := t.Context()
	made := w.connected(t, NewConsent{Credential: w.oauthClient(t, "installed")}, grace)
	sent, err := w.TestAccount(ctx, w.grant, made.Account.ID, "")
	must(t, err)
	m, _, err := w.cfg.Engine.Message(ctx, w.grant, sent.ID)
	must(t, err)
	if m.Type != "notification" || !strings.Contains(m.Subject, "test message") || sent.Account != made.Account.ID {
		t.Errorf("message %+v", m)
	}
	_, err = w.TestAccount(ctx, w.grant, made.Account.ID, "nobody")
	wantInvalid(t, err, "to", "")
}
