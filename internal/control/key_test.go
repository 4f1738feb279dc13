package control

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A key makes and ends keys within its own scopes; what is ended is refused.
func TestKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		ctx := t.Context()
		keys := access.NewKeys(w.store, time.Now)
		w.cfg.Keys = keys
		small := access.Grant{Team: w.grant.Team, Scopes: []string{access.ScopeKeysWrite, access.ScopeMessagesSend}}
		expires := time.Now().Add(time.Hour)
		plain, made, err := w.CreateKey(ctx, small, NewKey{Name: "shop", Scopes: []string{access.ScopeMessagesSend}, ExpiresAt: expires})
		must(t, err)
		if g, err := keys.Authenticate(ctx, plain.Reveal(), netip.Addr{}); err != nil || g.Key != made.ID {
			t.Fatalf("the key opens nothing: %v", err)
		}
		for _, scope := range []string{access.ScopeAll, access.ScopeAccountsRead} {
			_, _, err = w.CreateKey(ctx, small, NewKey{Name: "more", Scopes: []string{access.ScopeMessagesSend, scope}})
			wantInvalid(t, err, "scopes[1]", "more than this API key may itself")
		}
		_, _, err = w.CreateKey(ctx, small, NewKey{Name: "old", Scopes: []string{access.ScopeMessagesSend}, ExpiresAt: time.Now().Add(-time.Second)})
		wantInvalid(t, err, "expires_at", "future")

		_, all, err := w.FirstKey(ctx, w.grant.Team, NewKey{Name: "all", Scopes: []string{access.ScopeAll}})
		must(t, err)
		list, err := w.Keys(ctx, small)
		must(t, err)
		i := slices.IndexFunc(list, func(k Key) bool { return k.ID == made.ID })
		if len(list) != 2 || i < 0 || !list[i].ExpiresAt.Equal(expires.Truncate(time.Millisecond)) || list[1-i].ID != all.ID {
			t.Errorf("keys %+v", list)
		}
		if err := w.DeleteKey(ctx, small, all.ID); !errors.Is(err, ErrForbidden) {
			t.Errorf("a smaller key ends a larger one: %v", err)
		}
		must(t, w.DeleteKey(ctx, small, made.ID))
		if _, err := keys.Authenticate(ctx, plain.Reveal(), netip.Addr{}); !errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("an ended key opens the door: %v", err)
		}
		for _, id := range []email.ID{made.ID, "key_none"} {
			if err := w.DeleteKey(ctx, small, id); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
}

// A set-up names exact values.
func TestSetupSteps(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	ctx := t.Context()
	account := w.serviceAccount(t)
	desktop := w.oauthClient(t, "installed")
	for _, c := range []struct {
		q    SetupQuery
		want []string
	}{
		{SetupQuery{Kind: SetupWorkspace, Credential: account}, []string{w.public(t, account, "client_id"), scopes + "send," + scopes + "metadata", pageDelegation}},
		{SetupQuery{Kind: SetupWorkspace, Purposes: []string{"send", "smtp"}}, []string{scopes + "send,https://mail.google.com/", pageEnableAPI, pageAccounts}},
		{SetupQuery{Kind: SetupGmail}, []string{"https://mail.acme.example/connect/callback", kindWeb, scopes + "send", pageAudience}},
		{SetupQuery{Kind: SetupGmail, Transport: "gmail_smtp", Redirect: "http://127.0.0.1:1/"}, []string{kindDesktop, "https://mail.google.com/"}},
		{SetupQuery{Kind: SetupGmail, Credential: desktop}, []string{kindWeb, "https://mail.acme.example/connect/callback"}},
		{SetupQuery{Kind: SetupRelay}, []string{"smtp-relay.gmail.com", "gmail_relay"}},
	} {
		s, err := w.SetupSteps(ctx, w.grant, c.q)
		must(t, err)
		text := ""
		for _, one := range s.Steps {
			text += one.Title + one.Text + one.URL
			for _, v := range one.Values {
				text += v.Name + v.Value
			}
		}
		for _, part := range c.want {
			if !strings.Contains(text, part) {
				t.Errorf("%+v lacks %s: %s", c.q, part, text)
			}
		}
	}
	_, err := w.SetupSteps(ctx, w.grant, SetupQuery{Kind: "fax"})
	wantInvalid(t, err, "kind", "not a kind")
	_, err = w.SetupSteps(ctx, w.grant, SetupQuery{Kind: SetupGmail, Credential: account})
	wantInvalid(t, err, "credential", KindServiceAccount)
}
