package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"gatepost/internal/email"
)

const (
	clientID     = "117-abc.apps.googleusercontent.com"
	clientSecret = "GOCSPX-canary"
)

// clientJSON writes an OAuth client's file with some fields changed; nil takes one out.
func clientJSON(t testing.TB, kind string, changes map[string]any) []byte {
	t.Helper()
	fields := map[string]any{
		"client_id": clientID, "project_id": "p-1", "auth_uri": "https://accounts.google.com/o/oauth2/auth",
		"token_uri": GoogleTokenURL, "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
		"client_secret": clientSecret, "redirect_uris": []string{"https://mail.acme.example/connect/callback"},
	}
	if kind == ClientInstalled {
		fields["redirect_uris"] = []string{"http://localhost"}
	}
	maps.Copy(fields, changes)
	maps.DeleteFunc(fields, func(_ string, v any) bool { return v == nil })
	out, err := json.Marshal(map[string]any{kind: fields})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func parsed(t testing.TB, kind string, changes map[string]any, e Endpoints) *Client {
	t.Helper()
	c, err := ParseClient(clientJSON(t, kind, changes), e)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParseClient(t *testing.T) {
	for name, file := range map[string][]byte{
		"web":               clientJSON(t, ClientWeb, nil),
		"desktop":           clientJSON(t, ClientInstalled, nil),
		"desktop no secret": clientJSON(t, ClientInstalled, map[string]any{"client_secret": nil}),
		"newer auth_uri":    clientJSON(t, ClientWeb, map[string]any{"auth_uri": Google().Auth}),
		"no endpoints":      clientJSON(t, ClientWeb, map[string]any{"auth_uri": nil, "token_uri": nil}),
		"BOM":               append([]byte("\xef\xbb\xbf"), clientJSON(t, ClientWeb, nil)...),
	} {
		c, err := ParseClient(file, Endpoints{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		kept, err := c.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseClient([]byte(kept.Reveal()), Google())
		if err != nil || again.ID() != clientID || again.secret != c.secret || again.Kind() != c.Kind() || again.Project() != "p-1" ||
			strings.Join(again.Redirects(), " ") != strings.Join(c.Redirects(), " ") {
			t.Errorf("%s: kept and read again: %v %+v", name, err, again)
		}
	}
	simulated := parsed(t, ClientWeb, map[string]any{"client_id": "sandbox"}, At("https://127.0.0.1:1/"))
	if simulated.config(At("https://127.0.0.1:1")).Endpoint.TokenURL != "https://127.0.0.1:1/token" {
		t.Error("the file decides where a simulated Google is")
	}
}

func TestClientDoesNotShowItsSecret(t *testing.T) {
	c := parsed(t, ClientWeb, nil, Google())
	consent := Consent{Client: c}
	user := User{Client: c, Refresh: email.NewSecret("1//" + clientSecret)}
	for _, v := range []any{c, *c, consent, user, []any{c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "canary") || strings.Contains(got, "63616e617279") {
				t.Errorf("%s of %T shows %s", verb, v, got)
			}
		}
		if got, _ := json.Marshal(v); strings.Contains(string(got), "canary") {
			t.Errorf("JSON of %T shows %s", v, got)
		}
	}
}

// TestClientFileErrors: the error names each wrong field and says what to do.
func TestClientFileErrors(t *testing.T) {
	web := func(changes map[string]any) []byte { return clientJSON(t, ClientWeb, changes) }
	for name, c := range map[string]struct {
		file   []byte
		fields string
		says   string
	}{
		"a service account's key": {file(t, nil), "type", "gatepost connect workspace"},
		"a person's login":        {[]byte(`{"type":"authorized_user","refresh_token":"1//x"}`), "type", "gcloud"},
		"federation":              {[]byte(`{"type":"external_account"}`), "type", `"external_account"`},
		"something else":          {[]byte(`{"hello":1}`), "type", "download"},
		"both kinds":              {[]byte(`{"web":{"client_id":"a"},"installed":{"client_id":"a"}}`), "key_file", "one of them"},
		"not JSON":                {[]byte("client_id=abc"), "key_file", "download"},
		"empty":                   {nil, "key_file", "download"},
		"huge":                    {make([]byte, 1<<20), "key_file", "64 KiB"},
		"other token_uri":         {web(map[string]any{"token_uri": "https://oauth2.googleapis.com.evil.example/token"}), "token_uri", "never sent elsewhere"},
		"other auth_uri":          {web(map[string]any{"auth_uri": "https://evil.example/auth"}), "auth_uri", "never sent elsewhere"},
		"no id":                   {web(map[string]any{"client_id": nil}), "client_id", "copy it"},
		"id cut":                  {web(map[string]any{"client_id": "117-abc"}), "client_id", ".apps.googleusercontent.com"},
		"id with a space":         {web(map[string]any{"client_id": " " + clientID}), "client_id", "spaces"},
		"web without secret":      {web(map[string]any{"client_secret": nil}), "client_secret", "add a secret"},
		"secret with line end":    {web(map[string]any{"client_secret": clientSecret + "\n"}), "client_secret", "copy it again"},
		"strange redirect":        {web(map[string]any{"redirect_uris": []string{"https://a.example/", "callback"}}), "redirect_uris.1", "not an address"},
		"several": {
			web(map[string]any{"client_id": nil, "client_secret": nil, "token_uri": "http://x"}), "client_id client_secret token_uri", "missing",
		},
	} {
		_, err := ParseClient(c.file, Google())
		checkFileError(t, name, err, c.fields, c.says)
	}
	_, err := ParseServiceAccount(clientJSON(t, ClientWeb, nil), "")
	checkFileError(t, "a client given as a service account", err, "type", "OAuth client's file")
	_, err = ParseServiceAccount(clientJSON(t, ClientInstalled, nil), "")
	checkFileError(t, "a desktop client given as a service account", err, "type", "gatepost connect gmail")
}

func checkFileError(t *testing.T, name string, err error, fields, says string) {
	t.Helper()
	wrong, ok := errors.AsType[KeyFileError](err)
	if !ok {
		t.Errorf("%s: %v", name, err)
		return
	}
	var got []string
	for _, f := range wrong {
		got = append(got, f.Field)
	}
	if strings.Join(got, " ") != fields || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: fields %q and %q; want %q and %q", name, strings.Join(got, " "), err, fields, says)
	}
	if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "MII") {
		t.Errorf("%s: the error shows a secret: %v", name, err)
	}
}

func TestNewClient(t *testing.T) {
	c, err := NewClient(ClientWeb, " "+clientID+"\n", email.NewSecret(clientSecret), []string{"https://a.example/cb"})
	if err != nil || c.ID() != clientID || c.Kind() != ClientWeb {
		t.Fatalf("%v %v", c, err)
	}
	if _, err := NewClient(ClientInstalled, clientID, email.Secret{}, nil); err != nil {
		t.Errorf("a desktop client without a secret: %v", err)
	}
	_, err = NewClient("desktop", clientID, email.NewSecret(clientSecret), nil)
	checkFileError(t, "kind", err, "type", "Desktop app")
	_, err = NewClient(ClientWeb, "", email.Secret{}, nil)
	checkFileError(t, "nothing", err, "client_id client_secret", "missing")
}

func FuzzParseClient(f *testing.F) {
	f.Add(clientJSON(f, ClientWeb, nil))
	f.Add(clientJSON(f, ClientInstalled, map[string]any{"client_secret": nil}))
	f.Add([]byte(`{"web":null,"installed":{"redirect_uris":["http://[::1"]}}`))
	f.Add([]byte(`{"type":"service_account"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseClient(b, Google())
		if (c == nil) == (err == nil) {
			t.Fatalf("client %v, error %v", c, err)
		}
		if c == nil {
			return
		}
		if got := c.config(Google()).Endpoint; got.TokenURL != GoogleTokenURL || got.AuthURL != Google().Auth {
			t.Errorf("the file sends secrets to %+v", got)
		}
		kept, err := c.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseClient([]byte(kept.Reveal()), Google()); err != nil || again.id != c.id || again.secret != c.secret {
			t.Errorf("kept and read again: %v %v", again, err)
		}
		_ = CheckRedirectURI(c, "https://mail.acme.example/connect/callback/")
	})
}
