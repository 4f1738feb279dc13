package sandbox

import "net/http"

// showUser is user: get (learn.microsoft.com/graph/api/user-get).
func (m *microsoft) showUser(w http.ResponseWriter, r *http.Request) {
	u, bad := m.directory(r, []string{"User.Read", "User.Read.All", "User.ReadBasic.All", "Directory.Read.All"},
		[]string{"User.Read.All", "User.ReadBasic.All", "Directory.Read.All"})
	if bad != nil {
		bad.write(w, r)
		return
	}
	mail := any(u.Address)
	if !u.mailbox() {
		mail = nil
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"@odata.context": m.url + "/v1.0/$metadata#users/$entity", "id": u.id, "displayName": nameOf(u.Address),
		"mail": mail, "userPrincipalName": u.Address, "accountEnabled": !u.Disabled && !u.Shared,
	})
}

// directory checks a call about a user: of the own account with the first
// permissions, of any with the second ones.
func (m *microsoft) directory(r *http.Request, own, any []string) (*entraUser, *graphError) {
	m.mu.Lock()
	defer m.mu.Unlock()
	who, bad := m.bearer(r)
	if bad != nil {
		return nil, bad
	}
	name := r.PathValue("user")
	u := who.user
	if name != "" {
		u = m.user(name)
	}
	switch {
	case u == nil && name == "":
		return nil, m.newGraphError(http.StatusBadRequest, "BadRequest", textMe)
	case u == nil || u.tenant != who.tenant:
		return nil, m.newGraphError(http.StatusNotFound, "Request_ResourceNotFound", "Resource '"+name+"' does not exist or one of its queried reference-property objects are not present.")
	case u == who.user && who.has(own...) || who.has(any...):
		return u, nil
	}
	return nil, m.newGraphError(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

// revokeSessions ends all refresh tokens of a user
// (learn.microsoft.com/graph/api/user-revokesigninsessions).
func (m *microsoft) revokeSessions(w http.ResponseWriter, r *http.Request) {
	u, bad := m.directory(r, []string{"User.RevokeSessions.All", "User.ReadWrite"}, []string{"User.RevokeSessions.All"})
	if bad != nil {
		bad.write(w, r)
		return
	}
	m.mu.Lock()
	u.revoked++
	m.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"value": true})
}

// showUserInfo is the userinfo endpoint of OpenID Connect.
func (m *microsoft) showUserInfo(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	who, bad := m.bearer(r)
	m.mu.Unlock()
	if bad == nil && who.user == nil {
		bad = m.newGraphError(http.StatusBadRequest, "BadRequest", textMe)
	}
	if bad != nil {
		bad.write(w, r)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"sub": guidOf("pairwise " + who.app.ClientID + who.user.id), "name": nameOf(who.user.Address), "email": who.user.Address,
	})
}
