package control

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// edited is a file of Google's with some values changed, also those of a client.
func edited(t *testing.T, file []byte, changes map[string]any) []byte {
	t.Helper()
	var all map[string]any
	must(t, json.Unmarshal(file, &all))
	values := all
	for _, kind := range []string{"web", "installed"} {
		if inner, ok := all[kind].(map[string]any); ok {
			values = inner
		}
	}
	for name, v := range changes {
		values[name] = v
	}
	out, err := json.Marshal(all)
	must(t, err)
	return out
}

// unchanged runs what must be refused, and makes sure that all credentials are what
// they were.
func (w *withGoogle) unchanged(t *testing.T, do func()) {
	t.Helper()
	before, err := w.store.Credentials(t.Context(), w.grant.Team)
	must(t, err)
	do()
	after, err := w.store.Credentials(t.Context(), w.grant.Team)
	must(t, err)
	if len(after) != len(before) {
		t.Fatalf("%d credentials became %d", len(before), len(after))
	}
	for i := range after {
		if !bytes.Equal(before[i].Sealed, after[i].Sealed) || !bytes.Equal(before[i].Public, after[i].Public) {
			t.Errorf("the credential %s was changed", after[i].ID)
		}
	}
}

// A client that Google does not know, or whose secret it does not take, never comes
// into the place of one that works; what stands on that goes on.
func TestClientIsKnownBeforeItIsStored(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		ctx := t.Context()
		file := w.google.OAuthClient("web", publicURL+callbackPath, back)
		made, err := w.CreateCredential(ctx, w.grant, NewCredential{Kind: KindOAuthClient, Name: "Web", Key: file})
		must(t, err)
		mailbox := w.connected(t, NewConsent{Credential: made.ID}, grace)
		wrongSecret := edited(t, file, map[string]any{"client_secret": "GOCSPX-wrong"})
		slash := edited(t, file, map[string]any{"redirect_uris": []string{publicURL + callbackPath + "/", back}})
		unknown := edited(t, file, map[string]any{"client_id": "1-x.apps.googleusercontent.com"})
		w.unchanged(t, func() {
			_, err := w.ReplaceCredential(ctx, w.grant, made.ID, NewCredential{Key: wrongSecret})
			wantInvalid(t, err, "key.client_secret", "does not accept the secret")
			_, err = w.ReplaceCredential(ctx, w.grant, made.ID, NewCredential{Key: slash})
			wantInvalid(t, err, "key.redirect_uris", publicURL+callbackPath+"/ differs by the slash")
			for _, n := range []NewCredential{{Key: wrongSecret}, {Key: slash}, {Key: unknown}, {ClientID: "1-x.apps.googleusercontent.com", ClientSecret: email.NewSecret("x")}} {
				n.Kind, n.Name = KindOAuthClient, "x"
				if _, err := w.CreateCredential(ctx, w.grant, n); err == nil {
					t.Errorf("%s was taken", n.Key)
				}
			}
			_, err = w.CreateCredential(ctx, w.grant, NewCredential{Kind: KindOAuthClient, Name: "x", Key: unknown})
			wantInvalid(t, err, "key.client_id", "does not know the OAuth client 1-x.apps.googleusercontent.com")
			_, err = w.CreateCredential(ctx, w.grant, NewCredential{Kind: KindOAuthClient, Name: "x", ClientID: "1-x.apps.googleusercontent.com", ClientSecret: email.NewSecret("x")})
			wantInvalid(t, err, "client_id", "does not know")
		})
		p, err := w.CheckAccount(ctx, w.grant, mailbox.Account.ID)
		must(t, err)
		if !p.OK {
			t.Errorf("the mailbox that was connected before: %+v", p)
		}
	})
}

// A client that was deleted or disabled is told so; what Google cannot say, or says
// of something else, keeps nobody from storing it, and the proof tells of it.
func TestWhatGoogleSaysOfAClient(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	file := w.google.OAuthClient("installed")
	for _, c := range []struct {
		status int
		body   string
		stored bool
	}{
		{401, `{"error":"deleted_client","error_description":"The OAuth client was deleted."}`, false},
		{401, `{"error":"disabled_client","error_description":"The OAuth client was disabled."}`, false},
		{401, `{"error":"invalid_client","error_description":"The OAuth client was not found."}`, false},
		{400, `{"error":"invalid_grant","error_description":"Malformed auth code."}`, true},
		{400, `{"error":"redirect_uri_mismatch"}`, true},
		{503, `{"error":"internal_failure"}`, true},
		{429, `{"error":"rate_limit_exceeded"}`, true},
		{403, `<html>a proxy</html>`, true},
	} {
		w.answering(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: c.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(c.body))}, nil
		}, func() {
			_, err := w.CreateCredential(t.Context(), w.grant, NewCredential{Kind: KindOAuthClient, Name: "x", Key: file})
			if c.stored {
				must(t, err)
				return
			}
			wantInvalid(t, err, "key.client_id", "")
		})
	}
	all, err := w.Credentials(t.Context(), w.grant)
	must(t, err)
	if len(all) != 5 {
		t.Errorf("%d are stored, want 5", len(all))
	}
}

// The same for the key of a service account: neither mailbox nor delegation is
// needed to know that it is good.
func TestKeyIsTriedBeforeItIsStored(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := startGoogle(t, opt)
		ctx := t.Context()
		file := w.google.ServiceAccountKey(scopes + "send")
		made, err := w.CreateCredential(ctx, w.grant, NewCredential{Kind: KindServiceAccount, Name: "Workspace", Key: file})
		must(t, err)
		var other struct {
			Key string `json:"private_key"`
		}
		must(t, json.Unmarshal(w.google.ServiceAccountKey(), &other))
		unknown := edited(t, file, map[string]any{"client_email": "gone@p.iam.gserviceaccount.com"})
		forged := edited(t, file, map[string]any{"private_key": other.Key})
		w.unchanged(t, func() {
			for _, c := range []struct {
				key         []byte
				field, part string
			}{
				{unknown, "key.client_email", "does not know the service account"},
				{forged, "key.private_key", "made a minute ago"},
			} {
				_, err := w.CreateCredential(ctx, w.grant, NewCredential{Kind: KindServiceAccount, Name: "x", Key: c.key})
				wantInvalid(t, err, c.field, c.part)
				_, err = w.ReplaceCredential(ctx, w.grant, made.ID, NewCredential{Key: c.key})
				wantInvalid(t, err, c.field, c.part)
			}
		})
		w.answering(noNetwork, func() {
			_, err = w.ReplaceCredential(ctx, w.grant, made.ID, NewCredential{Key: forged})
			must(t, err)
		})
		p, err := w.CheckCredential(ctx, w.grant, made.ID, "", nil)
		must(t, err)
		if s := step(t, p, "signature"); p.OK || s.OK {
			t.Errorf("the proof of what could not be tried: %+v", p)
		}
	})
}

// Only checking asks nobody.
func TestOnlyCheckDoesNotAskGoogle(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	client := w.oauthClient(t, "installed")
	key := w.serviceAccount(t, scopes+"send", scopes+"readonly")
	account, err := w.CreateAccount(t.Context(), w.grant, NewAccount{Address: ada, Transport: "gmail", Credential: key})
	must(t, err)
	calls, senders := len(w.google.TokenCalls()), []string{"nobody@" + sandbox.Domain}
	for _, n := range []NewCredential{
		{Kind: KindOAuthClient, Key: w.google.OAuthClient("web", publicURL+callbackPath)}, {Kind: KindServiceAccount, Key: w.google.ServiceAccountKey()},
	} {
		n.Name, n.OnlyCheck = "x", true
		_, err := w.CreateCredential(t.Context(), w.grant, n)
		must(t, err)
	}
	_, err = w.ReplaceCredential(t.Context(), w.grant, client, NewCredential{Key: w.google.OAuthClient("installed"), OnlyCheck: true})
	must(t, err)
	_, err = w.ReplaceCredential(t.Context(), w.grant, key, NewCredential{Key: w.google.ServiceAccountKey(), OnlyCheck: true})
	must(t, err)
	_, err = w.CreateAccount(t.Context(), w.grant, NewAccount{Address: "bob@" + sandbox.Domain, Transport: "gmail", Credential: key, Senders: senders, OnlyCheck: true})
	must(t, err)
	_, err = w.UpdateAccount(t.Context(), w.grant, account.ID, ChangeAccount{Senders: &senders, OnlyCheck: true})
	must(t, err)
	if n := len(w.google.TokenCalls()); n != calls {
		t.Errorf("%d calls", n-calls)
	}
}
