package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// pass is what an access token of Entra allows: for one resource, either a user's
// scopes or an app's roles.
type pass struct {
	app       *entraApp
	tenant    *tenant
	principal *principal
	user      *entraUser // nil where the app acts for itself
	of        resource
	audience  string
	scopes    []string
	roles     []string
	issued    time.Time
	expires   time.Time
}

// has tells whether any of these scopes or, for an app alone, roles is there.
func (p *pass) has(any ...string) bool {
	list := p.scopes
	if p.user == nil {
		list = p.roles
	}
	return slices.ContainsFunc(list, func(s string) bool { return slices.Contains(any, s) })
}

// mint makes a token and forgets those that have long expired. It runs under the lock.
func (m *microsoft) mint(p *pass) string {
	now := m.now()
	p.issued, p.expires = now, now.Add(tokenSeconds*time.Second)
	for old, was := range m.tokens {
		if now.Sub(was.expires) > time.Hour {
			delete(m.tokens, old)
		}
	}
	token := m.sign(p)
	m.tokens[token] = p
	return token
}

// accessClaims are the claims of an access token
// (learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
type accessClaims struct {
	Audience string   `json:"aud"`
	Issuer   string   `json:"iss"`
	IssuedAt int64    `json:"iat"`
	Before   int64    `json:"nbf"`
	Expires  int64    `json:"exp"`
	App      string   `json:"appid"`
	AppName  string   `json:"app_displayname"`
	Kind     string   `json:"idtyp"`
	Object   string   `json:"oid"`
	Subject  string   `json:"sub"`
	Tenant   string   `json:"tid"`
	UPN      string   `json:"upn,omitempty"`
	Name     string   `json:"name,omitempty"`
	Scopes   string   `json:"scp,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Unique   string   `json:"uti"`
	Version  string   `json:"ver"`
}

// sign writes a token: a JWT, but for personal accounts, whose tokens only their
// resource can read.
func (m *microsoft) sign(p *pass) string {
	if p.user != nil && p.user.personal() {
		return "EwB" + base64.RawURLEncoding.EncodeToString([]byte(rand.Text()+rand.Text()+rand.Text()+rand.Text()))
	}
	c := accessClaims{
		Audience: p.audience, Issuer: "https://sts.windows.net/" + p.tenant.ID + "/",
		IssuedAt: p.issued.Unix(), Before: p.issued.Unix(), Expires: p.expires.Unix(),
		App: p.app.ClientID, AppName: p.app.Name, Kind: "app", Tenant: p.tenant.ID,
		Roles: p.roles, Unique: rand.Text()[:22], Version: "1.0",
	}
	if p.user == nil {
		c.Object, c.Subject = p.principal.id, p.principal.id
		return m.signing.sign(c)
	}
	c.Kind, c.Object, c.Subject = "user", p.user.id, guidOf("pairwise "+p.app.ClientID+p.user.id)
	c.UPN, c.Name, c.Scopes = p.user.Address, nameOf(p.user.Address), strings.Join(p.scopes, " ")
	return m.signing.sign(c)
}

// passOf finds what a token allows, and whether it still does. It runs under the lock.
func (m *microsoft) passOf(token string) (p *pass, alive bool) {
	p = m.tokens[token]
	if p == nil {
		return nil, false
	}
	return p, p.expires.After(m.now())
}
