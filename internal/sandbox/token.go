package sandbox

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// grant is what an access token allows.
type grant struct {
	user    string // "" where a service account acts for itself
	scopes  []string
	expires time.Time
	client  string   // the OAuth client's id, or the service account's
	of      *consent // the user's consent; nil for a service account
}

// tokenAnswer is what the token endpoint gives (RFC 6749 section 5.1).
type tokenAnswer struct {
	AccessToken      string `json:"access_token"`
	ExpiresIn        int    `json:"expires_in"`
	RefreshToken     string `json:"refresh_token,omitempty"`
	RefreshExpiresIn int    `json:"refresh_token_expires_in,omitempty"`
	Scope            string `json:"scope,omitempty"`
	TokenType        string `json:"token_type"`
	IDToken          string `json:"id_token,omitempty"`
}

// tokenError is an answer of the token endpoint (RFC 6749 section 5.2).
type tokenError struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description"`
	Subtype     string `json:"error_subtype,omitempty"`

	proxy bool // it is none of Google's
}

func badGrant(description string) *tokenError {
	return &tokenError{status: http.StatusBadRequest, Code: "invalid_grant", Description: description}
}

const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
	jwtBearer    = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	tokenSeconds = 3599
	maxTokenBody = 64 << 10
	// publicTokenURL is Google's own, which its library for Node has built in as the
	// audience wherever it sends the assertion.
	publicTokenURL = "https://oauth2.googleapis.com/token"
	textSignature  = "Invalid JWT Signature."
	textTimes      = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. " +
		"Check your iat and exp values in the JWT claim."
	textDelegation = "Client is unauthorized to retrieve access tokens using this method, " +
		"or client not authorized for any of the scopes requested."
)

// createToken is the token endpoint: an access token for a code, a refresh token
// or a signed assertion.
func (g *google) createToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenBody)
	if err := r.ParseForm(); err != nil {
		g.refuseToken(w, invalidRequest("Bad Request"))
		return
	}
	made := TokenCall{At: g.now(), Grant: r.PostForm.Get("grant_type")}
	answer, bad := g.judge(r.PostForm, &made)
	made.OK = bad == nil
	if bad != nil {
		made.Error = bad.Code
	}
	g.calls.record(made)
	if bad != nil {
		g.refuseToken(w, bad)
		return
	}
	g.log.Info("token given", "grant", made.Grant)
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, answer)
}

func (g *google) refuseToken(w http.ResponseWriter, bad *tokenError) {
	g.log.Info("token refused", "error", bad.Code)
	if bad.proxy {
		writeProxy(w, bad.status)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, bad.status, bad)
}

// judge answers a call by its grant type.
func (g *google) judge(form url.Values, made *TokenCall) (tokenAnswer, *tokenError) {
	switch made.Grant {
	case grantCode:
		return g.exchange(form, made)
	case grantRefresh:
		return g.renew(form, made)
	case jwtBearer:
		got, bad := g.judgeAssertion(form.Get("assertion"), made)
		if bad != nil {
			return tokenAnswer{}, bad
		}
		return tokenAnswer{AccessToken: g.remember(got), ExpiresIn: tokenSeconds, TokenType: "Bearer"}, nil
	}
	return tokenAnswer{}, &tokenError{
		status: http.StatusBadRequest, Code: "unsupported_grant_type", Description: "Invalid grant_type: " + made.Grant,
	}
}

// judgeAssertion checks an assertion in the order in which Google does: who
// signed it, for whom, when; then whom it may act for.
func (g *google) judgeAssertion(text string, made *TokenCall) (grant, *tokenError) {
	a, err := parseAssertion(text)
	if err != nil {
		return grant{}, badGrant("Bad Request")
	}
	made.Client, made.Subject = a.claims.Issuer, strings.ToLower(a.user())
	g.mu.RLock()
	account := g.accounts[a.claims.Issuer]
	g.mu.RUnlock()
	switch {
	case account == nil:
		return grant{}, badGrant("Invalid grant: account not found")
	case !a.signedBy(account):
		return grant{}, badGrant(textSignature)
	case a.claims.Audience != g.tokenURL() && a.claims.Audience != publicTokenURL:
		return grant{}, badGrant("Invalid JWT: Failed audience check.")
	case !a.timely(g.now()):
		return grant{}, badGrant(textTimes)
	}
	if bad := delegated(account, a); bad != nil {
		return grant{}, bad
	}
	if _, bad := g.tokenPlan(a.user(), textSignature); bad != nil {
		return grant{}, bad
	}
	return grant{
		user: strings.ToLower(a.user()), scopes: fullScopes(a.claims.Scope), client: account.clientID,
		expires: g.now().Add(tokenSeconds * time.Second),
	}, nil
}

// delegated checks what the account may ask for: each scope, for this user.
func delegated(account *serviceAccount, a assertion) *tokenError {
	scopes := strings.Fields(a.claims.Scope)
	if len(scopes) == 0 || slices.ContainsFunc(scopes, func(s string) bool { return !knownScope(s) }) {
		return &tokenError{
			status: http.StatusBadRequest, Code: "invalid_scope",
			Description: "Invalid OAuth scope or ID token audience provided.",
		}
	}
	user := strings.ToLower(a.user())
	if user == "" {
		return nil
	}
	local, domain, ok := strings.Cut(user, "@")
	if !ok || local == "" || domain == "" || strings.ContainsAny(user, " \t<>,") {
		return invalidRequest("Invalid principal")
	}
	covered := !slices.ContainsFunc(scopes, func(s string) bool { return !account.scopes[s] })
	if domain != Domain || !covered {
		return &tokenError{status: http.StatusUnauthorized, Code: "unauthorized_client", Description: textDelegation}
	}
	if user == userUnknown {
		return badGrant("Invalid email or User ID")
	}
	return nil
}

// remember mints a token for a grant.
func (g *google) remember(got grant) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mint(got)
}

// mint makes a token and forgets those that have expired. It runs under the lock.
func (g *google) mint(got grant) string {
	token := "ya29.a0" + rand.Text() + rand.Text()
	now := g.now()
	for old, was := range g.tokens {
		if !was.expires.After(now) {
			delete(g.tokens, old)
		}
	}
	g.tokens[token] = got
	return token
}

// allows returns what a token allows; false when it is unknown or has expired.
func (g *google) allows(token string) (grant, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	got, ok := g.tokens[token]
	return got, ok && got.expires.After(g.now())
}

// forget makes a token worthless.
func (g *google) forget(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.tokens, token)
}
