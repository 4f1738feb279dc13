package control

import (
	"errors"
	"strings"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/queue"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// What is given of an account changes, the rest stays; all that is wrong is told
// and then nothing changes.
func TestUpdateAccount(t *testing.T) {
	w := start(t, store.Options{Dir: t.TempDir()})
	ctx := t.Context()
	made, err := w.CreateCredential(ctx, w.grant, password("hunter2"))
	must(t, err)
	a, err := w.CreateAccount(ctx, w.grant, NewAccount{Address: "a@b.example", Transport: "smtp", Credential: made.ID, Config: []byte(`{"host": "127.0.0.1", "max_connections": 3}`)})
	must(t, err)
	senders := []string{"Team@B.example"}
	got, err := w.UpdateAccount(ctx, w.grant, a.ID, ChangeAccount{Senders: &senders})
	must(t, err)
	if len(got.Senders) != 1 || got.Senders[0] != "Team@b.example" || string(got.Config) != string(a.Config) || got.Credential != made.ID {
		t.Errorf("changed %+v", got)
	}
	wrong, bad := email.ID("cred_none"), []string{"no"}
	_, err = w.UpdateAccount(ctx, w.grant, a.ID, ChangeAccount{Credential: &wrong, Senders: &bad, Config: []byte(`{"port": 0, "host": ""}`)})
	for field, part := range map[string]string{"credential": "no such", "senders[0]": "", "smtp.host": ""} {
		wantInvalid(t, err, field, part)
	}
	same, err := w.Account(ctx, w.grant, a.ID)
	must(t, err)
	if len(same.Senders) != 1 || string(same.Config) != string(a.Config) {
		t.Errorf("a refused change changed %+v", same)
	}
}

// A consent cannot be given to an account of another mailbox.
func TestCredentialOfAnotherMailbox(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	made := w.connected(t, NewConsent{Credential: w.oauthClient(t, "installed")}, grace)
	_, err := w.CreateAccount(t.Context(), w.grant, NewAccount{Address: ada, Transport: "gmail", Credential: made.Credential})
	wantInvalid(t, err, "credential", "opens the mailbox "+grace)
}

// An account goes once no mail waits for it, a credential once nothing uses it;
// a user's consent is then given back to Google.
func TestRemove(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		ctx := t.Context()
		client := w.oauthClient(t, "installed")
		made := w.connected(t, NewConsent{Credential: client}, grace)
		to, err := email.ParseAddress("x@y.example")
		must(t, err)
		m, err := w.cfg.Engine.Submit(ctx, w.grant, queue.Submission{Account: made.Account.ID, To: []email.Address{to}, Text: "x"})
		must(t, err)

		for what, err := range map[string]error{
			"an account whose mail waits":      gone(w.DeleteAccount(ctx, w.grant, made.Account.ID)),
			"a credential that an account has": gone(w.DeleteCredential(ctx, w.grant, made.Credential)),
			"a client that users consented to": gone(w.DeleteCredential(ctx, w.grant, client)),
		} {
			if !errors.Is(err, ErrInUse) {
				t.Errorf("%s: %v", what, err)
			}
		}
		must(t, w.cfg.Engine.Cancel(ctx, w.grant, m.ID))
		removed, err := w.DeleteAccount(ctx, w.grant, made.Account.ID)
		must(t, err)
		if removed.Credential != made.Credential || removed.Consent != ConsentRevoked || removed.Fix != "" {
			t.Errorf("removed %+v", removed)
		}
		must(t, gone(w.DeleteCredential(ctx, w.grant, client)))
		if n := w.google.Revoke(grace); n != 0 {
			t.Errorf("%d grants are left at Google", n)
		}
		if _, err := w.Account(ctx, w.grant, made.Account.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("the account: %v", err)
		}
		if _, err := w.DeleteCredential(ctx, w.grant, client); !errors.Is(err, ErrNotFound) {
			t.Errorf("once more: %v", err)
		}
	})
}

// A link of a client that is removed ends with it.
func TestRemovedClientEndsItsLinks(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	client := w.oauthClient(t, "web", "https://mail.acme.example/connect/callback")
	l, err := w.CreateLink(t.Context(), w.grant, NewLink{Credential: client, Address: grace})
	must(t, err)
	must(t, gone(w.DeleteCredential(t.Context(), w.grant, client)))
	_, err = w.OpenLink(t.Context(), strings.TrimPrefix(l.URL, "https://mail.acme.example/connect/"))
	wantRefusal(t, err, CauseLinkCanceled)
}

// A client's secret may be replaced; another client in its place would end the
// consents that stand on it.
func TestReplaceClient(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	ctx := t.Context()
	file := w.google.OAuthClient("installed")
	client, err := w.CreateCredential(ctx, w.grant, NewCredential{Kind: KindOAuthClient, Name: "Desktop", Key: file})
	must(t, err)
	w.connected(t, NewConsent{Credential: client.ID}, grace)
	_, err = w.ReplaceCredential(ctx, w.grant, client.ID, NewCredential{Key: w.google.OAuthClient("installed")})
	wantInvalid(t, err, "client_id", "1 mailboxes")
	_, err = w.ReplaceCredential(ctx, w.grant, client.ID, NewCredential{Key: file})
	must(t, err)
}

// Files of the wrong kind, and a consent made by hand, are told apart.
func TestOAuthClientInput(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	ctx := t.Context()
	for _, c := range []struct {
		n           NewCredential
		field, part string
	}{
		{NewCredential{Kind: KindOAuthClient, Name: "x"}, "key", "is missing"},
		{NewCredential{Kind: KindOAuthClient, Name: "x", Key: w.google.ServiceAccountKey()}, "key.type", "service account"},
		{NewCredential{Kind: KindServiceAccount, Name: "x", Key: w.google.OAuthClient("web")}, "key.type", ""},
		{NewCredential{Kind: KindOAuthClient, Name: "x", ClientID: "1.apps.googleusercontent.com"}, "client_secret", "is missing"},
		{NewCredential{Kind: KindOAuthClient, Name: "x", ClientID: "1", Key: w.google.OAuthClient("web")}, "client_id", "either"},
		{NewCredential{Kind: KindOAuthClient, Name: "x", Password: email.NewSecret("x"), Key: w.google.OAuthClient("web")}, "password", "not for"},
		{NewCredential{Kind: KindGoogleUser, Name: "x"}, "kind", "consent"},
	} {
		_, err := w.CreateCredential(ctx, w.grant, c.n)
		wantInvalid(t, err, c.field, c.part)
	}
	public := New(Config{Store: w.store, Vault: w.vault})
	_, err := public.CreateCredential(ctx, w.grant, NewCredential{Kind: KindOAuthClient, Name: "x", Key: w.google.OAuthClient("web")})
	wantInvalid(t, err, "key.token_uri", "never sent elsewhere")
	_, err = public.CreateCredential(ctx, w.grant, NewCredential{Kind: KindOAuthClient, Name: "x", ClientID: "mine", ClientSecret: email.NewSecret("x")})
	wantInvalid(t, err, "client_id", ".apps.googleusercontent.com")
}
