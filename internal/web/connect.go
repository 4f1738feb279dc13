package web

import (
	"errors"
	"net/http"
	"time"

	"gatepost/internal/control"
	"gatepost/internal/email"
)

// linkPage asks the visitor to begin.
type linkPage struct {
	page
	control.LinkPage
	Asks []permission
	Ends string
}

// showLink tells who asks for which mailbox, and for what. It changes nothing, so
// programs that look at links beforehand use none up.
func (s *server) showLink(w http.ResponseWriter, r *http.Request) {
	l, err := s.Control.OpenLink(r.Context(), r.PathValue("token"))
	if err != nil {
		s.refuse(w, r, control.Outcome{}, err)
		return
	}
	s.show(w, http.StatusOK, "link", linkPage{
		s.page("Connect " + l.Address), l, asked(l.Purposes, l.Provider), l.ExpiresAt.UTC().Format("2 January 2006, 15:04 UTC"),
	})
}

// startLink sends the browser to the provider, with a cookie by which it is known again.
func (s *server) startLink(w http.ResponseWriter, r *http.Request) {
	to, session, err := s.Control.StartLink(r.Context(), r.PathValue("token"))
	s.leave(w, r, to, session, err)
}

// restartLink does the same for a browser that comes back from there.
func (s *server) restartLink(w http.ResponseWriter, r *http.Request) {
	to, session, err := s.Control.RestartLink(r.Context(), s.session(r))
	s.leave(w, r, to, session, err)
}

func (s *server) leave(w http.ResponseWriter, r *http.Request, to string, session email.Secret, err error) {
	if err != nil {
		s.refuse(w, r, control.Outcome{}, err)
		return
	}
	http.SetCookie(w, s.cookie(session))
	s.Log.InfoContext(r.Context(), "a connect link was started")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// sessionLife is how long a browser is known: long enough to choose again.
const sessionLife = time.Hour

// cookie is for this host alone (RFC 6265bis section 4.1.3). Lax, because providers
// send the browser back from their own sites.
func (s *server) cookie(session email.Secret) *http.Cookie {
	return &http.Cookie{
		Name: s.cookieName(), Value: session.Reveal(), Path: "/", MaxAge: int(sessionLife.Seconds()),
		HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteLaxMode,
	}
}

func (s *server) cookieName() string {
	if s.secure() {
		return "__Host-gatepost_connect"
	}
	return "gatepost_connect" // on this machine alone, where there is no https
}

func (s *server) session(r *http.Request) string {
	c, err := r.Cookie(s.cookieName())
	if err != nil {
		return ""
	}
	return c.Value
}

// connectedPage tells what the visitor's consent led to.
type connectedPage struct {
	page
	control.Connected
	Allowed []permission
	Left    []permission // boxes that were not ticked
}

// finishLink takes the browser that comes back from Google.
func (s *server) finishLink(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	o, err := s.Control.FinishRedirect(r.Context(), s.session(r), control.Redirected{
		Code: q.Get("code"), State: q.Get("state"), Issuer: q.Get("iss"), Error: q.Get("error"),
	})
	if err != nil || o.Refusal != nil {
		s.refuse(w, r, o, err)
		return
	}
	s.Log.InfoContext(r.Context(), "a mailbox was connected by a link", "account", o.Connected.Account.ID, "again", o.Connected.Again)
	s.show(w, http.StatusOK, "connected", connectedPage{
		s.page("Connected"), o.Connected, permissions(o.Connected.Granted, o.Provider), permissions(o.Connected.Missing, o.Provider),
	})
}

// refusedPage tells why nothing was connected, and lets the visitor choose again
// where that helps.
type refusedPage struct {
	page
	*control.Refusal
	Text, Fix string // over those of the refusal
	Address   string
	Retry     bool
	Button    string
	Left      []permission
}

// refuse shows why a link led to nothing.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, o control.Outcome, err error) {
	refusal, ok := errors.AsType[*control.Refusal](err)
	if o.Refusal != nil {
		refusal, ok = o.Refusal, true
	}
	switch {
	case errors.Is(err, control.ErrNotFound):
		s.notFound(w, r)
		return
	case !ok:
		s.failed(w, r, "a connect link failed", err)
		return
	}
	s.Log.InfoContext(r.Context(), "a connect link led to no account", "cause", refusal.Cause)
	said := words(refusal, o.Retry)
	s.show(w, said.status, "refused", refusedPage{
		page: s.page(said.title), Refusal: refusal, Text: said.text, Fix: said.fix, Address: o.Address, Retry: o.Retry, Button: said.button,
		Left: permissions(refusal.Missing, o.Provider),
	})
}
