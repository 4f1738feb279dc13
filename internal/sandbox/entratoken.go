package sandbox

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// entraCall is one call of the token endpoint, with what is known of it so far.
type entraCall struct {
	where authority
	form  url.Values
	proof proof
	log   *TokenCall
}

// entraAnswer is what the token endpoint gives.
type entraAnswer struct {
	TokenType    string `json:"token_type"`
	Scope        string `json:"scope,omitempty"`
	ExpiresIn    int    `json:"expires_in"`
	ExtExpiresIn int    `json:"ext_expires_in"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	ClientInfo   string `json:"client_info,omitempty"`
}

const grantClientCredentials = "client_credentials"

// createToken is the token endpoint of a tenant.
func (m *microsoft) createToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenBody)
	if err := r.ParseForm(); err != nil {
		m.refuseToken(w, r, aadsts(9002313))
		return
	}
	made := TokenCall{At: m.now(), Provider: "microsoft", Grant: r.PostForm.Get("grant_type")}
	answer, bad := m.judge(r, &made)
	made.OK = bad == nil
	if bad != nil {
		made.Error = bad.code
	}
	m.calls.record(made)
	if bad != nil {
		m.refuseToken(w, r, bad)
		return
	}
	m.log.Info("token given", "provider", "microsoft", "grant", made.Grant)
	w.Header().Set("Cache-Control", "no-store, no-cache")
	writeJSON(w, http.StatusOK, answer)
}

// judge answers a call by its grant type.
func (m *microsoft) judge(r *http.Request, made *TokenCall) (entraAnswer, *entraError) {
	c := entraCall{form: r.PostForm, proof: readProof(r), log: made}
	made.Client = c.proof.id
	var bad *entraError
	m.mu.Lock()
	c.where, bad = m.authority(r.PathValue("tenant"))
	m.mu.Unlock()
	if bad != nil {
		return entraAnswer{}, bad
	}
	switch made.Grant {
	case "":
		return entraAnswer{}, missing("grant_type")
	case grantClientCredentials:
		return m.answerClient(c)
	case grantCode:
		return m.answerCode(c)
	case grantRefresh:
		return m.answerRefresh(c)
	case grantDevice, "device_code":
		return m.answerDevice(c)
	}
	return entraAnswer{}, aadsts(70003).saying("The app requested an unsupported grant type '%s'.", made.Grant)
}

// answerClient is the grant client_credentials
// (learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
func (m *microsoft) answerClient(c entraCall) (entraAnswer, *entraError) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := c.where.tenant
	if t == nil || t.ID == consumerTenant {
		return entraAnswer{}, aadsts(9001023)
	}
	app, bad := m.app(c.where, c.proof.id)
	if bad == nil {
		bad = m.prove(c.where, app, c.proof, false)
	}
	if bad != nil {
		return entraAnswer{}, bad
	}
	p := t.principals[app.ClientID]
	if p == nil {
		return entraAnswer{}, aadsts(700016).saying("Application with identifier '%s' was not found in the directory '%s'. "+
			"This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. "+
			"You may have sent your authentication request to the wrong tenant.", app.ClientID, t.Domain)
	}
	of, host, bad := defaultScope(t, c.form.Get("scope"))
	if bad == nil {
		bad = m.tokenFault(app.ClientID)
	}
	if bad != nil {
		return entraAnswer{}, bad
	}
	token := m.mint(&pass{app: app, tenant: t, principal: p, of: of, audience: host, roles: names(p.roles, of)})
	return entraAnswer{TokenType: "Bearer", ExpiresIn: tokenSeconds, ExtExpiresIn: tokenSeconds, AccessToken: token}, nil
}

// defaultScope reads the only scope that an app without a user may ask for: that of
// one resource and /.default. Those of OpenID Connect beside it are for nothing and do
// no harm: Microsoft's library for Go always sends them.
func defaultScope(t *tenant, scope string) (resource, string, *entraError) {
	if strings.TrimSpace(scope) == "" {
		return noResource, "", missing("scope")
	}
	a, bad := readScopes(scope)
	if bad != nil {
		return noResource, "", bad
	}
	if len(a.permissions) != 1 || a.permissions[0].name != ".default" || !strings.Contains(scope, "://") {
		return noResource, "", aadsts(70011).saying("The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. "+
			"The scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).", scope)
	}
	return a.permissions[0].of, a.hosts[0], t.reachable(a)
}

// tokenFault does what shall go wrong at the token endpoint with a call that is
// otherwise good. It runs under the lock, which it leaves for a delay.
func (m *microsoft) tokenFault(accounts ...string) *entraError {
	p := m.faults.plan(question{stage: atToken, via: viaMicrosoft, accounts: accounts})
	if slow, ok := p.modifier(faultTokenSlow); ok {
		m.mu.Unlock()
		wait(m.ctx, context.Background(), slow.millis(slowMillis))
		m.mu.Lock()
	}
	switch p.outcome.name {
	case faultAADSTS:
		return aadsts(p.outcome.number(0))
	case faultTokenProxy:
		return &entraError{status: p.outcome.proxyStatus(), code: "proxy", proxy: true}
	case faultTokenRefused:
		return aadsts(70000)
	case faultReauth:
		return aadsts(50173)
	case faultAdminPolicy:
		return aadsts(53003)
	case faultClientDeleted:
		return aadsts(700016)
	case faultClientDisabled:
		return aadsts(7000112)
	case faultTokenError:
		if status := p.outcome.number(serverErrorAs); status != http.StatusTooManyRequests {
			e := aadsts(90033)
			e.status = status
			return e
		}
		return aadsts(90055)
	}
	return nil
}
