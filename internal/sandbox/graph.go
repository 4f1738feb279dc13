package sandbox

import (
	"net/http"
	"strings"
)

// addGraph is the map of Microsoft Graph: mail of /me and of /users/{user}.
func (m *microsoft) addGraph(mux *http.ServeMux) {
	for _, room := range []string{"/v1.0/me", "/v1.0/users/{user}"} {
		mail := func(pattern string, need need, next graphCall) {
			verb, path, _ := strings.Cut(pattern, " ")
			mux.Handle(verb+" "+room+path, m.as(need, next))
		}
		mail("POST /sendMail", needSend(), m.sendMail)
		mail("POST /messages", needWrite(), m.createDraft)
		mail("GET /messages", needRead(), m.listAll)
		mail("GET /messages/{id}", needRead(), m.showItem)
		mail("GET /messages/{id}/$value", needRead(), m.showMIME)
		mail("DELETE /messages/{id}", needWrite(), m.deleteItem)
		mail("POST /messages/{id}/send", needSend(), m.sendDraft)
		mail("GET /messages/{id}/attachments", needRead(), m.listAttachments)
		mail("POST /messages/{id}/attachments", needWrite(), m.addAttachment)
		mail("POST /messages/{id}/attachments/createUploadSession", needWrite(), m.createUploadSession)
		mail("GET /mailFolders/{folder}", needRead(), m.showFolder)
		mail("GET /mailFolders/{folder}/messages", needRead(), m.listFolder)
		mux.HandleFunc("GET "+room, m.showUser)
		mux.HandleFunc("POST "+room+"/revokeSignInSessions", m.revokeSessions)
	}
	mux.HandleFunc("GET /api/v2.0/AttachmentSessions/{id}", m.showAttachment)
	mux.HandleFunc("PUT /api/v2.0/AttachmentSessions/{id}", m.putAttachment)
	mux.HandleFunc("DELETE /api/v2.0/AttachmentSessions/{id}", m.dropAttachment)
	mux.HandleFunc("GET /oidc/userinfo", m.showUserInfo)
}

// need are the permissions any of which a call wants: a user's for the own mailbox,
// those for mailboxes shared with the user, and an app's.
type need struct {
	own, shared, roles []string
	send               bool // the mailbox need not be readable for it
}

func needSend() need {
	return need{
		own: []string{"Mail.Send", "Mail.Send.Shared"}, shared: []string{"Mail.Send.Shared"},
		roles: []string{"Mail.Send", "Mail Full Access", "Exchange Full Access"}, send: true,
	}
}

func needWrite() need {
	return need{
		own: []string{"Mail.ReadWrite", "Mail.ReadWrite.Shared"}, shared: []string{"Mail.ReadWrite.Shared"},
		roles: []string{"Mail.ReadWrite", "Mail Full Access", "Exchange Full Access"},
	}
}

func needRead() need {
	return need{
		own:    []string{"Mail.ReadBasic", "Mail.Read", "Mail.ReadWrite", "Mail.Read.Shared", "Mail.ReadWrite.Shared"},
		shared: []string{"Mail.Read.Shared", "Mail.ReadWrite.Shared"},
		roles:  []string{"Mail.ReadBasic.All", "Mail.ReadBasic", "Mail.Read", "Mail.ReadWrite", "Mail Full Access", "Exchange Full Access"},
	}
}

// actor is who makes a call, and whose mailbox it is about.
type actor struct {
	*pass
	token string
	box   *entraUser
}

// graphCall answers a call, or returns what is wrong with it.
type graphCall func(http.ResponseWriter, *http.Request, actor) *graphError

// as checks token, mailbox, permission and the number of calls under way before a
// call.
func (m *microsoft) as(n need, next graphCall) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, bad := m.admit(r, n)
		if bad == nil {
			done, ok := m.enter(who)
			if !ok {
				bad = m.newGraphError(http.StatusTooManyRequests, "ApplicationThrottled", textBusy)
				bad.retryAfter = concurrencyPause
			} else {
				defer done()
				bad = next(w, r, who)
			}
		}
		if bad != nil {
			m.log.Info("call refused", "provider", "microsoft", "status", bad.status, "code", bad.code)
			bad.write(w, r)
		}
	})
}

// Limits of Graph for one app and mailbox
// (learn.microsoft.com/graph/throttling-limits).
const (
	maxConcurrent    = 4
	concurrencyPause = 1 // seconds
)

// enter counts a call that is under way; the fifth finds no room.
func (m *microsoft) enter(who actor) (done func(), ok bool) {
	key := who.app.ClientID + " " + who.box.id
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy[key] >= maxConcurrent {
		return nil, false
	}
	m.busy[key]++
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.busy[key]--; m.busy[key] == 0 {
			delete(m.busy, key)
		}
	}, true
}

// bearer finds the token of a call.
func (m *microsoft) bearer(r *http.Request) (actor, *graphError) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return actor{}, m.badToken("Access token is empty.")
	}
	p, alive := m.passOf(token)
	switch {
	case p == nil:
		return actor{}, m.badToken("CompactToken parsing failed with error code: 80049217")
	case !alive:
		return actor{}, m.badToken("Lifetime validation failed, the token is expired.")
	case p.of != graphAPI:
		return actor{}, m.badToken("Access token validation failure. Invalid audience.")
	}
	return actor{pass: p, token: token}, nil
}

func (m *microsoft) admit(r *http.Request, n need) (actor, *graphError) {
	m.mu.Lock()
	defer m.mu.Unlock()
	who, bad := m.bearer(r)
	if bad != nil {
		return who, bad
	}
	name := r.PathValue("user")
	switch {
	case name == "" && who.user == nil:
		return who, m.newGraphError(http.StatusBadRequest, "BadRequest", textMe)
	case name == "":
		who.box = who.user
	default:
		who.box = m.user(name)
	}
	switch {
	case who.box == nil || who.box.tenant != who.tenant:
		return who, m.newGraphError(http.StatusNotFound, "ErrorInvalidUser", "The requested user '"+name+"' is invalid.")
	case !who.box.mailbox():
		return who, m.newGraphError(http.StatusNotFound, "MailboxNotEnabledForRESTAPI", textNoREST)
	}
	return who, m.permits(who, n)
}

// permits says whether a token may do something with a mailbox. For an app alone the
// permission in Entra is for all mailboxes unless a policy restricts it, and roles of
// RBAC for Applications add to it.
func (m *microsoft) permits(who actor, n need) *graphError {
	if who.user == nil {
		policy, limited := who.tenant.exchange.policies[who.app.ClientID]
		switch {
		case limited && !containsFold(policy, who.box.Address):
			return m.newGraphError(http.StatusForbidden, "ErrorAccessDenied", textPolicy)
		case !who.has(n.roles...) && !who.inRole(who.box, n.roles...):
			return m.denied()
		}
		return nil
	}
	if who.box == who.user {
		if !who.has(n.own...) {
			return m.denied()
		}
		return nil
	}
	opens := who.mayOpen(who.box) || n.send && m.maySendAs(who.pass, who.user, who.box.Address)
	if !who.has(n.shared...) || !opens {
		return m.denied()
	}
	return nil
}
