package oauth

import (
	"strings"
	"testing"
)

func TestCheckRedirectURI(t *testing.T) {
	const registered = "https://mail.acme.example/connect/callback"
	web := parsed(t, ClientWeb, map[string]any{"redirect_uris": []string{"https://other.example/", registered, "http://localhost:8080/cb"}}, Google())
	open := parsed(t, ClientWeb, map[string]any{"redirect_uris": nil}, Google())
	desktop := parsed(t, ClientInstalled, nil, Google())
	for _, c := range []struct {
		client *Client
		uri    string
		says   string // empty: fine
	}{
		{web, registered, ""},
		{web, "http://localhost:8080/cb", ""},
		{web, registered + "/", "differs by the slash at its end"},
		{web, registered + "/", "add exactly " + registered + "/ under Authorized redirect URIs"},
		{web, "https://mail.acme.example/Connect/callback", "by capital letters"},
		{web, "https://mail.acme.example:8443/connect/callback", "by the port"},
		{web, "http://localhost:8081/cb", "by the port"},
		{web, "https://localhost:8080/cb", "by http and https"},
		{web, "https://new.example/connect/callback", "not among the client's registered ones (https://other.example/, " + registered + ", http://localhost:8080/cb)"},
		{web, "http://mail.acme.example/connect/callback", "https alone"},
		{web, registered + "#x", "no # part"},
		{web, "https://a@mail.acme.example/connect/callback", "no user name"},
		{web, "https://*.acme.example/connect/callback", "wildcard"},
		{web, "mail.acme.example/connect/callback", "not an address"},
		{web, "javascript:alert(1)", "not an address"},
		{web, "urn:ietf:wg:oauth:2.0:oob", "not an address"},
		{web, "", "not an address"},
		{open, "https://new.example/connect/callback", ""},
		{open, "http://new.example/connect/callback", "https alone"},
		{desktop, "http://127.0.0.1:53682/", ""},
		{desktop, "http://127.0.0.1:1/any/path", ""},
		{desktop, "http://[::1]:53682/", ""},
		{desktop, "http://localhost:9", ""},
		{desktop, "http://192.168.0.1:53682/", "this machine alone"},
		{desktop, "http://127.0.0.1.evil.example/", "this machine alone"},
		{desktop, registered, "type Web application"},
	} {
		err := CheckRedirectURI(c.client, c.uri)
		if c.says == "" {
			if err != nil {
				t.Errorf("%s client, %s: %v", c.client.kind, c.uri, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s client, %s: %v; want it to say %q", c.client.kind, c.uri, err, c.says)
		}
	}
}
