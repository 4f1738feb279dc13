package control

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A consent on the caller's own machine leads to an account whose secret is
// sealed, on both databases.
func TestConsentConnects(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		client := w.oauthClient(t, "installed")
		made := w.connected(t, NewConsent{Credential: client, Address: grace, Senders: []string{"team@acme.example"}}, grace)
		if made.Again || made.Account.Address != grace || made.Account.Transport != "gmail" || !slices.Equal(made.Granted, []string{"send", "look"}) || len(made.Missing) > 0 {
			t.Errorf("connected %+v", made)
		}
		row, secret, err := w.vault.Secret(t.Context(), w.grant.Team, made.Credential)
		must(t, err)
		if row.Kind != KindGoogleUser || !strings.HasPrefix(secret.Reveal(), "1//") || strings.Contains(string(row.Sealed)+string(row.Public), secret.Reveal()) {
			t.Errorf("credential %s %s", row.Kind, row.Public)
		}
		if w.public(t, made.Credential, "client") != client || w.public(t, made.Credential, "email") != grace || w.public(t, made.Credential, "purposes") != "send look" {
			t.Errorf("public %s", row.Public)
		}
		events, err := w.store.Events(t.Context(), w.grant.Team, made.Account.ID)
		must(t, err)
		if len(events) != 1 || events[0].Kind != email.EventAccountConnected {
			t.Errorf("events %+v", events)
		}
		proof, err := w.CheckAccount(t.Context(), w.grant, made.Account.ID)
		must(t, err)
		if !proof.OK {
			t.Errorf("proof %+v", proof)
		}
	})
}

// What comes back is good once, for the one who started it, and in time.
func TestConsentIsBound(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	client := w.oauthClient(t, "installed")
	calls := len(w.google.TokenCalls())
	ctx := t.Context()
	id, r := w.consent(t, NewConsent{Credential: client}, sandbox.Decision{Account: grace})
	other, _ := w.consent(t, NewConsent{Credential: client}, sandbox.Decision{Account: grace})

	_, err := w.FinishConsent(ctx, w.grant, other, r)
	wantRefusal(t, err, CauseUnknownState)
	_, err = w.FinishConsent(ctx, w.grant, id, Redirected{Code: r.Code})
	wantRefusal(t, err, CauseUnknownState)
	stranger := w.grant
	stranger.Team, _, err = w.newID(email.PrefixTeam)
	must(t, err)
	if _, err = w.FinishConsent(ctx, stranger, id, r); !errors.Is(err, ErrNotFound) {
		t.Errorf("another team: %v", err)
	}
	if n := len(w.google.TokenCalls()) - calls; n != 0 {
		t.Errorf("%d calls to Google for answers that are not ours", n)
	}
	if _, err = w.FinishConsent(ctx, w.grant, id, r); err != nil {
		t.Fatal(err)
	}
	_, err = w.FinishConsent(ctx, w.grant, id, r)
	wantRefusal(t, err, CauseUsed)

	late, r := w.consent(t, NewConsent{Credential: client}, sandbox.Decision{Account: grace})
	*w.now = time.Now().Add(consentLife + time.Second)
	_, err = w.FinishConsent(ctx, w.grant, late, r)
	wantRefusal(t, err, CauseExpired)
}

// Of many who bring the same answer at once, one gets the account.
func TestConsentIsTakenOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		id, r := w.consent(t, NewConsent{Credential: w.oauthClient(t, "installed")}, sandbox.Decision{Account: grace})
		calls := len(w.google.TokenCalls())
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() { _, errs[i] = w.FinishConsent(t.Context(), w.grant, id, r) })
		}
		wg.Wait()
		good := 0
		for _, err := range errs {
			if err == nil {
				good++
				continue
			}
			wantRefusal(t, err, CauseUsed)
		}
		if n := len(w.google.TokenCalls()) - calls; good != 1 || n != 1 {
			t.Errorf("%d connected, %d calls to Google", good, n)
		}
	})
}

// Refusals keep nothing, and say what the person can do.
func TestConsentRefusals(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	client := w.oauthClient(t, "installed")
	const send = "https://www.googleapis.com/auth/gmail.send"
	for _, c := range []struct {
		cause string
		d     sandbox.Decision
		bend  func(*Redirected)
	}{
		{CauseWrongMailbox, sandbox.Decision{Account: ada}, nil},
		{CauseDenied, sandbox.Decision{Account: grace, Cancel: true}, nil},
		{CauseUnticked, sandbox.Decision{Account: grace, Leave: []string{send}}, nil},
		{CauseOtherIssuer, sandbox.Decision{Account: grace}, func(r *Redirected) { r.Issuer = "https://accounts.elsewhere.example" }},
		{"code_refused", sandbox.Decision{Account: grace}, func(r *Redirected) { r.Code = "4/0wrong" }},
		{CauseDenied, sandbox.Decision{Account: grace}, func(r *Redirected) { r.Code = "" }},
	} {
		id, r := w.consent(t, NewConsent{Credential: client, Address: grace}, c.d)
		if c.bend != nil {
			c.bend(&r)
		}
		_, err := w.FinishConsent(t.Context(), w.grant, id, r)
		if got := wantRefusal(t, err, c.cause); got.Text == "" || got.Fix == "" {
			t.Errorf("%s: %+v", c.cause, got)
		}
		if c.cause == CauseWrongMailbox && !strings.Contains(err.Error(), ada+" was chosen") {
			t.Errorf("both mailboxes are not told: %v", err)
		}
	}
	if n := w.google.Revoke(ada); n != 0 {
		t.Errorf("%d grants of the wrong mailbox are left at Google", n)
	}
	accounts, err := w.Accounts(t.Context(), w.grant)
	must(t, err)
	all, err := w.Credentials(t.Context(), w.grant)
	must(t, err)
	if len(accounts) != 0 || len(all) != 1 {
		t.Errorf("%d accounts, %d credentials", len(accounts), len(all))
	}
}

// A mailbox that is connected keeps its consent when it is chosen by mistake for
// another: revoking one token would end them all.
func TestWrongMailboxThatIsConnectedStaysSo(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	client := w.oauthClient(t, "installed")
	made := w.connected(t, NewConsent{Credential: client}, ada)
	id, r := w.consent(t, NewConsent{Credential: client, Address: grace}, sandbox.Decision{Account: ada})
	_, err := w.FinishConsent(t.Context(), w.grant, id, r)
	wantRefusal(t, err, CauseWrongMailbox)
	proof, err := w.CheckAccount(t.Context(), w.grant, made.Account.ID)
	must(t, err)
	if !proof.OK {
		t.Errorf("the connected mailbox lost its consent: %+v", proof)
	}
}

// Connecting again puts the new secret in the old one's place, releases the
// account and leaves its other settings.
func TestConnectAgain(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	ctx := t.Context()
	client := w.oauthClient(t, "installed")
	first := w.connected(t, NewConsent{Credential: client, Senders: []string{"team@acme.example"}}, grace)
	_, err := w.UpdateAccount(ctx, w.grant, first.Account.ID, ChangeAccount{Config: []byte(`{"max_parallel": 7}`)})
	must(t, err)
	w.google.Revoke(grace)
	must(t, w.change(ctx, first.Account.ID, store.AccountChange{Hold: true}))
	_, before, err := w.vault.Secret(ctx, w.grant.Team, first.Credential)
	must(t, err)
	again := w.connected(t, NewConsent{Credential: client, Address: strings.ToUpper(grace)}, grace)
	_, after, err := w.vault.Secret(ctx, w.grant.Team, first.Credential)
	must(t, err)
	a := again.Account
	if !again.Again || a.ID != first.Account.ID || again.Credential != first.Credential || a.Held || a.Cause != "" || before.Reveal() == after.Reveal() {
		t.Errorf("again %+v", again)
	}
	if !strings.Contains(string(a.Config), `"max_parallel":7`) || !slices.Equal(a.Senders, []string{"team@acme.example"}) {
		t.Errorf("settings %s, senders %v", a.Config, a.Senders)
	}
	proof, err := w.CheckAccount(ctx, w.grant, a.ID)
	must(t, err)
	if !proof.OK {
		t.Errorf("proof %+v", proof)
	}
}

// A second way through the same mailbox is an account of its own, so that one
// consent never takes a scope from the other.
func TestSecondTransport(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	client := w.oauthClient(t, "installed")
	api := w.connected(t, NewConsent{Credential: client}, grace)
	smtp := w.connected(t, NewConsent{Credential: client, Transport: "gmail_smtp"}, grace)
	if smtp.Again || smtp.Account.ID == api.Account.ID || smtp.Credential == api.Credential || !slices.Equal(smtp.Granted, []string{"smtp", "look"}) {
		t.Errorf("%+v and %+v", api, smtp)
	}
}

// What cannot lead anywhere is told before anything is stored.
func TestConsentIsChecked(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	ctx := t.Context()
	w.moveTo("http://127.0.0.1:9999")
	web := w.oauthClient(t, "web", "http://127.0.0.1:9999/connect/callback")
	w.moveTo(publicURL)
	pass, err := w.CreateCredential(ctx, w.grant, password("x"))
	must(t, err)
	for _, c := range []struct {
		n           NewConsent
		field, part string
	}{
		{NewConsent{RedirectURI: back}, "credential", "is missing"},
		{NewConsent{RedirectURI: back, Credential: pass.ID}, "credential", "smtp_password"},
		{NewConsent{RedirectURI: back, Credential: "cred_none"}, "credential", "no such credential"},
		{NewConsent{Credential: web}, "redirect_uri", "is missing"},
		{NewConsent{Credential: web, RedirectURI: "https://elsewhere.example/"}, "redirect_uri", "own machine"},
		{NewConsent{Credential: web, RedirectURI: "http://127.0.0.1.elsewhere.example/"}, "redirect_uri", "own machine"},
		{NewConsent{Credential: web, RedirectURI: "http://127.0.0.1:9999/connect/callback/"}, "redirect_uri", "slash"},
		{NewConsent{Credential: web, RedirectURI: back, Transport: "smtp"}, "transport", "gmail"},
		{NewConsent{Credential: web, RedirectURI: back, Purposes: []string{"look"}}, "purposes", "lacks send"},
		{NewConsent{Credential: web, RedirectURI: back, Purposes: []string{"send", "delete"}}, "purposes[1]", "not a purpose"},
		{NewConsent{Credential: web, RedirectURI: back, Address: "no"}, "address", ""},
	} {
		_, err := w.StartConsent(ctx, w.grant, c.n)
		wantInvalid(t, err, c.field, c.part)
	}
	_, err = w.CreateLink(ctx, w.grant, NewLink{Credential: web, Hours: 169})
	wantInvalid(t, err, "hours", "168")
	wantInvalid(t, err, "address", "is missing")
	wantInvalid(t, err, "credential", "https://mail.acme.example/connect/callback")
}

// A link ends in time, and its token is kept by its hash alone.
func TestLinks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		ctx := t.Context()
		client := w.oauthClient(t, "web", "https://mail.acme.example/connect/callback")
		l, err := w.CreateLink(ctx, w.grant, NewLink{Credential: client, Address: grace, Hours: 1})
		must(t, err)
		token, ok := strings.CutPrefix(l.URL, "https://mail.acme.example/connect/")
		if !ok || len(token) != 43 || l.Status != store.LinkOpen {
			t.Fatalf("link %+v", l)
		}
		row, err := w.store.LinkByToken(ctx, access.Hash(token))
		must(t, err)
		if strings.Contains(string(row.Token), token) || row.AskedBy != "test" {
			t.Errorf("row %+v", row)
		}
		if _, err := w.OpenLink(ctx, strings.ToLower(token)+"x"); !errors.Is(err, ErrNotFound) {
			t.Errorf("another token: %v", err)
		}
		*w.now = time.Now().Add(time.Hour)
		_, err = w.OpenLink(ctx, token)
		wantRefusal(t, err, CauseLinkExpired)
		_, _, err = w.StartLink(ctx, token)
		wantRefusal(t, err, CauseLinkExpired)
		all, err := w.Links(ctx, w.grant)
		must(t, err)
		if len(all) != 1 || all[0].Status != "expired" || all[0].URL != "" {
			t.Errorf("links %+v", all)
		}
		must(t, w.CancelLink(ctx, w.grant, l.ID))
		must(t, w.CancelLink(ctx, w.grant, l.ID))
		_, err = w.OpenLink(ctx, token)
		wantRefusal(t, err, CauseLinkCanceled)
		if err := w.CancelLink(ctx, w.grant, "link_none"); !errors.Is(err, ErrNotFound) {
			t.Errorf("cancel: %v", err)
		}
	})
}
