package sandbox

import (
	"net/http"
	"strconv"
	"strings"
)

// addTokenCare is the map of what tells of tokens and ends them.
func (g *google) addTokenCare(mux *http.ServeMux) {
	mux.HandleFunc("POST /revoke", g.revoke)
	mux.HandleFunc("/tokeninfo", g.showTokenInfo)
	mux.HandleFunc("/oauth2/v3/tokeninfo", g.showTokenInfo)
	mux.HandleFunc("/oauth2/v2/tokeninfo", g.showTokenInfo2)
	for _, path := range []string{"/v1/userinfo", "/oauth2/v3/userinfo"} {
		mux.HandleFunc("GET "+path, g.showUserInfo)
		mux.HandleFunc("POST "+path, g.showUserInfo)
	}
	mux.HandleFunc("GET /oauth2/v2/userinfo", g.showUserInfo2)
}

// revoke ends what a user has agreed to with one app (RFC 7009): whichever of its
// tokens is shown, all of that user and client go, as when the user removes the
// app in the Google Account.
func (g *google) revoke(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenBody)
	if err := r.ParseForm(); err != nil {
		g.refuseToken(w, invalidRequest("Bad Request"))
		return
	}
	token := r.Form.Get("token") // in the form or the address
	if token == "" {
		g.refuseToken(w, invalidRequest("Missing required parameter: token"))
		return
	}
	if !g.endByToken(token) {
		g.refuseToken(w, &tokenError{status: http.StatusBadRequest, Code: "invalid_token", Description: "Token expired or revoked"})
		return
	}
	writeJSON(w, http.StatusOK, struct{}{})
}

func (g *google) endByToken(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.refreshes[token]; c != nil {
		if c.dead || c.over(g.now()) {
			return false
		}
		g.withdraw(c.user, c.client)
		return true
	}
	got, ok := g.tokens[token]
	if !ok || !got.expires.After(g.now()) {
		return false
	}
	if delete(g.tokens, token); got.of != nil {
		g.withdraw(got.of.user, got.of.client)
	}
	return true
}

// tokenInfo is what tokeninfo tells; numbers are text.
type tokenInfo struct {
	Authorized string `json:"azp"`
	Audience   string `json:"aud"`
	Subject    string `json:"sub,omitempty"`
	Scope      string `json:"scope"`
	Expires    string `json:"exp"`
	ExpiresIn  string `json:"expires_in"`
	Email      string `json:"email,omitempty"`
	Verified   string `json:"email_verified,omitempty"`
	AccessType string `json:"access_type"`
}

func invalidValue() *tokenError {
	return &tokenError{status: http.StatusBadRequest, Code: "invalid_token", Description: "Invalid Value"}
}

// asked finds the access token that a call is about.
func (g *google) asked(w http.ResponseWriter, r *http.Request) (grant, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenBody)
	if err := r.ParseForm(); err != nil {
		return grant{}, false
	}
	token := r.Form.Get("access_token")
	if token == "" { // some libraries show it as for a call
		token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	return g.allows(token)
}

func (g *google) showTokenInfo(w http.ResponseWriter, r *http.Request) {
	got, ok := g.asked(w, r)
	if !ok {
		g.refuseToken(w, invalidValue())
		return
	}
	info := tokenInfo{
		Authorized: got.client, Audience: got.client, Scope: strings.Join(got.scopes, " "),
		Expires:   strconv.FormatInt(got.expires.Unix(), 10),
		ExpiresIn: strconv.Itoa(int(got.expires.Sub(g.now()).Seconds())), AccessType: "online",
	}
	if got.of != nil && got.of.offline {
		info.AccessType = "offline"
	}
	if got.user != "" && (got.has("openid") || got.has(scopeEmail) || got.has(scopeProfile)) {
		info.Subject = subjectOf(got.user)
	}
	if got.user != "" && got.has(scopeEmail) {
		info.Email, info.Verified = got.user, "true"
	}
	writeJSON(w, http.StatusOK, info)
}

// showTokenInfo2 is tokeninfo of the API oauth2 v2.
func (g *google) showTokenInfo2(w http.ResponseWriter, r *http.Request) {
	got, ok := g.asked(w, r)
	if !ok {
		g.refuseToken(w, invalidValue())
		return
	}
	info := map[string]any{
		"issued_to": got.client, "audience": got.client, "scope": strings.Join(got.scopes, " "),
		"expires_in": int(got.expires.Sub(g.now()).Seconds()), "access_type": "online",
	}
	if got.of != nil && got.of.offline {
		info["access_type"] = "offline"
	}
	if got.user != "" {
		info["user_id"] = subjectOf(got.user)
	}
	if got.user != "" && got.has(scopeEmail) {
		info["email"], info["verified_email"] = got.user, true
	}
	writeJSON(w, http.StatusOK, info)
}

// bearer finds the user of a call by its access token.
func (g *google) bearer(w http.ResponseWriter, r *http.Request) (grant, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got, ok := g.allows(token)
	if !strings.EqualFold(scheme, "Bearer") || !ok || got.user == "" || !got.has("openid") && !got.has(scopeEmail) && !got.has(scopeProfile) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="invalid_request"`)
		writeJSON(w, http.StatusUnauthorized, &tokenError{Code: "invalid_request", Description: "Invalid Credentials"})
		return grant{}, false
	}
	return got, true
}

// showUserInfo is userinfo (OpenID Connect Core section 5.3).
func (g *google) showUserInfo(w http.ResponseWriter, r *http.Request) {
	if got, ok := g.bearer(w, r); ok {
		writeJSON(w, http.StatusOK, identityOf(got.user, got.scopes))
	}
}

// showUserInfo2 is userinfo of the API oauth2 v2, with other names.
func (g *google) showUserInfo2(w http.ResponseWriter, r *http.Request) {
	got, ok := g.bearer(w, r)
	if !ok {
		return
	}
	id := identityOf(got.user, got.scopes)
	writeJSON(w, http.StatusOK, struct {
		ID       string `json:"id"`
		Email    string `json:"email,omitempty"`
		Verified bool   `json:"verified_email,omitempty"`
		Name     string `json:"name,omitempty"`
		Domain   string `json:"hd,omitempty"`
	}{id.Subject, id.Email, id.EmailVerified, id.Name, id.Domain})
}
