package sandbox

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

// microsoftPage is what the pages of the simulated Microsoft show.
type microsoftPage struct {
	Title, App, Request string

	Accounts []account // to choose from
	Account  account
	Scopes   []scopeBox
	ForAll   bool
	Host     string // where the answer goes

	Yes    bool // of a device
	Status int
	Number int // of an error
	Detail string
	Trace  entraBody
}

func microsoftPages() pages {
	set := pages{}
	for _, name := range []string{"choose", "consent", "code", "done", "error"} {
		set[name] = template.Must(template.ParseFS(pageFiles, "pages/microsoft/layout.html", "pages/microsoft/"+name+".html"))
	}
	return set
}

func (m *microsoft) showChooser(w http.ResponseWriter, q *entraRequest) {
	p := microsoftPage{Title: "Pick an account", App: q.app.Name, Request: q.id, Status: http.StatusOK}
	for _, address := range []string{"ada@" + MicrosoftDomain, "admin@" + MicrosoftDomain, "grace@" + MicrosoftConsumer} {
		p.Accounts = append(p.Accounts, account{address, nameOf(address)})
	}
	m.showPage(w, "choose", p, "")
}

func (m *microsoft) showQuestion(w http.ResponseWriter, q *entraRequest, u *entraUser) {
	p := microsoftPage{
		Title: "Permissions requested", App: q.app.Name, Request: q.id, ForAll: q.admin,
		Account: account{u.Address, nameOf(u.Address)}, Status: http.StatusOK,
	}
	for _, one := range q.asked.permissions {
		p.Scopes = append(p.Scopes, scopeBox{one.name, permissionText(one.name)})
	}
	if q.admin {
		for _, role := range q.app.Roles {
			p.Scopes = append(p.Scopes, scopeBox{role, permissionText(role)})
		}
	}
	target := ""
	if to, err := url.Parse(q.redirect); err == nil && to.Host != "" {
		p.Host, target = to.Host, policySource(to)
	}
	m.showPage(w, "consent", p, target)
}

func (m *microsoft) showCodeForm(w http.ResponseWriter) {
	m.showPage(w, "code", microsoftPage{Title: "Enter code", Status: http.StatusOK}, "")
}

func (m *microsoft) showDone(w http.ResponseWriter, yes bool) {
	m.showPage(w, "done", microsoftPage{Title: "Signed in", Status: http.StatusOK, Yes: yes}, "")
}

// showError shows what does not go back to the app.
func (m *microsoft) showError(w http.ResponseWriter, r *http.Request, e *entraError) {
	m.log.Info("authorization refused", "provider", "microsoft", "aadsts", e.number)
	m.showPage(w, "error", microsoftPage{
		Title: "Sorry, but we’re having trouble signing you in", Status: e.status, Number: e.number, Detail: e.text,
		Trace: e.body(r, m.now()),
	}, "")
}

func (m *microsoft) showPage(w http.ResponseWriter, name string, p microsoftPage, target string) {
	var body bytes.Buffer
	if err := m.pages[name].ExecuteTemplate(&body, "layout.html", p); err != nil {
		m.log.Error("page not shown", "page", name, "error", err)
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

// showMicrosoftStyle is the same sheet as that of the simulated Google.
func showMicrosoftStyle(w http.ResponseWriter, r *http.Request) {
	secure(w)
	http.ServeFileFS(w, r, pageFiles, "pages/google/style.css")
}

// permissionText is what Microsoft's consent page says of a permission.
func permissionText(name string) string {
	switch name {
	case "Mail.Send":
		return "Send mail as you"
	case "Mail.Send.Shared":
		return "Send mail on behalf of others or yourself"
	case "Mail.ReadWrite":
		return "Read and write access to your mail"
	case "Mail.ReadWrite.Shared":
		return "Read and write mail you can access"
	case "Mail.Read", "Mail.ReadBasic":
		return "Read your mail"
	case "SMTP.Send":
		return "Send emails from mailboxes using SMTP AUTH"
	case "SMTP.SendAsApp":
		return "Send email via SMTP as an application, from any mailbox that allows it"
	case "User.Read":
		return "Sign you in and read your profile"
	}
	return name
}
