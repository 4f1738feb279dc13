package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"gatepost/client"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// kept counts credentials and accounts.
func (w *world) kept() (n int) {
	w.t.Helper()
	for _, path := range []string{"/v1/credentials", "/v1/accounts"} {
		n += len(w.get(path).want(http.StatusOK).object()["data"].([]any))
	}
	return n
}

// told makes sure that a request is refused by this field alone, in words that help.
func (r reply) told(field, says string) {
	r.t.Helper()
	got := r.problem(http.StatusUnprocessableEntity, "invalid")
	if len(got) != 1 || !strings.Contains(got[field], says) {
		r.t.Errorf("want %q about %s alone, got %v", says, field, got)
	}
}

// changed is a JSON file of Google's with other values.
func changed(t *testing.T, file string, with map[string]any) string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(file), &all); err != nil {
		t.Fatal(err)
	}
	values := all
	for _, kind := range []string{"web", "installed"} {
		if inner, ok := all[kind].(map[string]any); ok {
			values = inner
		}
	}
	for name, v := range with {
		values[name] = v
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// handOver posts a file of Google's.
func (w *world) handOver(kind, file string) reply {
	w.t.Helper()
	return w.post("/v1/credentials", `{"kind": "`+kind+`", "name": "N", "key": `+file+`}`)
}

// What is wrong with a file of Google's is told by its field, and nothing is kept;
// line ends that were escaped twice are repaired.
func TestBadFilesOfGoogle(t *testing.T) {
	const account, app = "google_service_account", "google_oauth_client"
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w, _ := office(t, opt)
		key, web, desktop := w.serviceAccount(), string(w.google.OAuthClient("web", w.callback())), string(w.google.OAuthClient("installed"))
		var values struct {
			Key string `json:"private_key"`
		}
		w.must(json.Unmarshal([]byte(key), &values))
		before := w.kept()
		for _, c := range []struct {
			kind, file  string
			with        map[string]any
			field, says string
		}{
			{account, key, map[string]any{"private_key": strings.ReplaceAll(values.Key, "\n", "")}, "key.private_key", "download the key again as JSON"},
			{account, key, map[string]any{"private_key": values.Key[:len(values.Key)/2]}, "key.private_key", "download the key again as JSON"},
			{account, key, map[string]any{"private_key": strings.Replace(values.Key, "\nM", "\nX", 1)}, "key.private_key", "download the key again as JSON"},
			{account, key, map[string]any{"type": "authorized_user"}, "key.type", "a person's own login (gcloud)"},
			{account, web, nil, "key.type", "keep it as a credential of the kind google_oauth_client"},
			{account, desktop, nil, "key.type", "keep it as a credential of the kind google_oauth_client"},
			{app, key, nil, "key.type", "a service account"},
			{account, key, map[string]any{"token_uri": "https://evil.example/token"}, "key.token_uri", "a key is never used elsewhere"},
			{account, key, map[string]any{"token_uri": "https://oauth2.googleapis.com.evil.example/token"}, "key.token_uri", "a key is never used elsewhere"},
			{account, key, map[string]any{"token_uri": w.google.GoogleURL + "/tokens"}, "key.token_uri", "a key is never used elsewhere"},
			{account, key, map[string]any{"token_uri": "http://oauth2.googleapis.com/token"}, "key.token_uri", "a key is never used elsewhere"},
			{app, web, map[string]any{"token_uri": "https://evil.example/token"}, "key.token_uri", "a client's secret is never sent elsewhere"},
			{app, desktop, map[string]any{"auth_uri": "https://evil.example/auth"}, "key.auth_uri", "users are never sent elsewhere"},
			{app, web, map[string]any{"client_id": "1-x.apps.googleusercontent.com"}, "key.client_id", "Google does not know the OAuth client 1-x"},
			{app, web, map[string]any{"client_secret": "GOCSPX-wrong"}, "key.client_secret", "does not accept the secret"},
			{app, web, map[string]any{"redirect_uris": []string{w.callback() + "/"}}, "key.redirect_uris", "differs by the slash at its end"},
		} {
			w.handOver(c.kind, changed(t, c.file, c.with)).told(c.field, c.says)
		}
		if n := w.kept(); n != before {
			t.Errorf("%d things were kept", n-before)
		}
		w.handOver(account, changed(t, key, map[string]any{"private_key": strings.ReplaceAll(values.Key, "\n", `\n`)})).want(http.StatusCreated)
		w.handOver(account, changed(t, key, map[string]any{"token_uri": "https://oauth2.googleapis.com/token"})).want(http.StatusCreated)
	})
	w := sqlite(t) // the file of a simulated Google is not taken where none is configured
	w.handOver(account, changed(t, keyFile(t), map[string]any{"token_uri": "https://127.0.0.1:8443/token"})).told("key.token_uri", "must be https://oauth2.googleapis.com/token")
}

// A service account acts for users alone: an address that Google knows as a group's
// or alias' is refused before an account is kept, and when an account is given to it.
func TestDelegationForNoUser(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w, _ := office(t, opt)
		key := w.made("/v1/credentials", `{"kind": "google_service_account", "name": "N", "key": `+w.serviceAccount()+`}`)
		before := w.kept()
		const says = "Use the primary address of a licensed user of the service account's own Workspace: not an alias, not a group"
		w.post("/v1/accounts", `{"address": "nobody@acme.example", "transport": "gmail", "credential": "`+key+`"}`).told("address", says)
		w.post("/v1/accounts", `{"address": "nobody", "transport": "gmail", "credential": "`+key+`"}`).told("address", "")
		if n := w.kept(); n != before {
			t.Errorf("%d things were kept", n-before)
		}
		steps := w.post("/v1/credentials/"+key+"/check", `{"address": "nobody@acme.example"}`).want(http.StatusOK)
		if steps.object()["ok"] != false || !strings.Contains(string(steps.body), "not an alias, not a group") {
			t.Errorf("%s", steps.body)
		}
	})
}

// A consent is refused by what is wrong with it; what comes twice connects nothing
// twice.
func TestBadConsents(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w, c := office(t, opt)
		ctx := t.Context()
		redirect := "http://127.0.0.1:53682/"
		app := w.oauthClient(c, "web", w.callback(), redirect)
		before := w.kept()
		w.post("/v1/consents", `{"credential": "`+app+`", "redirect_uri": "http://127.0.0.1:53682"}`).told("redirect_uri", "differs by the slash at its end")
		w.post("/v1/consents", `{"credential": "cred_none", "redirect_uri": "http://127.0.0.1:53682/"}`).told("credential", "there is no such credential")
		begin := func() client.Consent {
			made, err := c.StartConsent(ctx, client.NewConsent{Credential: app, RedirectURI: redirect, Address: grace})
			w.must(err)
			return made
		}
		first, second := begin(), begin()
		back := w.agree(first.URL, sandbox.Decision{Account: grace})
		stolen := w.agree(second.URL, sandbox.Decision{Account: grace})
		stolen.Code = back.Code // which PKCE binds to the first
		_, err := c.FinishConsent(ctx, second.ID, stolen)
		if e := w.refused(err, http.StatusUnprocessableEntity, "consent_refused"); e.Cause != "code_refused" || !strings.Contains(e.Detail, "Start again; each consent is good once.") {
			t.Errorf("%+v", e)
		}
		if n := w.kept(); n != before {
			t.Errorf("%d things were kept", n-before)
		}
		third := begin()
		back = w.agree(third.URL, sandbox.Decision{Account: grace})
		_, err = c.FinishConsent(ctx, third.ID, back)
		w.must(err)
		kept := w.kept()
		_, err = c.FinishConsent(ctx, third.ID, back)
		if e := w.refused(err, http.StatusUnprocessableEntity, "consent_refused"); e.Cause != "consent_used" {
			t.Errorf("%+v", e)
		}
		fourth := begin()
		again := w.agree(fourth.URL, sandbox.Decision{Account: grace})
		again.Code = back.Code // used at Google already
		_, err = c.FinishConsent(ctx, fourth.ID, again)
		if e := w.refused(err, http.StatusUnprocessableEntity, "consent_refused"); e.Cause != "code_refused" {
			t.Errorf("%+v", e)
		}
		if n := w.kept(); n != kept {
			t.Errorf("%d things were kept", n-kept)
		}
	})
}
