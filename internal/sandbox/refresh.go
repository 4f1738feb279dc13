package sandbox

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// grantKey names what a user has agreed to with one app.
type grantKey struct{ user, client string }

// consent is what came of one code: a refresh token, and all access tokens that
// were made with it.
type consent struct {
	grantKey
	refresh string // "" where there is none
	scopes  []string
	offline bool
	nonce   string
	order   uint64 // of consents, to find the oldest
	givenAt time.Time
	usedAt  time.Time
	ends    time.Time // time-based access, and apps in Testing; zero for never
	dead    bool
}

// Rules of Google for refresh tokens ("Refresh token expiration").
const (
	maxRefreshTokens = 100                  // live ones, for each user and client
	refreshIdle      = 183 * 24 * time.Hour // unused for six months
	testingLife      = 7 * 24 * time.Hour   // consent to an app in Testing
)

const textRevoked = "Token has been expired or revoked."

// answerCode makes the tokens that a code stands for.
func (g *google) answerCode(c *authCode) tokenAnswer {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.order++
	made := &consent{
		grantKey: grantKey{c.user, c.client.id}, scopes: c.scopes, offline: c.offline, nonce: c.nonce,
		order: g.order, givenAt: now, usedAt: now,
	}
	if c.client.Testing && !onlySignIn(c.scopes) {
		made.ends = now.Add(testingLife)
	}
	c.given = made
	if c.offline {
		made.refresh = "1//0" + rand.Text() + rand.Text()
		g.refreshes[made.refresh] = made
		g.dropOldest(made.grantKey)
	}
	answer := g.answerConsent(made, made.scopes)
	answer.RefreshToken = made.refresh
	return answer
}

// dropOldest ends the oldest refresh token of a user and client without a word
// when there are more than a hundred.
func (g *google) dropOldest(key grantKey) {
	var live []*consent
	for _, c := range g.refreshes {
		if c.grantKey == key && !c.dead {
			live = append(live, c)
		}
	}
	if len(live) <= maxRefreshTokens {
		return
	}
	oldest := slices.MinFunc(live, func(a, b *consent) int { return int(a.order) - int(b.order) })
	g.end(oldest)
}

// answerConsent mints an access token for a consent. It runs under the lock.
func (g *google) answerConsent(c *consent, scopes []string) tokenAnswer {
	now := g.now()
	access := g.mint(grant{
		user: c.user, scopes: scopes, expires: now.Add(tokenSeconds * time.Second), client: c.client, of: c,
	})
	answer := tokenAnswer{
		AccessToken: access, ExpiresIn: tokenSeconds, TokenType: "Bearer", Scope: strings.Join(scopes, " "),
	}
	if !c.ends.IsZero() {
		answer.RefreshExpiresIn = int(c.ends.Sub(now).Seconds())
	}
	if slices.Contains(scopes, "openid") {
		answer.IDToken = g.signIDToken(c, scopes, access)
	}
	return answer
}

// renew is the grant refresh_token (RFC 6749 section 6).
func (g *google) renew(form url.Values, made *TokenCall) (tokenAnswer, *tokenError) {
	client, bad := g.authenticate(form, made)
	if bad != nil {
		return tokenAnswer{}, bad
	}
	token := form.Get("refresh_token")
	if token == "" {
		return tokenAnswer{}, invalidRequest("Missing required parameter: refresh_token")
	}
	c, bad := g.live(token, client)
	if c != nil {
		made.Subject = c.user
	}
	if bad != nil {
		return tokenAnswer{}, bad
	}
	scopes, bad := c.narrowed(form.Get("scope"))
	if bad != nil {
		return tokenAnswer{}, bad
	}
	p, bad := g.tokenPlan(c.user, textRevoked)
	if bad != nil {
		return tokenAnswer{}, bad
	}
	_, rotate := p.modifier(faultRotate)
	return g.answerRenewal(token, c, scopes, rotate)
}

// live finds the consent of a refresh token that still works.
func (g *google) live(token string, client *oauthClient) (*consent, *tokenError) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.refreshes[token]
	switch {
	case c == nil:
		return nil, badGrant("Bad Request")
	case c.client != client.id:
		return nil, &tokenError{status: http.StatusUnauthorized, Code: "unauthorized_client", Description: "Unauthorized"}
	case c.dead || c.over(g.now()):
		return c, badGrant(textRevoked)
	}
	return c, nil
}

func (c *consent) over(now time.Time) bool {
	return !c.ends.IsZero() && !c.ends.After(now) || now.Sub(c.usedAt) > refreshIdle
}

// narrowed is what a refresh asks for: everything, or less.
func (c *consent) narrowed(asked string) ([]string, *tokenError) {
	if asked == "" {
		return c.scopes, nil
	}
	scopes := fullScopes(asked)
	if slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(c.scopes, s) }) {
		return nil, &tokenError{status: http.StatusBadRequest, Code: "invalid_scope", Description: "Bad Request"}
	}
	return scopes, nil
}

// answerRenewal gives an access token, and a new refresh token in place of the
// old one when it was asked to. What was ended meanwhile stays ended.
func (g *google) answerRenewal(token string, c *consent, scopes []string, rotate bool) (tokenAnswer, *tokenError) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.dead || c.refresh != token {
		return tokenAnswer{}, badGrant(textRevoked)
	}
	c.usedAt = g.now()
	answer := g.answerConsent(c, scopes)
	if rotate {
		c.refresh = "1//0" + rand.Text() + rand.Text()
		g.refreshes[c.refresh] = c
		g.refreshes[token] = &consent{grantKey: c.grantKey, dead: true}
		answer.RefreshToken = c.refresh
	}
	return answer, nil
}

// end kills a consent's refresh token and all its access tokens. It runs under
// the lock.
func (g *google) end(c *consent) {
	c.dead = true
	for token, got := range g.tokens {
		if got.of == c {
			delete(g.tokens, token)
		}
	}
}

// withdraw ends all that a user has agreed to; with a client, only with that
// one. It returns how many consents that were. It runs under the lock.
func (g *google) withdraw(user, client string) int {
	ended := map[*consent]bool{}
	of := func(c *consent) bool {
		return c != nil && !c.dead && c.user == user && (client == "" || c.client == client)
	}
	for _, c := range g.refreshes {
		if of(c) {
			ended[c] = true
		}
	}
	for _, got := range g.tokens {
		if of(got.of) {
			ended[got.of] = true
		}
	}
	for c := range ended {
		g.end(c)
	}
	for key := range g.consents {
		if key.user == user && (client == "" || key.client == client) {
			delete(g.consents, key)
		}
	}
	return len(ended)
}

// Revoke takes back all that a user has agreed to, as the user can do in the
// Google Account, and returns how many connections of apps that ended.
func (w *World) Revoke(address string) int {
	w.google.mu.Lock()
	defer w.google.mu.Unlock()
	return w.google.withdraw(strings.ToLower(address), "")
}
