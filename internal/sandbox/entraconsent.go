package sandbox

import (
	"net/http"
	"net/url"
	"strings"
)

// showAuthorize is the authorization endpoint of a tenant.
func (m *microsoft) showAuthorize(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	q, bad := m.readRequest(r.PathValue("tenant"), r.URL.Query())
	if bad == nil {
		m.keep(q)
	}
	m.mu.Unlock()
	if bad != nil {
		m.showError(w, r, bad)
		return
	}
	if to, ok := m.silently(r, q); ok {
		q.answer(w, r, to)
		return
	}
	m.ask(w, r, q, q.hint)
}

// silently answers without a page: where the user is known and has agreed before,
// and where the app forbids to ask.
func (m *microsoft) silently(r *http.Request, q *entraRequest) (url.Values, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if q.prompt == "none" {
		u := m.user(q.hint)
		if u != nil && m.signsIn(q, u, q.hint) == nil && m.covered(q, u) {
			return m.allow(q, u), true
		}
		e := aadsts(50076)
		e.code, e.text = "interaction_required", "The user must sign in or consent, and the request forbids to ask."
		return e.refusal(m, r), true
	}
	return nil, false
}

// ask shows the page on which to choose an account, or that on which it agrees.
func (m *microsoft) ask(w http.ResponseWriter, r *http.Request, q *entraRequest, address string) {
	address = strings.ToLower(strings.TrimSpace(address))
	if address == "" {
		m.showChooser(w, q)
		return
	}
	m.mu.Lock()
	u := m.user(address)
	bad := m.signsIn(q, u, address)
	if bad == nil && m.needsAdmin(q, u) {
		bad = aadsts(90094)
	}
	m.mu.Unlock()
	if bad != nil {
		m.showError(w, r, bad)
		return
	}
	m.showQuestion(w, q, u)
}

// request finds a request that the user is deciding on.
func (m *microsoft) request(id string) (*entraRequest, *entraError) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	q := m.requests[id]
	if q == nil || !q.until.After(m.now()) {
		return nil, aadsts(50089).saying("Authentication failed due to flow token expired. Start again from the app.")
	}
	return q, nil
}

// showConsent asks the user that was chosen.
func (m *microsoft) showConsent(w http.ResponseWriter, r *http.Request) {
	q, bad := m.request(r.URL.Query().Get("request"))
	if bad != nil {
		m.showError(w, r, bad)
		return
	}
	m.ask(w, r, q, r.URL.Query().Get("account"))
}

// decide takes the user's answer and sends the browser back to the app.
func (m *microsoft) decide(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenBody)
	if err := r.ParseForm(); err != nil {
		m.showError(w, r, aadsts(9002313))
		return
	}
	q, bad := m.request(r.PostForm.Get("request"))
	if bad != nil {
		m.showError(w, r, bad)
		return
	}
	to, bad := m.settle(r, q, r.PostForm.Get("account"), r.PostForm.Get("action") == "allow")
	switch {
	case bad != nil:
		m.showError(w, r, bad)
	case q.device != nil:
		m.showDone(w, r.PostForm.Get("action") == "allow")
	default:
		q.answer(w, r, to)
	}
}

// settle does what a user has decided, unless a fault says otherwise.
func (m *microsoft) settle(r *http.Request, q *entraRequest, address string, yes bool) (url.Values, *entraError) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !yes {
		return m.decline(r, q), nil
	}
	address = strings.ToLower(strings.TrimSpace(address))
	u := m.user(address)
	bad := m.signsIn(q, u, address)
	if bad == nil && m.needsAdmin(q, u) {
		bad = aadsts(90094)
	}
	if bad == nil {
		bad = m.pageFault(q, u)
	}
	if bad != nil {
		return nil, bad
	}
	m.log.Info("consent given", "provider", "microsoft", "scopes", len(q.asked.permissions))
	switch {
	case q.admin:
		return m.allowForAll(q, u), nil
	case q.device != nil:
		delete(m.requests, q.id)
		m.agree(q, u)
		q.device.user = u
		return nil, nil
	}
	return m.allow(q, u), nil
}

// decline is Cancel. It runs under the lock.
func (m *microsoft) decline(r *http.Request, q *entraRequest) url.Values {
	delete(m.requests, q.id)
	if q.device != nil {
		q.device.declined = true
	}
	if q.admin {
		return url.Values{"error": {"permission_denied"}, "error_description": {"The admin canceled the request"}}
	}
	return aadsts(65004).refusal(m, r)
}

// pageFault does what shall go wrong in the browser.
func (m *microsoft) pageFault(q *entraRequest, u *entraUser) *entraError {
	p := m.faults.plan(question{stage: atConsent, via: viaMicrosoft, accounts: []string{u.Address, q.app.ClientID}})
	if p.is(faultAADSTSPage) {
		return aadsts(p.outcome.number(0))
	}
	return nil
}

// decideAs is Decide for an address of Entra.
func (m *microsoft) decideAs(u *url.URL, d Decision) (string, error) {
	r := &http.Request{Header: http.Header{}}
	m.mu.Lock()
	q, bad := m.readAny(u)
	if bad == nil {
		m.keep(q)
	}
	m.mu.Unlock()
	if bad != nil {
		return "", bad
	}
	to, bad := m.settle(r, q, d.Account, !d.Cancel)
	if bad != nil {
		return "", bad
	}
	return q.answerURL(to), nil
}

// readAny reads an address of the authorization endpoint or of the administrator's
// consent. It runs under the lock.
func (m *microsoft) readAny(u *url.URL) (*entraRequest, *entraError) {
	segment, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if strings.HasSuffix(rest, "adminconsent") {
		return m.readAdminRequest(segment, u.Query())
	}
	return m.readRequest(segment, u.Query())
}
