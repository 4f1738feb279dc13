package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// authCode is a user's consent on its way to a token.
type authCode struct {
	*authRequest
	user    string
	scopes  []string // what the user has ticked
	offline bool     // a refresh token comes with it
	until   time.Time
	used    bool
	given   *consent // what the exchange made
}

// allow makes a code for what the user has agreed to, and returns where the
// browser goes. Nothing agreed to is a refusal.
func (g *google) allow(q *authRequest, user string, ticked []string) string {
	scopes := slices.DeleteFunc(slices.Clone(q.scopes), func(s string) bool {
		return !signIn(s) && !slices.Contains(ticked, s)
	})
	if len(scopes) == 0 {
		return g.deny(q, "access_denied")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.requests, q.id)
	key := grantKey{user, q.client.id}
	before, again := g.consents[key]
	if q.granted && q.client.Type == clientWeb && again {
		scopes = union(scopes, before)
	}
	c := &authCode{
		authRequest: q, user: user, scopes: scopes, until: g.now().Add(codeLife),
		// A web app gets a refresh token only with the first consent, unless it
		// asks for consent again; a desktop app always (Google, OAuth 2.0 for Web
		// Server Applications).
		offline: q.client.Type == clientInstalled || q.offline && (!again || slices.Contains(q.prompt, "consent")),
	}
	g.consents[key] = union(before, scopes)
	code := "4/0A" + rand.Text() + rand.Text()
	g.dropOldCodes()
	g.codes[code] = c
	return q.answerURL(g.url, url.Values{"code": {code}, "scope": {strings.Join(scopes, " ")}})
}

// deny returns where the browser goes when nothing is agreed to.
func (g *google) deny(q *authRequest, code string) string {
	g.mu.Lock()
	delete(g.requests, q.id)
	g.mu.Unlock()
	return q.answerURL(g.url, url.Values{"error": {code}})
}

// dropOldCodes forgets codes an hour after their end; until then a second use
// is noticed. It runs under the lock.
func (g *google) dropOldCodes() {
	now := g.now()
	for code, c := range g.codes {
		if now.Sub(c.until) > time.Hour || len(g.codes) >= maxPending {
			delete(g.codes, code)
		}
	}
}

// exchange is the grant authorization_code (RFC 6749 section 4.1.3, RFC 7636
// section 4.5).
func (g *google) exchange(form url.Values, made *TokenCall) (tokenAnswer, *tokenError) {
	client, bad := g.authenticate(form, made)
	if bad != nil {
		return tokenAnswer{}, bad
	}
	if form.Get("code") == "" {
		return tokenAnswer{}, invalidRequest("Missing required parameter: code")
	}
	c, bad := g.spend(form, client)
	if c != nil {
		made.Subject = c.user
	}
	if bad != nil {
		return tokenAnswer{}, bad
	}
	if _, bad := g.tokenPlan(c.user, "Bad Request"); bad != nil {
		g.giveBack(c)
		return tokenAnswer{}, bad
	}
	return g.answerCode(c), nil
}

// spend takes a code; it is good once. A second use ends what the first gave
// (RFC 6749 section 4.1.2).
func (g *google) spend(form url.Values, client *oauthClient) (*authCode, *tokenError) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.codes[form.Get("code")]
	switch {
	case c == nil:
		return nil, badGrant("Malformed auth code.")
	case c.client != client:
		return nil, badGrant("Bad Request")
	case c.used:
		if c.given != nil {
			g.end(c.given)
		}
		return c, badGrant("Bad Request")
	case !c.until.After(g.now()):
		return c, badGrant("Bad Request")
	case c.redirect != form.Get("redirect_uri"):
		return c, &tokenError{status: http.StatusBadRequest, Code: "redirect_uri_mismatch", Description: "Bad Request"}
	}
	c.used = true
	return c, c.verify(form.Get("code_verifier"))
}

// giveBack makes a code good again whose exchange failed for Google's own reasons.
func (g *google) giveBack(c *authCode) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.used = false
}

// verify compares the verifier with the challenge of the request.
func (q *authRequest) verify(verifier string) *tokenError {
	switch {
	case q.challenge == "" && verifier == "":
		return nil
	case q.challenge == "":
		return badGrant("code_verifier or verifier is not needed.")
	case verifier == "":
		return badGrant("Missing code verifier.")
	}
	if q.challengeMethod == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		verifier = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if subtle.ConstantTimeCompare([]byte(verifier), []byte(q.challenge)) != 1 {
		return badGrant("Invalid code verifier.")
	}
	return nil
}

// authenticate finds the client of a request by what stands in its form.
func (g *google) authenticate(form url.Values, made *TokenCall) (*oauthClient, *tokenError) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	made.Client = id
	client := g.client(id)
	switch {
	case id == "":
		return nil, invalidRequest("Could not determine client ID from request.")
	case client == nil:
		return nil, &tokenError{status: http.StatusUnauthorized, Code: "invalid_client", Description: "The OAuth client was not found."}
	case secret == "" && client.Type == clientWeb:
		return nil, invalidRequest("client_secret is missing.")
	case secret != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(client.secret)) != 1:
		return nil, &tokenError{status: http.StatusUnauthorized, Code: "invalid_client", Description: "Unauthorized"}
	}
	return client, nil
}

func invalidRequest(text string) *tokenError {
	return &tokenError{status: http.StatusBadRequest, Code: "invalid_request", Description: text}
}
