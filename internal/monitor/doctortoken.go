package monitor

import (
	"slices"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	answers "gatepost/internal/oauth/endpoint"
)

// Token is what an access token says of itself. The token is not in it.
type Token struct {
	For      string // what the account asks for it: a purpose
	Asked    []string
	Audience string
	App      string // client id
	Tenant   string
	User     string // empty where an app acts by itself
	Object   string // object id of whoever acts
	Scopes   []string
	Roles    []string
	Expires  time.Time
	Opaque   bool // it cannot be read, and nobody told what it allows
}

// ReadToken reads an access token of Microsoft's, as far as it can be read
// (learn.microsoft.com/entra/identity-platform/access-token-claims-reference). Those of
// personal accounts cannot.
func ReadToken(token email.Secret) Token {
	var c struct {
		Audience answers.Audience `json:"aud"`
		AppID    string           `json:"appid"`
		Azp      string           `json:"azp"`
		Tenant   string           `json:"tid"`
		User     string           `json:"upn"`
		Name     string           `json:"preferred_username"`
		Object   string           `json:"oid"`
		Scopes   string           `json:"scp"`
		Roles    []string         `json:"roles"`
		Expires  int64            `json:"exp"`
	}
	if answers.ReadIDToken(token.Reveal(), &c) != nil {
		return Token{Opaque: true}
	}
	t := Token{
		Audience: strings.Join(c.Audience, " "), App: c.AppID, Tenant: c.Tenant, User: c.User, Object: c.Object,
		Scopes: strings.Fields(c.Scopes), Roles: c.Roles, Expires: time.Unix(c.Expires, 0).UTC(),
	}
	if t.App == "" {
		t.App = c.Azp
	}
	if t.User == "" {
		t.User = c.Name
	}
	return t
}

// ReadInfo is what Google tells of one of its tokens, which nobody else can read.
func ReadInfo(i oauth.Info) Token {
	return Token{Audience: i.Audience, App: i.Audience, User: i.Email, Scopes: i.Scopes, Expires: i.Expires}
}

// appOnly tells whether an app acts by itself.
func (t Token) appOnly() bool { return t.User == "" && len(t.Scopes) == 0 }

// resource is the host of an audience; Microsoft's own ids stand for themselves.
func resource(audience string) string {
	switch audience {
	case "00000003-0000-0000-c000-000000000000":
		return "graph.microsoft.com"
	case "00000002-0000-0ff1-ce00-000000000000":
		return "outlook.office365.com"
	}
	_, host, found := strings.Cut(audience, "://")
	if !found {
		return ""
	}
	host, _, _ = strings.Cut(host, "/")
	return strings.ToLower(host)
}

// forOutlook tells whether it is for Exchange Online.
func (t Token) forOutlook() bool {
	host := resource(t.Audience)
	return strings.Contains(host, "outlook") || strings.Contains(host, "office365")
}

// allowed are the permissions, whichever way they were given.
func (t Token) allowed() []string { return append(slices.Clone(t.Scopes), t.Roles...) }
