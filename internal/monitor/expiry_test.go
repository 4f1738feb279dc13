package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

func words(all []Expiry) []string {
	out := make([]string, len(all))
	for i, e := range all {
		who := e.Credential
		if len(e.Accounts) > 0 {
			who = e.Accounts[0].Address
		}
		out[i] = fmt.Sprintf("%s %s: %s, %d days", e.Severity, who, e.Summary, e.Days)
	}
	return out
}

// TestExpiries: what ends, of whom and when, the soonest first.
func TestExpiries(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt)
		at := func(d time.Duration) string { return start.Add(d).Format(time.RFC3339) }
		w.app("cred_gone", at(-day))
		w.app("cred_soon", at(11*day+20*time.Hour))
		w.app("cred_late", at(400*day))
		w.app("cred_unsaid", "")
		w.credential("cred_cert", vault.KindMicrosoftApp, vault.MicrosoftAppPublic{
			Tenant: "contoso.example", ClientID: "2222", Auth: entra.AuthCertificate, Thumbprint: "AB12", ExpiresAt: at(2 * day),
		}, "s", start)
		w.users(start, 1)
		testing := user("cred_client")
		testing.ExpiresAt = at(7 * day)
		w.credential("cred_testing", vault.KindGoogleUser, testing, "r", start)
		w.credential("cred_says", vault.KindOAuthClient, map[string]string{"client_id": "c", "testing": "true"}, "s", start)
		w.credential("cred_said", vault.KindGoogleUser, user("cred_says"), "r", start.Add(-6*day))
		w.credential("cred_idle", vault.KindGoogleUser, user("cred_client"), "r", start.Add(-20*day))
		w.credential("cred_ms", vault.KindMicrosoftUser, vault.UserPublic{
			Email: "ada@contoso.example", Scopes: "https://graph.microsoft.com/Mail.Send", Client: "cred_soon",
		}, "r", start.Add(-89*day))
		w.credential("cred_pw", vault.KindPassword, map[string]string{}, "p", start)
		w.account("acc_1", "app@contoso.example", "microsoft", "cred_soon", `{}`)
		w.account("acc_2", "ada@contoso.example", "microsoft_smtp", "cred_ms", `{}`)
		w.account("acc_3", "old@contoso.example", "smtp", "cred_pw", `{"host":"SMTP.office365.com","port":587}`)
		w.account("acc_4", "relay@example.org", "smtp", "cred_pw", `{"host":"smtp.example.org","port":587}`)
		w.account("acc_5", "bulk@example.org", "gmail", "cred_idle", `{"limits":{"units_per_minute":15000}}`)
		w.account("acc_6", "few@example.org", "gmail", "cred_user000", `{"limits":{"units_per_minute":6000}}`)
		w.account("acc_8", "increased@example.org", "gmail", "cred_user000", `{"limits":{"units_per_minute":15001}}`)
		w.account("acc_7", "hve@contoso.example", "smtp", "cred_pw", `{"host":"smtp-hve.office365.com"}`)
		want := []string{
			"over cred_gone: client secret ended on 2026-11-21, 0 days",
			"critical ada@contoso.example: unused consent ends within a day, 1 days",
			"critical cred_said: consent ends within a day, 1 days",
			"critical cred_cert: certificate ends in 2 days, 2 days",
			"warning cred_testing: consent ends in 7 days, 7 days",
			"warning app@contoso.example: client secret ends in 12 days, 12 days",
			"ok old@contoso.example: passwords at Exchange Online's SMTP: in 39 days, 39 days",
			"ok bulk@example.org: unused consent ends in 161 days, 161 days",
			"ok cred_late: client secret ends in 400 days, 400 days",
			"notice hve@contoso.example: the old name of High Volume Email's server, 0 days",
			"ok cred_unsaid: client secret, whose end nobody has said, 0 days",
			"notice bulk@example.org: the old quota of the Gmail API: since 2026-06-30, 0 days",
		}
		got := w.expiries()
		if diff := cmp.Diff(want, words(got)); diff != "" {
			t.Error(diff)
		}
		for _, e := range got {
			if e.What == "" || e.Fix == "" || !strings.HasPrefix(e.Link, "https://") || strings.Contains(e.Fix, "{") {
				t.Errorf("%s: what %q, fix %q, link %q", e.Summary, e.What, e.Fix, e.Link)
			}
		}
		soon := got[5] // the user's consent goes by the app's secret, too
		if len(soon.Accounts) != 2 || soon.Accounts[1].Address != "ada@contoso.example" || !strings.Contains(soon.Fix, "gatepost credentials replace cred_soon --secret-file FILE") {
			t.Errorf("%+v", soon)
		}
		if fix := got[1].Fix; !strings.Contains(fix, "gatepost connect microsoft ada@contoso.example --consent --smtp") {
			t.Error(fix)
		}
		w.wantOfOne(got)
	})
}

// wantOfOne: what is told of one account is what the whole tells of it.
func (w *world) wantOfOne(all []Expiry) {
	w.t.Helper()
	for _, id := range []email.ID{"acc_1", "acc_2", "acc_3", "acc_4", "acc_5", "acc_6", "acc_7", "acc_none"} {
		var want []Expiry
		for _, e := range all {
			for _, a := range e.Accounts {
				if a.ID == id {
					e.Accounts = []Owner{a}
					want = append(want, e)
				}
			}
		}
		got, err := w.watch(w.store).ExpiriesOf(w.t.Context(), team, id)
		w.must(err)
		if diff := cmp.Diff(words(want), words(got)); diff != "" {
			w.t.Errorf("%s: %s", id, diff)
		}
	}
}

// TestMarks: how long ahead something is told.
func TestMarks(t *testing.T) {
	for _, c := range []struct {
		kind string
		days int
		want int // -1: not yet
	}{
		{KindSecret, 31, -1},
		{KindSecret, 30, 30},
		{KindSecret, 15, 30},
		{KindSecret, 14, 14},
		{KindSecret, 3, 3},
		{KindSecret, 2, 3},
		{KindSecret, 1, 1},
		{KindSecret, 0, 0},
		{KindConsent, 8, -1},
		{KindConsent, 7, 7},
		{KindConsent, 3, 3},
		{KindConsent, 0, 0},
		{KindChange, 30, 30},
		{KindChange, 0, 0},
		{KindChange, -30, 0},
		{KindChange, -31, -1},
		{KindSecret, -31, 0},
		{KindIdle, 14, 14},
	} {
		e := Expiry{Kind: c.kind, At: start.Add(time.Duration(c.days) * day)}
		e.dated(start)
		got, ok := e.mark(start)
		if want := max(c.want, 0); got != want || ok != (c.want >= 0) {
			t.Errorf("%s, %d days: %d, %v; want %d", c.kind, c.days, got, ok, c.want)
		}
	}
	if _, ok := (&Expiry{Kind: KindChange}).mark(start); ok {
		t.Error("what has no date is told ahead of it")
	}
}

// TestUsedTokenIsNotIdle: a token that was used lately ends nowhere near.
func TestUsedTokenIsNotIdle(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt)
		w.clock.set(time.Now()) // uses are dated by the database's clock
		w.users(time.Now().Add(-60*day), 1)
		if got := w.expiries(); len(got) != 1 || got[0].Kind != KindIdle {
			t.Fatalf("unused for 60 days: %+v", got)
		}
		_, err := w.vault.Token(t.Context(), vault.TokenRequest{Team: team, Credential: "cred_user000", Scopes: []string{oauth.ScopeSend}})
		w.must(err)
		if got := w.expiries(); len(got) != 0 {
			t.Errorf("used just now: %+v", got)
		}
	})
}
