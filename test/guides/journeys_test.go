package guides

import (
	"strings"
	"testing"
)

const (
	scopeSend     = "https://www.googleapis.com/auth/gmail.send"
	scopeMetadata = "https://www.googleapis.com/auth/gmail.metadata"
	scopeMail     = "https://mail.google.com/"
)

// revoked is the section of a guide before which the user takes the consent back.
const revoked = "When a consent ends"

// you is where the reader of every guide reads mail.
const you = "maria@example.org"

var overview = journey{
	file:   "connect.md",
	values: map[string]string{"MAILBOX": "ada@acme.example", "YOU": you},
}

var workspace = journey{
	file:   "connect-workspace.md",
	values: map[string]string{"MAILBOX": "app@acme.example", "SECOND": "sales@acme.example", "YOU": you},
	files: func(t *testing.T, f box) map[string]string {
		return map[string]string{
			"service-account.json": read(t, f.ServiceAccountFile),
			"new-key.json":         f.control(t, "service-accounts", `{"scopes":["`+scopeSend+`","`+scopeMetadata+`","`+scopeMail+`"]}`),
		}
	},
}

var keyless = journey{
	file:   "connect-keyless.md",
	values: map[string]string{"MAILBOX": "app@acme.example", "SECOND": "sales@acme.example", "YOU": you},
	files: func(t *testing.T, f box) map[string]string {
		return map[string]string{"federation.json": read(t, f.FederationFile)}
	},
}

var gmail = journey{
	file:   "connect-gmail.md",
	values: map[string]string{"MAILBOX": "grace@gmail.example", "SECOND": "kay@gmail.example", "COLLEAGUE": "bob@acme.example", "YOU": you},
	files: func(t *testing.T, f box) map[string]string {
		return map[string]string{
			"client_secret.json":     read(t, f.OAuthClientFile),
			"client_secret_web.json": f.control(t, "oauth-clients", `{"type":"web","redirect_uris":["`+f.APIURL+`/connect/callback"]}`),
		}
	},
	before: map[string]func(*testing.T, *reader){
		revoked: func(t *testing.T, r *reader) { r.control(t, "revoke", `{"account":"grace@gmail.example"}`) },
	},
	after: map[string]func(*testing.T, *reader){
		revoked: func(t *testing.T, r *reader) {
			r.arrives(t, "Waiting for consent")
			if !strings.Contains(r.output, "held") || !strings.Contains(r.output, "was connected before") {
				t.Errorf("the account was not held, or not connected again:\n%s", r.output)
			}
		},
	},
}

var relay = journey{
	file:   "connect-relay.md",
	values: map[string]string{"MAILBOX": "app@acme.example", "YOU": you, "RELAY": "127.0.0.1", "GOOGLE_RELAY": "127.0.0.1"},
}

var microsoft = journey{
	file: "connect-microsoft.md",
	values: map[string]string{
		"MAILBOX": "app@contoso.example", "USER_MAILBOX": "ada@contoso.example", "SHARED": "orders@contoso.example",
		"YOU": you, "TENANT": "contoso.example",
	},
	before: map[string]func(*testing.T, *reader){
		"A shared mailbox": func(t *testing.T, r *reader) { r.share(t) },
	},
	after: map[string]func(*testing.T, *reader){
		"Removing a mailbox": func(t *testing.T, r *reader) {
			if !strings.Contains(r.output, "https://myapps.microsoft.com") {
				t.Errorf("it is not said what is left to be done:\n%s", r.output)
			}
		},
	},
}
