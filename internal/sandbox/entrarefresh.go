package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// consentKey names what a user has agreed to with one app.
type consentKey struct{ user, client string } // a user's id

// entraSignIn is a user who has signed in to an app: what all its refresh tokens
// share.
type entraSignIn struct {
	app     *entraApp
	user    *entraUser
	tenant  *tenant // whose address was used, which is the user's own
	public  bool    // without a secret
	single  bool    // a single-page app
	nonce   string
	revoked int // the user's count at sign-in
	begun   time.Time
}

// entraRefresh is one refresh token of a sign-in.
type entraRefresh struct {
	*entraSignIn
	given time.Time
	uses  int
}

// Lives of refresh tokens (learn.microsoft.com/entra/identity-platform/refresh-tokens).
const (
	entraIdle  = 90 * 24 * time.Hour
	singleLife = 24 * time.Hour
	// maxRefreshUses is how often one refresh token works: Entra does not end the old
	// one at once when it gives a new one, so a client that lost the answer may ask
	// again.
	maxRefreshUses = 2
)

// newRefresh makes a refresh token. It runs under the lock.
func (m *microsoft) newRefresh(s *entraSignIn) string {
	token := "1.AX0A" + rand.Text() + "." + rand.Text() + rand.Text()
	if s.user.personal() {
		token = "M.C" + rand.Text() + "!" + rand.Text() + rand.Text()
	}
	m.refreshes[token] = &entraRefresh{entraSignIn: s, given: m.now()}
	return token
}

// answerRefresh is the grant refresh_token: for any resource that the user has
// agreed to, and with a new refresh token.
func (m *microsoft) answerRefresh(c entraCall) (entraAnswer, *entraError) {
	token := c.form.Get("refresh_token")
	if token == "" {
		return entraAnswer{}, missing("refresh_token")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	app, bad := m.app(c.where, c.proof.id)
	if bad != nil {
		return entraAnswer{}, bad
	}
	old := m.refreshes[token]
	public := c.proof.empty() && app.Public
	if old != nil {
		c.log.Subject, public = old.user.Address, old.public
	}
	if bad := m.prove(c.where, app, c.proof, public); bad != nil {
		return entraAnswer{}, bad
	}
	if bad := m.alive(old, app); bad != nil {
		return entraAnswer{}, bad
	}
	scope := c.form.Get("scope")
	if scope == "" {
		scope = "https://graph.microsoft.com/.default"
	}
	a, bad := readScopes(scope)
	if bad == nil {
		bad = m.tokenFault(old.user.Address, app.ClientID)
	}
	if bad != nil {
		return entraAnswer{}, bad
	}
	answer, bad := m.answerUser(old.entraSignIn, a)
	if bad != nil {
		return entraAnswer{}, bad
	}
	old.uses++
	single := old.given
	answer.RefreshToken = m.newRefresh(old.entraSignIn)
	if old.single { // its end does not move
		m.refreshes[answer.RefreshToken].given = single
	}
	return answer, nil
}

// alive says why a refresh token is none any more.
func (m *microsoft) alive(r *entraRefresh, app *entraApp) *entraError {
	switch {
	case r == nil || r.app != app || r.uses >= maxRefreshUses:
		return aadsts(70000).saying("The provided value for the input parameter 'refresh_token' or 'assertion' is not valid.")
	case r.user.Disabled:
		return aadsts(50057)
	case r.revoked != r.user.revoked:
		return aadsts(50173)
	case r.single && m.now().Sub(r.given) > singleLife:
		return aadsts(700084)
	case m.now().Sub(r.given) > entraIdle:
		return aadsts(700082).saying("The refresh token has expired due to inactivity. The token was issued on %s and was inactive for 90.00:00:00.", stamp(r.given))
	}
	return nil
}

// answerUser gives tokens for what a user has agreed to: of one resource alone. It
// runs under the lock.
func (m *microsoft) answerUser(s *entraSignIn, a asked) (entraAnswer, *entraError) {
	of, host, bad := a.one()
	if bad == nil {
		bad = s.tenant.reachable(a)
	}
	if bad != nil {
		return entraAnswer{}, bad
	}
	if of == noResource { // only sign-in: a token for userinfo
		of, host = graphAPI, "https://graph.microsoft.com"
	}
	agreed := m.agreed(s, of)
	given := names(a.permissions, of)
	if slices.Contains(given, ".default") {
		given = agreed
	}
	if missing := slices.DeleteFunc(slices.Clone(given), func(s string) bool { return slices.Contains(agreed, s) }); len(missing) > 0 || len(a.permissions) > 0 && len(agreed) == 0 {
		return entraAnswer{}, aadsts(65001).saying("The user or administrator has not consented to use the application with ID '%s' named '%s'. "+
			"Send an interactive authorization request for this user and resource.", s.app.ClientID, s.app.Name)
	}
	p := &pass{app: s.app, tenant: s.tenant, user: s.user, of: of, audience: host, scopes: slices.Clone(agreed)}
	answer := entraAnswer{
		TokenType: "Bearer", ExpiresIn: tokenSeconds, ExtExpiresIn: tokenSeconds,
		AccessToken: m.mint(p), Scope: scopeText365(a.openID, host, p.scopes),
		ClientInfo: base64.RawURLEncoding.EncodeToString([]byte(`{"uid":"` + s.user.id + `","utid":"` + s.tenant.ID + `"}`)),
	}
	if slices.Contains(a.openID, "openid") {
		answer.IDToken = m.signID(s)
	}
	return answer, nil
}

// scopeText365 writes what was given: with the address of the resource.
func scopeText365(openID []string, host string, scopes []string) string {
	out := slices.DeleteFunc(slices.Clone(openID), func(s string) bool { return s == "offline_access" })
	for _, s := range scopes {
		out = append(out, host+"/"+s)
	}
	return strings.Join(out, " ")
}

// agreed is what a user, or the administrator for all, has agreed to. It runs under
// the lock.
func (m *microsoft) agreed(s *entraSignIn, of resource) []string {
	out := names(m.consents[consentKey{s.user.id, s.app.ClientID}], of)
	if p := s.tenant.principals[s.app.ClientID]; p != nil {
		out = union(out, names(p.scopes, of))
	}
	return out
}
