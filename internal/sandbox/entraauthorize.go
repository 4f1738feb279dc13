package sandbox

import (
	"crypto/rand"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// entraRequest is what an app asks of a user, found good
// (learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow).
type entraRequest struct {
	id       string
	where    authority
	app      *entraApp
	redirect string
	public   bool // the redirect URI is of a public client
	single   bool // or of a single-page app
	asked    asked
	state    string
	nonce    string
	hint     string
	prompt   string
	mode     string // response_mode
	admin    bool   // an administrator's consent for all users
	device   *deviceCode

	challenge, challengeMethod string
	until                      time.Time
}

// readRequest checks what an app asks: first whether its answer would go where it
// may. It runs under the lock.
func (m *microsoft) readRequest(segment string, v url.Values) (*entraRequest, *entraError) {
	where, bad := m.authority(segment)
	if bad != nil {
		return nil, bad
	}
	app, bad := m.app(where, v.Get("client_id"))
	if bad != nil {
		return nil, bad
	}
	q := &entraRequest{
		id: rand.Text(), where: where, app: app, redirect: v.Get("redirect_uri"), state: v.Get("state"), nonce: v.Get("nonce"),
		hint: v.Get("login_hint"), prompt: v.Get("prompt"), mode: v.Get("response_mode"),
		challenge: v.Get("code_challenge"), challengeMethod: v.Get("code_challenge_method"), until: m.now().Add(requestLife),
	}
	if bad := q.findRedirect(); bad != nil {
		return nil, bad
	}
	if q.asked, bad = readScopes(v.Get("scope")); bad != nil {
		return nil, bad
	}
	return q, q.check(v)
}

// findRedirect finds of which platform the redirect URI is.
func (q *entraRequest) findRedirect() *entraError {
	all := slices.Concat(q.app.RedirectURIs, q.app.PublicRedirects, q.app.SPARedirects)
	if q.redirect == "" && len(all) > 0 {
		q.redirect = all[0]
	}
	q.public = slices.ContainsFunc(q.app.PublicRedirects, func(one string) bool { return sameRedirect(one, q.redirect) })
	q.single = slices.Contains(q.app.SPARedirects, q.redirect)
	if q.public || q.single || slices.Contains(q.app.RedirectURIs, q.redirect) {
		return nil
	}
	return aadsts(50011).saying("The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application '%s'. "+
		"Make sure the redirect URI sent in the request matches one added to your application in the Azure portal. "+
		"Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this error.", q.redirect, q.app.ClientID)
}

// sameRedirect compares as for public clients: of localhost the port does not count.
func sameRedirect(registered, got string) bool {
	if registered == got {
		return true
	}
	a, err := url.Parse(registered)
	b, err2 := url.Parse(got)
	if err != nil || err2 != nil || a.Scheme != "http" || b.Scheme != "http" || a.Hostname() != b.Hostname() || !isLoopback(b) {
		return false
	}
	return strings.TrimSuffix(a.Path, "/") == strings.TrimSuffix(b.Path, "/")
}

func (q *entraRequest) check(v url.Values) *entraError {
	switch {
	case v.Get("response_type") == "":
		return missing("response_type")
	case v.Get("response_type") != "code":
		return aadsts(70005).saying("response_type '%s' is not supported for the application.", v.Get("response_type"))
	case strings.TrimSpace(v.Get("scope")) == "":
		return missing("scope")
	case !slices.Contains([]string{"", "query", "fragment", "form_post"}, q.mode):
		return aadsts(90023).saying("The response_mode '%s' is not supported.", q.mode)
	case !slices.Contains([]string{"", "login", "none", "consent", "select_account"}, q.prompt):
		return aadsts(90023).saying("Unsupported 'prompt' value.")
	case q.challenge != "" && !challengeForm.MatchString(q.challenge):
		return aadsts(50147)
	case !slices.Contains([]string{"", "plain", "S256"}, q.challengeMethod):
		return aadsts(50147).saying("The code_challenge_method '%s' is not supported.", q.challengeMethod)
	case q.single && q.challenge == "":
		return aadsts(9002313).saying("Cross-origin token redemption needs Proof Key for Code Exchange.")
	}
	return nil
}

// keep holds a request until the user has decided. It runs under the lock.
func (m *microsoft) keep(q *entraRequest) {
	for id, old := range m.requests {
		if !old.until.After(m.now()) || len(m.requests) >= maxPending {
			delete(m.requests, id)
		}
	}
	m.requests[q.id] = q
}

// signsIn says why a user cannot sign in to an app. It runs under the lock.
func (m *microsoft) signsIn(q *entraRequest, u *entraUser, address string) *entraError {
	switch {
	case u == nil || u.Shared:
		return aadsts(50034).saying("The user account %s does not exist in the %s directory. To sign into this application, the account must be added to the directory.", address, q.where.segment)
	case u.Disabled:
		return aadsts(50057)
	case q.where.tenant != nil && u.tenant != q.where.tenant || q.where.segment == "organizations" && u.personal() || !q.app.admits(u):
		return aadsts(50020).saying("User account '%s' from identity provider '%s' does not exist in tenant '%s' and cannot access the application '%s'(%s) in that tenant. "+
			"The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different Azure Active Directory user account.",
			address, u.tenant.Domain, q.where.segment, q.app.ClientID, q.app.Name)
	}
	return nil
}

// needsAdmin tells whether a user may not agree alone. It runs under the lock.
func (m *microsoft) needsAdmin(q *entraRequest, u *entraUser) bool {
	return (q.app.AdminOnly || q.admin) && !u.admin() && !(!q.admin && m.covered(q, u))
}

// covered tells whether all that is asked was agreed to before. It runs under the lock.
func (m *microsoft) covered(q *entraRequest, u *entraUser) bool {
	s := &entraSignIn{app: q.app, user: u, tenant: u.tenant}
	key := consentKey{u.id, q.app.ClientID}
	if _, ever := m.consents[key]; !ever && len(q.asked.permissions) == 0 {
		return false
	}
	return !slices.ContainsFunc(q.asked.permissions, func(p permission) bool {
		agreed := m.agreed(s, p.of)
		return len(agreed) == 0 || p.name != ".default" && !slices.Contains(agreed, p.name)
	})
}

// answer sends the browser back to the app by the way it asked for.
func (q *entraRequest) answer(w http.ResponseWriter, r *http.Request, v url.Values) {
	if q.mode != "form_post" {
		http.Redirect(w, r, q.answerURL(v), http.StatusFound)
		return
	}
	v.Set("state", q.state)
	target := ""
	if to, err := url.Parse(q.redirect); err == nil {
		target = policySource(to)
	}
	secure(w)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; form-action "+target)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	var page strings.Builder
	page.WriteString(`<!DOCTYPE html><html lang="en"><title>Working</title><form method="post" action="` + html.EscapeString(q.redirect) + `">`)
	for name := range v {
		page.WriteString(`<input type="hidden" name="` + name + `" value="` + html.EscapeString(v.Get(name)) + `">`)
	}
	page.WriteString(`<button>Continue</button></form></html>`)
	_, _ = w.Write([]byte(page.String()))
}

// answerURL is where the browser goes with an answer.
func (q *entraRequest) answerURL(v url.Values) string {
	u, err := url.Parse(q.redirect)
	if err != nil { // it was matched against a registered one
		return q.redirect
	}
	if q.state != "" {
		v.Set("state", q.state)
	}
	if q.mode == "fragment" {
		u.Fragment = v.Encode()
		return u.String()
	}
	all := u.Query()
	for name, values := range v {
		all[name] = values
	}
	u.RawQuery = all.Encode()
	return u.String()
}

// refusal are the parameters of an error that goes back to the app.
func (e *entraError) refusal(m *microsoft, r *http.Request) url.Values {
	b := e.body(r, m.now())
	v := url.Values{"error": {e.code}, "error_description": {b.Description}, "error_uri": {b.URI}}
	if e.sub != "" {
		v.Set("error_subcode", e.sub)
	}
	return v
}
