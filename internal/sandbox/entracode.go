package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"slices"
	"time"
)

// entraCode is a user's consent on its way to a token. It is good once.
type entraCode struct {
	*entraRequest
	user  *entraUser
	until time.Time
	used  bool
}

// allow notes what the user has agreed to and returns the parameters of the answer.
// It runs under the lock.
func (m *microsoft) allow(q *entraRequest, u *entraUser) url.Values {
	delete(m.requests, q.id)
	m.agree(q, u)
	code := "1.AX0A" + rand.Text() + rand.Text()
	if u.personal() {
		code = "M.C" + rand.Text()
	}
	for old, c := range m.codes {
		if m.now().Sub(c.until) > time.Hour || len(m.codes) >= maxPending {
			delete(m.codes, old)
		}
	}
	m.codes[code] = &entraCode{entraRequest: q, user: u, until: m.now().Add(codeLife)}
	return url.Values{"code": {code}, "session_state": {newGUID()}}
}

// agree keeps a consent; by it the app becomes one of the user's tenant.
func (m *microsoft) agree(q *entraRequest, u *entraUser) {
	m.install(q.app, u.tenant)
	key := consentKey{u.id, q.app.ClientID}
	list := m.consents[key]
	for _, p := range q.asked.permissions {
		if p.name != ".default" && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	m.consents[key] = append([]permission{}, list...)
}

// install makes the enterprise application of a tenant, and returns it.
func (m *microsoft) install(app *entraApp, t *tenant) *principal {
	p := t.principals[app.ClientID]
	if p == nil {
		p = &principal{id: newGUID()}
		t.principals[app.ClientID] = p
	}
	return p
}

// answerCode is the grant authorization_code.
func (m *microsoft) answerCode(c entraCall) (entraAnswer, *entraError) {
	if c.form.Get("code") == "" {
		return entraAnswer{}, missing("code")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	app, bad := m.app(c.where, c.proof.id)
	if bad != nil {
		return entraAnswer{}, bad
	}
	code := m.codes[c.form.Get("code")]
	if code == nil || code.app != app {
		if bad := m.prove(c.where, app, c.proof, app.Public && c.proof.empty()); bad != nil {
			return entraAnswer{}, bad
		}
		return entraAnswer{}, aadsts(70000).saying("The provided value for the 'code' parameter is not valid. The code has expired or is malformed.")
	}
	c.log.Subject = code.user.Address
	if bad := m.prove(c.where, app, c.proof, code.public || code.single); bad != nil {
		return entraAnswer{}, bad
	}
	if bad := m.good(code, c); bad != nil {
		return entraAnswer{}, bad
	}
	a, bad := scopesOfCode(c.form.Get("scope"), code)
	if bad == nil {
		bad = m.tokenFault(code.user.Address, app.ClientID)
	}
	if bad != nil {
		return entraAnswer{}, bad
	}
	code.used = true
	return m.begin(&entraSignIn{
		app: app, user: code.user, tenant: code.user.tenant, public: code.public || code.single, single: code.single,
		nonce: code.nonce, revoked: code.user.revoked, begun: m.now(),
	}, a)
}

// begin gives the first tokens of a sign-in: a refresh token with offline_access
// alone. It runs under the lock.
func (m *microsoft) begin(s *entraSignIn, a asked) (entraAnswer, *entraError) {
	answer, bad := m.answerUser(s, a)
	if bad == nil && slices.Contains(a.openID, "offline_access") {
		answer.RefreshToken = m.newRefresh(s)
	}
	return answer, bad
}

// scopesOfCode is what a call of the token endpoint asks for with a code; what was
// asked of the user where it names nothing.
func scopesOfCode(text string, code *entraCode) (asked, *entraError) {
	if text == "" {
		if _, _, bad := code.asked.one(); bad != nil {
			return asked{}, aadsts(28003)
		}
		return code.asked, nil
	}
	a, bad := readScopes(text)
	if slices.Contains(code.asked.openID, "offline_access") && !slices.Contains(a.openID, "offline_access") {
		a.openID = append(a.openID, "offline_access")
	}
	return a, bad
}

// good says what is wrong with a code, which a call has named.
func (m *microsoft) good(code *entraCode, c entraCall) *entraError {
	switch {
	case code.used:
		return aadsts(54005)
	case !code.until.After(m.now()):
		return aadsts(70008)
	case c.where.tenant != nil && c.where.tenant != code.user.tenant:
		return aadsts(700005)
	case c.form.Get("redirect_uri") != code.redirect:
		return aadsts(50011).saying("The reply URL specified in the request does not match the reply URLs configured for the application: '%s'.", code.app.ClientID)
	case code.user.Disabled:
		return aadsts(50057)
	}
	return code.verify(c.form.Get("code_verifier"))
}

// verify compares the verifier with the challenge (RFC 7636 section 4.6).
func (q *entraRequest) verify(verifier string) *entraError {
	if q.challenge == "" && verifier == "" {
		return nil
	}
	if q.challengeMethod == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		verifier = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if subtle.ConstantTimeCompare([]byte(verifier), []byte(q.challenge)) != 1 {
		return aadsts(501481)
	}
	return nil
}
