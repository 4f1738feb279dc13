package sandbox

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func (g *google) showChooser(w http.ResponseWriter, q *authRequest, tried string) {
	p := googlePage{Title: "Choose an account", App: q.client.Name, Request: q.id, Status: http.StatusOK}
	for _, address := range []string{"ada@" + Domain, "billing@" + Domain, "grace@" + Consumer} {
		p.Accounts = append(p.Accounts, account{address, nameOf(address)})
	}
	if isUser(strings.ToLower(tried)) {
		one := account{strings.ToLower(tried), nameOf(strings.ToLower(tried))}
		p.Accounts = append([]account{one}, slices.DeleteFunc(p.Accounts, func(a account) bool { return a == one })...)
	} else if tried != "" {
		p.Problem = "Couldn’t find your Google Account: " + tried
	}
	g.showPage(w, "choose", p, "")
}

func (g *google) showQuestion(w http.ResponseWriter, q *authRequest, user string) {
	if bad := q.mayConsent(user); bad != nil {
		g.showAuthError(w, bad)
		return
	}
	target, err := url.Parse(q.redirect)
	if err != nil { // it was matched against a registered one
		g.showAuthError(w, badRequest("Invalid parameter value for redirect_uri"))
		return
	}
	p := googlePage{
		Title: q.client.Name + " wants access to your Google Account", App: q.client.Name,
		Request: q.id, Account: account{user, nameOf(user)}, Host: target.Host, Status: http.StatusOK,
	}
	for _, s := range q.scopes {
		if !signIn(s) {
			p.Scopes = append(p.Scopes, scopeBox{s, scopeText(s)})
		}
	}
	g.showPage(w, "consent", p, policySource(target))
}

// policySource is where a form's answer may redirect: browsers check form-action
// against that, too, and the policy has no words for an IPv6 address.
func policySource(u *url.URL) string {
	if strings.Contains(u.Hostname(), ":") {
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}

// showAuthError shows what the app must not get to know.
func (g *google) showAuthError(w http.ResponseWriter, bad *authError) {
	g.log.Info("authorization refused", "error", bad.code)
	g.showPage(w, "error", googlePage{
		Title: "Access blocked", Status: bad.status, Code: bad.code, Detail: bad.detail,
	}, "")
}

func (g *google) showPage(w http.ResponseWriter, name string, p googlePage, target string) {
	var body bytes.Buffer
	if err := g.pages[name].ExecuteTemplate(&body, "layout.html", p); err != nil {
		g.log.Error("page not shown", "page", name, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	secure(w)
	h := w.Header()
	h.Set("Content-Security-Policy", strings.TrimSpace("default-src 'none'; style-src 'self'; base-uri 'none'; "+
		"frame-ancestors 'none'; form-action 'self' "+target))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = body.WriteTo(w)
}

func showGoogleStyle(w http.ResponseWriter, r *http.Request) {
	secure(w)
	http.ServeFileFS(w, r, pageFiles, "pages/google/style.css")
}

// scopeText is what Google's consent page says of a scope.
func scopeText(s string) string {
	switch s {
	case scopeFull:
		return "Read, compose, send, and permanently delete all your email from Gmail"
	case scopeModify:
		return "Read, compose, and send emails from your Gmail account"
	case scopeReadonly:
		return "View your email messages and settings"
	case scopeMetadata:
		return "View your email message metadata such as labels and headers, but not the email body"
	case scopeCompose:
		return "Manage drafts and send emails"
	case scopeSend:
		return "Send email on your behalf"
	case scopeLabels:
		return "See and edit your email labels"
	case scopeSettings:
		return "See, edit, create, or change your email settings and filters in Gmail"
	}
	return s
}
