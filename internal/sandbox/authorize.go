package sandbox

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// authRequest is what an app asks of a user (RFC 6749 section 4.1.1), found good.
type authRequest struct {
	id       string
	client   *oauthClient
	redirect string
	scopes   []string
	state    string
	nonce    string
	hint     string // login_hint
	prompt   []string
	offline  bool // access_type=offline
	granted  bool // include_granted_scopes=true

	challenge, challengeMethod string
	until                      time.Time
}

// authError is an answer of the authorization endpoint that Google shows in the
// browser rather than sends back to the app.
type authError struct {
	status       int
	code, detail string
}

// Lives of what stands between an app's question and its token. Google's codes
// end within minutes.
const (
	requestLife = 30 * time.Minute
	codeLife    = 10 * time.Minute
)

// maxPending bounds how many questions and codes are kept.
const maxPending = 10_000

// readAuthRequest checks what an app asks in the order in which Google does:
// first whether the app is known, and whether its answer would go where it may.
func (g *google) readAuthRequest(v url.Values) (*authRequest, *authError) {
	q := &authRequest{
		id: rand.Text(), client: g.client(v.Get("client_id")), redirect: v.Get("redirect_uri"),
		scopes: fullScopes(v.Get("scope")), state: v.Get("state"), nonce: v.Get("nonce"), hint: v.Get("login_hint"),
		prompt:  strings.Fields(v.Get("prompt")),
		offline: v.Get("access_type") == "offline", granted: v.Get("include_granted_scopes") == "true",
		challenge: v.Get("code_challenge"), challengeMethod: v.Get("code_challenge_method"),
		until: g.now().Add(requestLife),
	}
	if bad := q.checkClient(v); bad != nil {
		return nil, bad
	}
	return q, q.check(v)
}

func (q *authRequest) checkClient(v url.Values) *authError {
	switch {
	case v.Get("client_id") == "":
		return badRequest("Missing required parameter: client_id")
	case q.client == nil:
		return &authError{http.StatusUnauthorized, "invalid_client", "The OAuth client was not found."}
	case q.redirect == "":
		return badRequest("Missing required parameter: redirect_uri")
	case !q.client.mayRedirect(q.redirect):
		return &authError{
			http.StatusBadRequest, "redirect_uri_mismatch",
			"If you're the app developer, register the redirect URI in the Google Cloud Console. redirect_uri=" + q.redirect,
		}
	}
	return nil
}

func (q *authRequest) check(v url.Values) *authError {
	for _, name := range []string{"response_type", "scope"} {
		if v.Get(name) == "" {
			return badRequest("Missing required parameter: " + name)
		}
	}
	for name, values := range v {
		if len(values) > 1 {
			return badRequest("OAuth 2 parameters can only have a single value: " + name)
		}
	}
	if kind := v.Get("response_type"); kind != "code" {
		return &authError{http.StatusBadRequest, "unsupported_response_type", "Invalid response_type: " + kind}
	}
	if kind := v.Get("access_type"); kind != "" && kind != "offline" && kind != "online" {
		return badRequest("Invalid parameter value for access_type: " + kind)
	}
	if unknown := unknownScopes(q.scopes); len(unknown) > 0 {
		return &authError{
			http.StatusBadRequest, "invalid_scope",
			fmt.Sprintf("Some requested scopes were invalid. {invalid=[%s]}", strings.Join(unknown, ", ")),
		}
	}
	if bad := q.checkPrompt(); bad != nil {
		return bad
	}
	return q.checkChallenge()
}

func (q *authRequest) checkPrompt() *authError {
	for _, p := range q.prompt {
		if p != "none" && p != "consent" && p != "select_account" {
			return badRequest("Invalid parameter value for prompt: Invalid prompt: " + p)
		}
	}
	if slices.Contains(q.prompt, "none") && len(q.prompt) > 1 {
		return badRequest("Invalid parameter value for prompt: none must stand alone")
	}
	return nil
}

// challengeForm is base64url of SHA-256, or a verifier itself (RFC 7636 section
// 4.1).
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// checkChallenge fills in the method that holds where none is named: plain.
func (q *authRequest) checkChallenge() *authError {
	if q.challenge == "" {
		if q.challengeMethod != "" {
			return badRequest("Missing required parameter: code_challenge")
		}
		return nil
	}
	if q.challengeMethod == "" {
		q.challengeMethod = "plain"
	}
	if q.challengeMethod != "plain" && q.challengeMethod != "S256" {
		return badRequest("Invalid parameter value for code_challenge_method: " + q.challengeMethod)
	}
	if !challengeForm.MatchString(q.challenge) {
		return badRequest("Invalid parameter value for code_challenge: it must have 43 to 128 unreserved characters")
	}
	return nil
}

func badRequest(detail string) *authError {
	return &authError{http.StatusBadRequest, "invalid_request", detail}
}

// keep holds a request until the user has decided.
func (g *google) keep(q *authRequest) {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, old := range g.requests {
		if !old.until.After(now) || len(g.requests) >= maxPending {
			delete(g.requests, id)
		}
	}
	g.requests[q.id] = q
}

// request finds a request that the user is deciding on.
func (g *google) request(id string) (*authRequest, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	q, ok := g.requests[id]
	return q, ok && q.until.After(g.now())
}

// mayConsent says why a user cannot use an app at all.
func (q *authRequest) mayConsent(user string) *authError {
	if q.client.Internal && hostedDomain(user) == "" {
		return &authError{http.StatusForbidden, "org_internal", "This client is restricted to users within its organization."}
	}
	return nil
}

// answerURL is where the browser goes with an answer.
func (q *authRequest) answerURL(issuer string, answer url.Values) string {
	u, err := url.Parse(q.redirect)
	if err != nil { // it was matched against a registered one
		return q.redirect
	}
	if q.state != "" {
		answer.Set("state", q.state)
	}
	answer.Set("iss", issuer) // RFC 9207
	v := u.Query()
	for name, values := range answer {
		v[name] = values
	}
	u.RawQuery = v.Encode()
	return u.String()
}
