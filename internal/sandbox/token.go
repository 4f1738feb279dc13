package sandbox

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"
)

// grant is what an access token allows.
type grant struct {
	user    string // "" where a service account acts for itself
	scopes  []string
	expires time.Time
}

// tokenError is an answer of the token endpoint (RFC 6749 section 5.2).
type tokenError struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func badGrant(description string) *tokenError {
	return &tokenError{http.StatusBadRequest, "invalid_grant", description}
}

const (
	jwtBearer     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	tokenSeconds  = 3599
	maxTokenBody  = 64 << 10
	textSignature = "Invalid JWT Signature."
	textTimes     = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. " +
		"Check your iat and exp values in the JWT claim."
	textDelegation = "Client is unauthorized to retrieve access tokens using this method, " +
		"or client not authorized for any of the scopes requested."
)

// createToken is the token endpoint: a signed assertion for an access token.
func (g *google) createToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenBody)
	if err := r.ParseForm(); err != nil {
		g.refuseToken(w, &tokenError{http.StatusBadRequest, "invalid_request", "Bad Request"})
		return
	}
	got, bad := g.judge(r.PostForm.Get("grant_type"), r.PostForm.Get("assertion"))
	if bad != nil {
		g.refuseToken(w, bad)
		return
	}
	g.log.Info("token given", "scopes", len(got.scopes))
	writeJSON(w, http.StatusOK, struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
		TokenType   string `json:"token_type"`
	}{g.remember(got), tokenSeconds, "Bearer"})
}

func (g *google) refuseToken(w http.ResponseWriter, bad *tokenError) {
	g.log.Info("token refused", "error", bad.Code)
	writeJSON(w, bad.status, bad)
}

// judge checks an assertion in the order in which Google does: who signed it,
// for whom, when; then whom it may act for.
func (g *google) judge(grantType, text string) (grant, *tokenError) {
	if grantType != jwtBearer {
		return grant{}, &tokenError{http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type: " + grantType}
	}
	a, err := parseAssertion(text)
	if err != nil {
		return grant{}, badGrant("Bad Request")
	}
	g.mu.RLock()
	account := g.accounts[a.claims.Issuer]
	g.mu.RUnlock()
	switch {
	case account == nil:
		return grant{}, badGrant("Invalid grant: account not found")
	case !a.signedBy(account):
		return grant{}, badGrant(textSignature)
	case a.claims.Audience != g.tokenURL():
		return grant{}, badGrant("Invalid JWT: Failed audience check.")
	case !a.timely(g.now()):
		return grant{}, badGrant(textTimes)
	}
	if bad := delegated(account, a); bad != nil {
		return grant{}, bad
	}
	if g.faults.plan(question{stage: atToken, via: "gmail", accounts: []string{a.user()}}).is(faultTokenRefused) {
		return grant{}, badGrant(textSignature)
	}
	return grant{strings.ToLower(a.user()), strings.Fields(a.claims.Scope), g.now().Add(tokenSeconds * time.Second)}, nil
}

// delegated checks what the account may ask for: each scope, for this user.
func delegated(account *serviceAccount, a assertion) *tokenError {
	scopes := strings.Fields(a.claims.Scope)
	if len(scopes) == 0 || slices.ContainsFunc(scopes, func(s string) bool { return !knownScope(s) }) {
		return &tokenError{http.StatusBadRequest, "invalid_scope", "Invalid OAuth scope or ID token audience provided."}
	}
	user := strings.ToLower(a.user())
	if user == "" {
		return nil
	}
	local, domain, ok := strings.Cut(user, "@")
	if !ok || local == "" || domain == "" || strings.ContainsAny(user, " \t<>,") {
		return &tokenError{http.StatusBadRequest, "invalid_request", "Invalid principal"}
	}
	covered := !slices.ContainsFunc(scopes, func(s string) bool { return !account.scopes[s] })
	if domain != Domain || !covered {
		return &tokenError{http.StatusUnauthorized, "unauthorized_client", textDelegation}
	}
	if user == userUnknown {
		return badGrant("Invalid email or User ID")
	}
	return nil
}

// remember mints a token for a grant and forgets those that have expired.
func (g *google) remember(got grant) string {
	token := "ya29.a0" + rand.Text() + rand.Text()
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
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

// revoke forgets a token.
func (g *google) revoke(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.tokens, token)
}
