package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/client"
	"gatepost/internal/control"
	"gatepost/internal/oauth"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// From nothing to a message through a Workspace service account.
func TestWorkspaceByClient(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w, c := office(t, opt)
		ctx := t.Context()
		key, err := c.CreateCredential(ctx, client.NewCredential{Kind: "google_service_account", Name: "Workspace", Key: json.RawMessage(w.serviceAccount())})
		w.must(err)
		setup, err := c.Setup(ctx, client.SetupQuery{Kind: "workspace", Credential: key.ID, Purposes: []string{"send", "look"}})
		w.must(err)
		if !pastes(setup, key.Public["client_id"]) || !pastes(setup, strings.Join(oauth.ScopesFor([]oauth.Purpose{oauth.PurposeSend, oauth.PurposeLook}), ",")) {
			t.Errorf("%+v", setup)
		}
		proof, err := c.CheckCredential(ctx, key.ID, client.Check{Address: "ada@acme.example"})
		if err != nil || !proof.OK || len(proof.Steps) < 3 {
			t.Errorf("%+v, %v", proof, err)
		}
		proof, err = c.CheckCredential(ctx, key.ID, client.Check{Address: "ada@acme.example", Purposes: []string{"send", "modify"}})
		if i := slices.IndexFunc(proof.Steps, func(s client.Step) bool { return !s.OK }); err != nil || proof.OK || i < 0 || proof.Steps[i].Fix == "" {
			t.Errorf("%+v, %v", proof, err)
		}
		a, err := c.CreateAccount(ctx, client.NewAccount{Address: "ada@acme.example", Transport: "gmail", Credential: key.ID})
		w.must(err)
		proof, err = c.CheckAccount(ctx, a.ID)
		if err != nil || !proof.OK {
			t.Errorf("%+v, %v", proof, err)
		}
		w.run()
		s, err := c.TestAccount(ctx, a.ID, client.Test{})
		w.must(err)
		if m := w.wait(c, s.ID, "accepted"); m.Recipients[0].Address != "ada@acme.example" {
			t.Errorf("%+v", m)
		}
		_, err = c.TestAccount(ctx, a.ID, client.Test{To: "nobody"})
		w.refused(err, http.StatusUnprocessableEntity, "invalid")
	})
}

// pastes tells whether a set-up has a value to paste.
func pastes(s client.Setup, value string) bool {
	return slices.ContainsFunc(s.Steps, func(s client.SetupStep) bool {
		return slices.ContainsFunc(s.Values, func(v client.SetupValue) bool { return v.Value == value })
	})
}

// A user's consent on this machine, and what is refused on the way.
func TestConsentByClient(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w, c := office(t, opt)
		ctx := t.Context()
		app := w.oauthClient(c, "installed", "http://127.0.0.1")
		begin := func() client.Consent {
			consent, err := c.StartConsent(ctx, client.NewConsent{
				Credential: app, RedirectURI: "http://127.0.0.1:53682/", Address: grace, Purposes: []string{"send", "look", "read"},
			})
			w.must(err)
			return consent
		}
		consent := begin()
		_, err := c.FinishConsent(ctx, consent.ID, w.agree(consent.URL, sandbox.Decision{Account: "heidi@" + sandbox.Consumer}))
		if e := w.refused(err, http.StatusUnprocessableEntity, "consent_refused"); e.Cause != "wrong_mailbox" || !strings.Contains(e.Detail, grace) || !strings.Contains(e.Detail, "heidi@") {
			t.Errorf("%+v", e)
		}
		consent = begin()
		_, err = c.FinishConsent(ctx, consent.ID, w.agree(consent.URL, sandbox.Decision{Account: grace, Cancel: true}))
		if e := w.refused(err, http.StatusUnprocessableEntity, "consent_refused"); e.Cause != "denied" || e.Detail == "" {
			t.Errorf("%+v", e)
		}
		consent = begin()
		back := w.agree(consent.URL, sandbox.Decision{Account: grace, Leave: []string{oauth.PurposeLook.Scope()}})
		done, err := c.FinishConsent(ctx, consent.ID, back)
		w.must(err)
		if done.Account.Address != grace || !slices.Contains(done.Granted, "send") || done.Again {
			t.Errorf("%+v", done)
		}
		_, err = c.FinishConsent(ctx, consent.ID, back)
		if e := w.refused(err, http.StatusUnprocessableEntity, "consent_refused"); e.Cause != "consent_used" {
			t.Errorf("%+v", e)
		}
		w.google.SetSendAs(grace, sandbox.SendAs{Address: "team@acme.example", Verification: "pending"})
		aliases, err := c.Aliases(ctx, done.Account.ID)
		w.must(err)
		if len(aliases.Data) != 2 || !aliases.Data[0].Allowed || aliases.Data[1].Verified || aliases.Data[1].Allowed {
			t.Errorf("%+v", aliases)
		}
		gone, err := c.DeleteAccount(ctx, done.Account.ID)
		w.must(err)
		if gone.Credential != done.Credential || gone.Consent != "revoked" {
			t.Errorf("the consent: %+v", gone)
		}
		w.must(w.gone(c.DeleteCredential(ctx, app)))
	})
}

func TestConnectLinksByClient(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w, c := office(t, opt)
		ctx := t.Context()
		web := w.oauthClient(c, "web", w.callback())
		made, err := c.CreateLink(ctx, client.NewLink{Credential: web, Address: grace, Hours: 24})
		w.must(err)
		if made.Status != "open" || !strings.HasPrefix(made.URL, w.url+"/connect/") || made.ExpiresAt.Sub(made.CreatedAt.Time) != 24*time.Hour {
			t.Errorf("%+v", made)
		}
		list, err := c.Links(ctx)
		if err != nil || len(list.Data) != 1 || list.Data[0].ID != made.ID || list.Data[0].URL != "" {
			t.Errorf("%+v, %v", list, err)
		}
		w.must(c.CancelLink(ctx, made.ID))
		if list, err = c.Links(ctx); err != nil || list.Data[0].Status != "canceled" {
			t.Errorf("%+v, %v", list, err)
		}
		_, err = c.CreateLink(ctx, client.NewLink{Credential: "cred_x", Address: "x", Hours: 1000, Purposes: []string{"fly"}, Transport: "pigeon"})
		if e := w.refused(err, http.StatusUnprocessableEntity, "invalid"); len(e.Errors) < 4 {
			t.Errorf("%v", err)
		}
	})
}

// What is in use is not removed, and says why.
func TestRemoval(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		c, ctx := w.client(), t.Context()
		s, err := c.Send(ctx, hello("maria@example.org"), "")
		w.must(err)
		if e := w.refused(w.gone(c.DeleteCredential(ctx, w.smtpKey)), http.StatusConflict, "in_use"); e.Detail == "" {
			t.Errorf("%+v", e)
		}
		if e := w.refused(w.gone(c.DeleteAccount(ctx, w.smtp)), http.StatusConflict, "in_use"); e.Detail == "" {
			t.Errorf("%+v", e)
		}
		_, err = c.Cancel(ctx, s.ID)
		w.must(err)
		w.must(w.gone(c.DeleteAccount(ctx, w.smtp)))
		w.must(w.gone(c.DeleteCredential(ctx, w.smtpKey)))
		_, err = c.Account(ctx, w.smtp)
		w.refused(err, http.StatusNotFound, "not_found")
		_, err = c.Credential(ctx, w.smtpKey)
		w.refused(err, http.StatusNotFound, "not_found")
		w.refused(w.gone(c.DeleteAccount(ctx, w.smtp)), http.StatusNotFound, "not_found")
		if list, err := c.Accounts(ctx); err != nil || len(list.Data) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestChangeAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		c, ctx := w.client("accounts:write"), t.Context()
		port, most, other := 2525, 3, []string{"@example.org"}
		a, err := c.ChangeAccount(ctx, w.smtp, client.ChangeAccount{Senders: &other})
		w.must(err)
		if !slices.Equal(a.Senders, other) || *a.SMTP.Port != 2525 {
			t.Errorf("%+v", a)
		}
		a, err = c.ChangeAccount(ctx, w.smtp, client.ChangeAccount{SMTP: &client.SMTPSettings{Host: "127.0.0.1", Port: &port, User: "app", MaxConnections: &most}})
		w.must(err)
		if !slices.Equal(a.Senders, other) || *a.SMTP.MaxConnections != 3 {
			t.Errorf("%+v", a)
		}
		r := w.do("PATCH", "/v1/accounts/"+w.smtp, strings.NewReader(`{"senders": ["@"], "gmail": {}, "smtp": {"port": "x", "host": "a b"}, "address": "x"}`), "Content-Type", "application/json")
		wantFields(t, r.problem(http.StatusUnprocessableEntity, "invalid"), []string{"senders[0]", "gmail", "smtp.port", "smtp.host", "address"})
		_, err = w.client("accounts:read").ChangeAccount(ctx, w.smtp, client.ChangeAccount{SMTP: &client.SMTPSettings{Host: "127.0.0.1"}})
		w.refused(err, http.StatusForbidden, "forbidden")
		_, err = c.ChangeAccount(ctx, id(t, "acc"), client.ChangeAccount{SMTP: &client.SMTPSettings{Host: "127.0.0.1"}})
		w.refused(err, http.StatusNotFound, "not_found")
		_, err = w.client().Aliases(ctx, w.smtp)
		w.refused(err, http.StatusConflict, "no_aliases")
	})
}

// Only what control calls a refusal is a provider's trouble. A store that fails is
// ours, and what it said stays in the log.
func TestAliasesThatCannotBeHad(t *testing.T) {
	refused := fmt.Errorf("ask for aliases: %w", &control.Refusal{Cause: "no_such_mailbox", Text: "Google does not know the mailbox."})
	if p := problemOf(aliasError(refused)); p.Status != http.StatusBadGateway || p.Detail != "Google does not know the mailbox." || p.Cause != "no_such_mailbox" {
		t.Errorf("%+v", p)
	}
	w := sqlite(t)
	w.get("/v1/messages").want(http.StatusOK) // the key is known for a while
	w.must(w.store.Close())
	w.get("/v1/accounts/"+w.gmail+"/aliases").problem(http.StatusInternalServerError, "internal")
}

// A key makes keys that may do no more than itself.
func TestKeysByClient(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		c, ctx := w.client("keys:write", "messages:read"), t.Context()
		me, err := c.Me(ctx)
		if err != nil || me.Name != "test" || me.Version != "test" || me.Team != w.team || !slices.Equal(me.Scopes, []string{"keys:write", "messages:read"}) {
			t.Errorf("%+v, %v", me, err)
		}
		_, err = c.CreateKey(ctx, client.NewKey{Name: "N", Scopes: []string{"messages:read", "accounts:write"}, ExpiresAt: client.At(time.Now().Add(-time.Hour))})
		e := w.refused(err, http.StatusUnprocessableEntity, "invalid")
		if len(e.Errors) != 2 {
			t.Errorf("%v", e)
		}
		made, err := c.CreateKey(ctx, client.NewKey{Name: "N", Scopes: []string{"messages:read"}, ExpiresAt: client.At(time.Now().Add(time.Hour))})
		w.must(err)
		reader, err := client.New(w.url, made.Key)
		w.must(err)
		_, err = reader.Messages(ctx, client.MessageQuery{})
		w.must(err)
		_, err = reader.Keys(ctx)
		w.refused(err, http.StatusForbidden, "forbidden")
		list, err := c.Keys(ctx)
		if err != nil || len(list.Data) != 3 || slices.ContainsFunc(list.Data, func(k client.Key) bool { return k.Key != "" }) {
			t.Errorf("%+v, %v", list, err)
		}
		w.must(c.DeleteKey(ctx, made.ID))
		_, err = reader.Messages(ctx, client.MessageQuery{})
		w.refused(err, http.StatusUnauthorized, "unauthenticated")
		if strings.Contains(w.log.String(), made.Key) {
			t.Error("the key is in the log")
		}
	})
}

func TestTypes(t *testing.T) {
	w := sqlite(t)
	list, err := w.client("messages:read").Types(t.Context())
	w.must(err)
	if p := list.Data[0]; len(list.Data) != 12 || p.Type != "otp" || p.Lane != "urgent" || p.Life != 600 || p.Keep != 0 || !p.Security || p.OnUnknown != "retry" {
		t.Errorf("%+v", list)
	}
}
