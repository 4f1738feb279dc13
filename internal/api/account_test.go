package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatepost/client"
	"gatepost/internal/control"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func TestBadCredentials(t *testing.T) {
	w := sqlite(t)
	key := keyFile(t)
	for _, c := range []struct {
		name, body string
		fields     []string
	}{
		{"nothing", `{}`, []string{"kind", "name"}},
		{"wrong types", `{"kind": 1, "name": [], "password": {"secret": "tr0ub4dor"}, "colour": "red"}`, []string{"kind", "name", "password", "colour"}},
		{"unknown kind", `{"kind": "oauth", "name": "N"}`, []string{"kind"}},
		{"no password", `{"kind": "smtp_password", "name": "N"}`, []string{"password"}},
		{"password with a line break", `{"kind": "smtp_password", "name": "N", "password": "tr0ub4dor\n"}`, []string{"password"}},
		{"password and key", `{"kind": "smtp_password", "name": "N\u0000", "password": "tr0ub4dor", "key": {}}`, []string{"key", "name"}},
		{"no key", `{"kind": "google_service_account", "name": "N"}`, []string{"key"}},
		{"key that is no file", `{"kind": "google_service_account", "name": "N", "key": "tr0ub4dor"}`, []string{"key"}},
		{"key of a person", `{"kind": "google_service_account", "name": "N", "key": {"type": "authorized_user", "refresh_token": "tr0ub4dor"}}`, []string{"key.type"}},
		{"key sent elsewhere", `{"kind": "google_service_account", "name": "N", "key": ` + strings.Replace(key, "oauth2.googleapis.com", "evil.example", 1) + `}`, []string{"key.token_uri"}},
		{"damaged key", `{"kind": "google_service_account", "name": "N", "key": ` + strings.Replace(key, "BEGIN", "tr0ub4dor", 1) + `}`, []string{"key.private_key"}},
	} {
		r := w.post("/v1/credentials", c.body)
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			wantFields(t, r.problem(http.StatusUnprocessableEntity, "invalid"), c.fields)
			if strings.Contains(string(r.body)+w.log.String(), "tr0ub4dor") {
				t.Errorf("the secret is told: %s", r.body)
			}
		})
	}
	if n := len(w.get("/v1/credentials").object()["data"].([]any)); n != 2 {
		t.Errorf("%d credentials, want the 2 of the start", n)
	}
}

// A secret goes in and never comes out; its public part does.
func TestCredentials(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		quoted := fmt.Sprintf("%q", keyFile(t))
		r := w.post("/v1/credentials", `{"kind": "google_service_account", "name": "Pasted", "key": `+quoted+`}`).want(http.StatusCreated)
		public := r.object()["public"].(map[string]any)
		if public["client_email"] != "mailer@shop.iam.gserviceaccount.com" || public["client_id"] != "123" || public["key_id"] != "k1" || public["project"] != "shop" {
			t.Errorf("public: %v", public)
		}
		list := w.get("/v1/credentials").want(http.StatusOK)
		if len(list.object()["data"].([]any)) != 3 || strings.Contains(string(r.body)+string(list.body), "PRIVATE KEY") || strings.Contains(string(list.body), "hunter2") {
			t.Errorf("%s", list.body)
		}
	})
}

// A relay that refuses the password holds the account and keeps its mail; a new
// password releases both.
func TestReplaceCredential(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		w.relay.says(&provider.Error{Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "credential_refused", Text: "The server refused user name and password.", Fix: "Store the right password."})
		w.run()
		message := w.post("/v1/messages", simple).want(http.StatusAccepted).header.Get("Location")
		account := func() map[string]any { return w.get("/v1/accounts/" + w.smtp).want(http.StatusOK).object() }
		w.until("held", func() bool { return account()["status"] == "held" })
		if a := account(); a["cause"] != "credential_refused" || !strings.Contains(a["reason"].(string), "Store the right password.") {
			t.Errorf("account: %v", a)
		}
		if s := status(w.get(message)); s != "queued" {
			t.Errorf("the message is %s", s)
		}
		put := func(body string) reply {
			return w.do("PUT", "/v1/credentials/"+w.smtpKey, strings.NewReader(body), "Content-Type", "application/json")
		}
		wantFields(t, put(`{"kind": "google_service_account", "password": 7}`).problem(http.StatusUnprocessableEntity, "invalid"), []string{"kind", "password"})
		if account()["status"] != "held" {
			t.Error("a refused replacement released the account")
		}
		w.relay.says(nil)
		if r := put(`{"password": "correct horse"}`).want(http.StatusOK).object(); r["name"] != "Relay" {
			t.Errorf("replaced: %v", r)
		}
		w.until("accepted", func() bool { return status(w.get(message)) == "accepted" })
		if a := account(); a["status"] != "active" || a["cause"] != nil {
			t.Errorf("account: %v", a)
		}
	})
}

func TestReleaseAccount(t *testing.T) {
	w := sqlite(t)
	w.relay.says(&provider.Error{Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "credential_refused", Text: "No."})
	w.run()
	message := w.post("/v1/messages", simple).want(http.StatusAccepted).header.Get("Location")
	w.until("held", func() bool { return w.get("/v1/accounts/" + w.smtp).object()["status"] == "held" })
	w.relay.says(nil)
	if a := w.post("/v1/accounts/"+w.smtp+"/release", "").want(http.StatusOK).object(); a["status"] != "active" {
		t.Errorf("released: %v", a)
	}
	w.until("accepted", func() bool { return status(w.get(message)) == "accepted" })
	w.post("/v1/accounts/"+w.smtp+"/release", "").want(http.StatusOK) // nothing to release is well
}

// An account is parked, or rests, as long as its time lasts, and not until somebody
// looks after it.
func TestStatusEndsByItself(t *testing.T) {
	now := time.Now()
	before, soon, later := now.Add(-time.Millisecond), now.Add(time.Second), now.Add(time.Hour)
	for _, c := range []struct {
		name, status    string
		held            bool
		parked, resting time.Time
		until           time.Time
	}{
		{"never", "active", false, time.Time{}, time.Time{}, time.Time{}},
		{"parked", "parked", false, later, time.Time{}, later},
		{"was parked", "active", false, before, time.Time{}, time.Time{}},
		{"parked until now", "active", false, now, time.Time{}, time.Time{}},
		{"rests", "resting", false, time.Time{}, soon, soon},
		{"has rested", "active", false, time.Time{}, before, time.Time{}},
		{"rests, and was parked", "resting", false, before, soon, soon},
		{"parked, and has rested", "parked", false, soon, before, soon},
		{"rests for longer than it is parked", "resting", false, soon, later, later},
		{"held", "held", true, before, before, time.Time{}},
	} {
		var a client.Account
		statusAt(&a, control.Account{Held: c.held, ParkedUntil: c.parked, Resting: c.resting, Cause: "why", Reason: "Why."}, now)
		over := c.status == "active"
		if a.Status != c.status || (a.Cause == "") != over || (a.Reason == "") != over || (a.ParkedUntil == nil) != c.until.IsZero() ||
			a.ParkedUntil != nil && !a.ParkedUntil.Equal(c.until) {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

// Nobody has to send anything for an account to be active when its time is over.
func TestParkedAccountIsActiveAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		w.relay.says(&provider.Error{Class: provider.Park, Scope: provider.ScopeAccount, Cause: "rate_limited", Text: "No.", Until: time.Now().Add(2 * time.Second)})
		w.run()
		w.post("/v1/messages", simple).want(http.StatusAccepted)
		account := func() map[string]any {
			return w.get("/v1/accounts").want(http.StatusOK).object()["data"].([]any)[0].(map[string]any)
		}
		w.until("parked", func() bool { return account()["status"] == "parked" })
		w.relay.says(nil)
		w.until("active", func() bool { return account()["status"] == "active" })
		if a := account(); a["parked_until"] != nil || a["cause"] != nil || a["reason"] != nil {
			t.Errorf("the account: %v", a)
		}
	})
}

func TestBadAccounts(t *testing.T) {
	w := sqlite(t)
	for _, c := range []struct {
		name, body string
		fields     []string
	}{
		{"nothing", `{}`, []string{"address", "transport"}},
		{
			"all wrong", `{"address": "Name <a@b.example>", "transport": "smtp", "credential": "` + w.gmailKey() + `", "senders": ["@", "x", "ok@b.example", 5],
			"smtp": {"host": "a b", "port": "25", "tls": "ssl", "user": "a\r\nb", "max_connections": 0, "colour": 1}, "gmail": {}, "x": 1}`,
			[]string{"address", "credential", "senders[0]", "senders[1]", "senders[3]", "smtp.host", "smtp.port", "smtp.tls", "smtp.user", "smtp.max_connections", "smtp.colour", "gmail", "x"},
		},
		{"no settings", `{"address": "a@b.example", "transport": "smtp", "credential": "` + w.smtpKey + `"}`, []string{"smtp.host"}},
		{"clear text to another machine", `{"address": "a@b.example", "transport": "smtp", "credential": "` + w.smtpKey + `", "smtp": {"host": "smtp.example.com", "tls": "none"}}`, []string{"smtp.tls"}},
		{
			"a file of the server's", `{"address": "a@b.example", "transport": "smtp", "credential": "` + w.smtpKey + `", "smtp": {"host": "127.0.0.1", "ca": "/dev/zero", "ca_file": "/dev/zero"}}`,
			[]string{"smtp.ca", "smtp.ca_file"},
		},
		{
			"gmail", `{"address": "a@b.example", "transport": "gmail", "credential": "` + w.gmailKey() + `", "gmail": {"max_recipients": 0, "max_parallel": 1000, "may_look": "yes"}}`,
			[]string{"gmail.max_recipients", "gmail.max_parallel", "gmail.may_look"},
		},
		{"unknown transport", `{"address": "a@b.example", "transport": "pigeon", "credential": "` + w.smtpKey + `"}`, []string{"transport"}},
		{"unknown credential", `{"address": "a@b.example", "transport": "gmail", "credential": "cred_\u0000"}`, []string{"credential"}},
		{"again", `{"address": "APP@example.com", "transport": "smtp", "credential": "` + w.smtpKey + `", "smtp": {"host": "127.0.0.1", "port": 2525, "user": "app"}}`, []string{"address"}},
	} {
		r := w.post("/v1/accounts", c.body)
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			wantFields(t, r.problem(http.StatusUnprocessableEntity, "invalid"), c.fields)
		})
	}
	if n := len(w.get("/v1/accounts").object()["data"].([]any)); n != 2 {
		t.Errorf("%d accounts, want the 2 of the start", n)
	}
}

// A limit of zero would be none. What is too large is told by how much.
func TestLimitsOutsideAreRefused(t *testing.T) {
	w := sqlite(t)
	for _, number := range []string{"0", "-1", "99999999999999", "1000000001", "1.5", `"5"`} {
		for _, name := range []string{"per_second", "per_minute", "per_hour", "per_day", "recipients_per_day", "external_per_day", "unique_per_day", "units_per_minute"} {
			r := w.do("PATCH", "/v1/accounts/"+w.gmail, strings.NewReader(`{"gmail": {"limits": {"`+name+`": `+number+`}}}`), "Content-Type", "application/json")
			fields := r.problem(http.StatusUnprocessableEntity, "invalid")
			if got := fields["gmail.limits."+name]; got != "must be a whole number from 1 to 1000000000, or be left out" || len(fields) != 1 {
				t.Errorf("%s: %s: %v", name, number, fields)
			}
		}
	}
}

// What an account shows of its settings can be sent again as they are: the wire
// types know every setting that the transports have.
func TestSettingsAreShownWhole(t *testing.T) {
	w := sqlite(t)
	byGmail := w.made("/v1/accounts", `{"address": "s@example.net", "transport": "gmail_smtp", "credential": "`+w.gmailKey()+`", "gmail_smtp": {"mechanism": "xoauth2"}}`)
	preset := w.made("/v1/accounts", `{"address": "r@example.net", "transport": "smtp", "smtp": {"preset": "gmail_relay", "hello": "mail.example.net"}}`)
	for path, transport := range map[string]string{w.smtp: "smtp", w.gmail: "gmail", byGmail: "gmail_smtp", preset: "smtp"} {
		a := w.get("/v1/accounts/" + path).want(http.StatusOK).object()
		shown := a[transport].(map[string]any)
		row, err := w.store.Account(t.Context(), w.team, path)
		w.must(err)
		for _, name := range names(t, row.Config) {
			if shown[name] == nil {
				t.Errorf("%s.%s is kept and not shown", transport, name)
			}
		}
	}
}
