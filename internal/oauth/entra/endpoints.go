// Package entra holds the ways to an access token at Microsoft Entra ID (v2.0): an
// app by itself (client credentials, with a secret or with a certificate), a user's
// consent (authorization code with PKCE, RFC 7636), a device code (RFC 8628), and
// refresh tokens. Errors of endpoints carry the classes of provider.Error.
//
// It keeps nothing: caching, rotation and single flight are vault's; who may start a
// consent, and that its state is used once, is control's. Google's ways are in oauth.
package entra

import (
	"net/url"
	"slices"
	"strings"
)

// Endpoints are where Entra ID is asked. The zero value is Microsoft itself, in
// whichever cloud an app is.
type Endpoints struct{ base string }

// At is a simulated Entra ID that is below base for all clouds. An empty base means
// Microsoft itself.
func At(base string) Endpoints { return Endpoints{strings.TrimRight(base, "/")} }

// Simulated tells that this is not Microsoft's own.
func (e Endpoints) Simulated() bool { return e.base != "" }

// Login is the base of all addresses of a cloud.
func (e Endpoints) Login(c Cloud) string {
	if e.base != "" {
		return e.base
	}
	return c.login()
}

// path is an endpoint of a tenant.
func (e Endpoints) path(c Cloud, tenant, path string) string {
	return e.Login(c) + "/" + url.PathEscape(tenant) + path
}

// Token is the token endpoint of a tenant.
func (e Endpoints) Token(c Cloud, tenant string) string {
	return e.path(c, tenant, "/oauth2/v2.0/token")
}

func (e Endpoints) authorize(c Cloud, tenant string) string {
	return e.path(c, tenant, "/oauth2/v2.0/authorize")
}

func (e Endpoints) device(c Cloud, tenant string) string {
	return e.path(c, tenant, "/oauth2/v2.0/devicecode")
}

// issuedBy tells whether an ID token's issuer is this Entra ID, for a tenant.
func (e Endpoints) issuedBy(c Cloud, issuer, tenant string) bool {
	hosts := c.issuers()
	if e.base != "" {
		hosts = []string{e.base}
	}
	return slices.ContainsFunc(hosts, func(host string) bool { return issuer == host+"/"+tenant+"/v2.0" })
}

// AdminConsent is where an administrator of a tenant agrees for all its users: to
// these scopes of one resource, or, where there are none, to all that the app is
// registered for (learn.microsoft.com/entra/identity-platform/v2-admin-consent).
func (e Endpoints) AdminConsent(app *App, tenant, redirect, state string, scopes []string) string {
	query := url.Values{"client_id": {app.id}, "redirect_uri": {redirect}, "state": {state}}
	path := "/adminconsent"
	if len(scopes) > 0 {
		path = "/v2.0/adminconsent"
		query.Set("scope", strings.Join(scopes, " "))
	}
	return e.path(app.cloud, tenant, path) + "?" + query.Encode()
}
