package sandbox

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
)

// showAdminConsent asks an administrator for the whole tenant
// (learn.microsoft.com/entra/identity-platform/v2-admin-consent).
func (m *microsoft) showAdminConsent(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	q, bad := m.readAdminRequest(r.PathValue("tenant"), r.URL.Query())
	if bad == nil {
		m.keep(q)
	}
	m.mu.Unlock()
	if bad != nil {
		m.showError(w, r, bad)
		return
	}
	m.ask(w, r, q, r.URL.Query().Get("login_hint"))
}

// readAdminRequest runs under the lock.
func (m *microsoft) readAdminRequest(segment string, v url.Values) (*entraRequest, *entraError) {
	where, bad := m.authority(segment)
	if bad != nil {
		return nil, bad
	}
	app := m.apps[v.Get("client_id")]
	if app == nil || where.tenant != nil && where.tenant != app.home && !app.multi() {
		_, bad := m.app(where, v.Get("client_id"))
		return nil, bad
	}
	q := &entraRequest{
		id: rand.Text(), where: where, app: app, redirect: v.Get("redirect_uri"), state: v.Get("state"),
		admin: true, until: m.now().Add(requestLife),
	}
	if bad := q.findRedirect(); bad != nil {
		return nil, bad
	}
	q.asked, bad = readScopes(v.Get("scope"))
	return q, bad
}

// allowForAll gives the app what it is registered for, and what was asked for by
// name. It runs under the lock.
func (m *microsoft) allowForAll(q *entraRequest, u *entraUser) url.Values {
	delete(m.requests, q.id)
	p := m.install(q.app, u.tenant)
	p.roles, p.scopes = nil, nil
	p.grant(q.app)
	for _, one := range q.asked.permissions {
		if one.name != ".default" && !slices.Contains(p.scopes, one) {
			p.scopes = append(p.scopes, one)
		}
	}
	return url.Values{"admin_consent": {"True"}, "tenant": {u.tenant.ID}}
}

// logout ends nothing: the world keeps no session of a browser.
func (m *microsoft) logout(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNoContent)
}
