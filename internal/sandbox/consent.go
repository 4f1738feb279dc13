package sandbox

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// addOAuth is the map of Google's authorization server.
func (g *google) addOAuth(mux *http.ServeMux) {
	mux.HandleFunc("GET /o/oauth2/v2/auth", g.showAuth)
	mux.HandleFunc("GET /o/oauth2/auth", g.showAuth) // the old address, which Go's library uses
	mux.HandleFunc("GET /o/oauth2/v2/consent", g.showConsent)
	mux.HandleFunc("POST /o/oauth2/v2/consent", g.decide)
	mux.HandleFunc("GET /o/oauth2/style.css", showGoogleStyle)
	mux.HandleFunc("POST /token", g.createToken)
	mux.HandleFunc("GET /oauth2/v3/certs", g.showKeys)
	mux.HandleFunc("GET /.well-known/openid-configuration", g.showDiscovery)
}

// googlePage is what the pages of the simulated Google show.
type googlePage struct {
	Title   string
	App     string
	Request string // id of the question

	Accounts []account // to choose from
	Problem  string    // with the account that was named

	Account account
	Scopes  []scopeBox
	Host    string // where the answer goes

	Status       int
	Code, Detail string // of an error
}

// account is a user on a page.
type account struct{ Address, Name string }

// Initial stands for the user's picture.
func (a account) Initial() string { return initial(a.Name) }

// scopeBox is a permission with a box to tick.
type scopeBox struct{ Scope, Text string }

func googlePages() pages {
	set := pages{}
	for _, name := range []string{"choose", "consent", "error"} {
		set[name] = template.Must(template.ParseFS(pageFiles, "pages/google/layout.html", "pages/google/"+name+".html"))
	}
	return set
}

// showAuth is the authorization endpoint (RFC 6749 section 3.1).
func (g *google) showAuth(w http.ResponseWriter, r *http.Request) {
	q, bad := g.readAuthRequest(r.URL.Query())
	if bad != nil {
		g.showAuthError(w, bad)
		return
	}
	user := g.hinted(q.hint)
	if to, ok := g.silently(q, user); ok {
		http.Redirect(w, r, to, http.StatusFound)
		return
	}
	g.keep(q)
	if user == "" || slices.Contains(q.prompt, "select_account") {
		g.showChooser(w, q, q.hint)
		return
	}
	g.showQuestion(w, q, user)
}

// hinted finds the user of a login_hint: an address, or the id of a user who has
// agreed to something before.
func (g *google) hinted(hint string) string {
	hint = strings.ToLower(hint)
	if isUser(hint) {
		return hint
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	for key := range g.consents {
		if subjectOf(key.user) == hint {
			return key.user
		}
	}
	return ""
}

// silently answers without a page: where the user has agreed to all of it before
// and is not to be asked again, and where the app forbids to ask.
func (g *google) silently(q *authRequest, user string) (string, bool) {
	g.mu.RLock()
	agreed, known := g.consents[grantKey{user, q.client.id}]
	g.mu.RUnlock()
	covered := known && !slices.ContainsFunc(q.scopes, func(s string) bool { return !slices.Contains(agreed, s) })
	ask := slices.Contains(q.prompt, "consent") || slices.Contains(q.prompt, "select_account")
	switch {
	case covered && !ask:
		return g.allow(q, user, q.scopes), true
	case slices.Contains(q.prompt, "none"):
		return g.deny(q, "interaction_required"), true
	}
	return "", false
}

// showConsent asks the user that was chosen.
func (g *google) showConsent(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	q, ok := g.request(v.Get("request"))
	if !ok {
		g.showAuthError(w, errExpired())
		return
	}
	user := strings.ToLower(strings.TrimSpace(v.Get("account")))
	if !isUser(user) {
		g.showChooser(w, q, v.Get("account"))
		return
	}
	g.showQuestion(w, q, user)
}

func errExpired() *authError {
	return badRequest("This page has expired. Start again from the app.")
}

// decide takes the user's answer and sends the browser back to the app.
func (g *google) decide(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenBody)
	if err := r.ParseForm(); err != nil {
		g.showAuthError(w, badRequest("Bad Request"))
		return
	}
	to, bad := g.answerOf(r.PostForm)
	if bad != nil {
		g.showAuthError(w, bad)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (g *google) answerOf(form url.Values) (string, *authError) {
	q, ok := g.request(form.Get("request"))
	if !ok {
		return "", errExpired()
	}
	if form.Get("action") != "allow" {
		return g.deny(q, "access_denied"), nil
	}
	user := strings.ToLower(form.Get("account"))
	if !isUser(user) {
		return "", badRequest("Couldn't find your Google Account")
	}
	if bad := q.mayConsent(user); bad != nil {
		return "", bad
	}
	g.log.Info("consent given", "scopes", len(form["scope"]))
	return g.allow(q, user, form["scope"]), nil
}

// Decision is what a user does on the consent page.
type Decision struct {
	Account string   // whom to choose
	Leave   []string // scopes whose boxes are left unticked
	Cancel  bool
}

// Decide opens the address of an authorization request as a browser would, lets
// the user decide, and returns the address that the browser is sent to. An error
// is one that Google, or Microsoft, shows in the browser.
func (w *World) Decide(authURL string, d Decision) (string, error) {
	u, err := url.Parse(authURL)
	if err != nil {
		return "", fmt.Errorf("read the address: %w", err)
	}
	if strings.HasPrefix(authURL, w.MicrosoftURL) {
		return w.microsoft.decideAs(u, d)
	}
	q, bad := w.google.readAuthRequest(u.Query())
	if bad != nil {
		return "", bad
	}
	w.google.keep(q)
	form := url.Values{"request": {q.id}, "account": {d.Account}, "action": {"allow"}}
	if d.Cancel {
		form.Set("action", "cancel")
	}
	for _, s := range q.scopes {
		if !slices.Contains(d.Leave, s) {
			form.Add("scope", s)
		}
	}
	to, bad := w.google.answerOf(form)
	if bad != nil {
		return "", bad
	}
	return to, nil
}

// Error is the headline of Google's page and what stands below it.
func (e *authError) Error() string {
	return fmt.Sprintf("Error %d: %s: %s", e.status, e.code, e.detail)
}
