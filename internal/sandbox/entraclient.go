package sandbox

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
)

// proof is what an app shows of itself with a call of the token endpoint.
type proof struct {
	id, secret    string
	kind, content string // client_assertion_type and client_assertion
}

const assertionKind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// readProof takes it from the form, or from HTTP Basic authentication.
func readProof(r *http.Request) proof {
	f := r.PostForm
	p := proof{
		id: f.Get("client_id"), secret: f.Get("client_secret"),
		kind: f.Get("client_assertion_type"), content: f.Get("client_assertion"),
	}
	if user, password, ok := r.BasicAuth(); ok {
		p.id, p.secret = unescaped(user), unescaped(password)
	}
	return p
}

// unescaped undoes the form encoding that RFC 6749 section 2.3.1 puts around what
// Basic authentication carries.
func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

func (p proof) empty() bool { return p.secret == "" && p.content == "" }

// app finds the app of a call: one of the tenant, or one that other tenants may use.
// It runs under the lock.
func (m *microsoft) app(a authority, id string) (*entraApp, *entraError) {
	app := m.apps[strings.ToLower(id)]
	switch {
	case id == "":
		return nil, missing("client_id")
	case app == nil || a.tenant != nil && a.tenant != app.home && !app.multi():
		return nil, aadsts(700016).saying("Application with identifier '%s' was not found in the directory '%s'. "+
			"This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. "+
			"You may have sent your authentication request to the wrong tenant.", id, a.segment)
	case app.Disabled:
		return nil, aadsts(7000112).saying("Application '%s'(%s) is disabled.", id, app.Name)
	case a.tenant == nil && !app.multi():
		return nil, aadsts(50194).saying("Application '%s'(%s) is not configured as a multi-tenant application. "+
			"Usage of the /%s endpoint is not supported for such apps created after '10/15/2018'. "+
			"Use a tenant-specific endpoint or configure the application to be multi-tenant.", id, app.Name, a.segment)
	}
	return app, nil
}

// prove checks what a confidential client must show and a public one must not. It
// runs under the lock.
func (m *microsoft) prove(a authority, app *entraApp, p proof, public bool) *entraError {
	switch {
	case public && !p.empty():
		return aadsts(700025)
	case public:
		return nil
	case p.content != "" && p.kind == assertionKind:
		return m.checkAssertion(a, app, p.content)
	case p.secret == "":
		return aadsts(7000218)
	case app.NoSecret && app.Public:
		return aadsts(700025)
	case app.Secret == "" || subtle.ConstantTimeCompare([]byte(p.secret), []byte(app.Secret)) != 1:
		return aadsts(7000215).saying("Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "+
			"not the client secret ID, for a secret added to app '%s'.", app.ClientID)
	case !app.SecretExpires.After(m.now()):
		return aadsts(7000222).saying("The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app: "+
			"https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.", app.ClientID)
	}
	return nil
}
