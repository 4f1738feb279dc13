package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
)

// addMicrosoft is the map for those who run the world as a process of its own and
// want what the Add methods of World make.
func (c *control) addMicrosoft(mux *http.ServeMux) {
	m := c.microsoft
	mux.HandleFunc("POST /control/microsoft/tenants", makes(func(o TenantOptions) (map[string]string, error) {
		id, err := m.addTenant(o)
		return map[string]string{"id": id}, err
	}))
	mux.HandleFunc("PATCH /control/microsoft/tenants/{id}", c.patchTenant)
	mux.HandleFunc("POST /control/microsoft/apps", makes(m.addApp))
	mux.HandleFunc("PATCH /control/microsoft/apps/{id}", c.patchApp)
	mux.HandleFunc("POST /control/microsoft/users", makes(func(o UserOptions) (UserOptions, error) { return o, m.addUser(o) }))
	mux.HandleFunc("POST /control/microsoft/mailboxes", makes(func(o UserOptions) (UserOptions, error) {
		o.Shared = true
		return o, m.addUser(o)
	}))
	mux.HandleFunc("POST /control/microsoft/service-principals", makes(m.addPrincipal))
	mux.HandleFunc("POST /control/microsoft/mailbox-permissions", makes(m.addPermission))
	mux.HandleFunc("POST /control/microsoft/send-as", makes(m.addSendAs))
	mux.HandleFunc("POST /control/microsoft/role-assignments", makes(m.addRole))
	mux.HandleFunc("POST /control/microsoft/access-policies", makes(m.addPolicy))
	mux.HandleFunc("POST /control/microsoft/revoke", makes(func(in mailboxLine) (mailboxLine, error) {
		m.revoke(in.Mailbox)
		return in, nil
	}))
	mux.HandleFunc("POST /control/microsoft/device", makes(func(in deviceLine) (deviceLine, error) {
		return in, m.decideDevice(in.Code, Decision{Account: in.Account, Cancel: in.Cancel})
	}))
	mux.HandleFunc("POST /control/workloads", makes(func(o WorkloadOptions) (WorkloadAccount, error) { return c.google.keyless.addWorkload(o), nil }))
	mux.HandleFunc("GET /control/outside-token", c.google.keyless.showOutsideToken)
	mux.HandleFunc("POST /control/machines", makes(func(o MachineOptions) (WorkloadAccount, error) { return c.google.keyless.addMachine(o), nil }))
}

// makes reads what to make, makes it and answers with what came of it.
func makes[In, Out any](make func(In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		if !decode(w, r, &in) {
			return
		}
		out, err := make(in)
		if err != nil {
			refuse(w, http.StatusUnprocessableEntity, err.Error())
			return
		}
		writeJSON(w, http.StatusCreated, out)
	}
}

// mailboxLine, deviceLine and exchangeLine are bodies of the calls above.
type mailboxLine struct {
	Mailbox string `json:"mailbox"`
}

type deviceLine struct {
	Code    string `json:"code"`
	Account string `json:"account"`
	Cancel  bool   `json:"cancel"`
}

// exchangeLine is a line of Exchange's PowerShell: the tenant is MicrosoftDomain where
// it is empty.
type exchangeLine struct {
	Tenant    string   `json:"tenant,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	ObjectID  string   `json:"object_id,omitempty"`
	Mailbox   string   `json:"mailbox,omitempty"`
	Trustee   string   `json:"trustee,omitempty"`
	Role      string   `json:"role,omitempty"`
	Mailboxes []string `json:"mailboxes,omitempty"`
}

func (l exchangeLine) tenant() string {
	if l.Tenant == "" {
		return MicrosoftDomain
	}
	return l.Tenant
}

func (m *microsoft) addPrincipal(l exchangeLine) (exchangeLine, error) {
	return l, m.change(l.tenant(), func(e *exchange) { e.principals[l.ClientID] = l.ObjectID })
}

func (m *microsoft) addPermission(l exchangeLine) (exchangeLine, error) {
	return l, m.change(domainOf(l.Mailbox), func(e *exchange) { e.full = append(e.full, mailboxRight{l.Mailbox, l.Trustee}) })
}

func (m *microsoft) addSendAs(l exchangeLine) (exchangeLine, error) {
	return l, m.change(domainOf(l.Mailbox), func(e *exchange) { e.sendAs = append(e.sendAs, mailboxRight{l.Mailbox, l.Trustee}) })
}

func (m *microsoft) addRole(l exchangeLine) (exchangeLine, error) {
	a := RoleAssignment{ClientID: l.ClientID, Role: l.Role, Mailboxes: l.Mailboxes}
	return l, m.change(l.tenant(), func(e *exchange) { e.roles = append(e.roles, a) })
}

func (m *microsoft) addPolicy(l exchangeLine) (exchangeLine, error) {
	return l, m.change(l.tenant(), func(e *exchange) { e.policies[l.ClientID] = l.Mailboxes })
}

// patchTenant changes the fields of a tenant that are named.
func (c *control) patchTenant(w http.ResponseWriter, r *http.Request) {
	patch(w, r, func(change func(any) error) error {
		return changed(func(f func(*TenantOptions)) error { return c.microsoft.changeTenant(r.PathValue("id"), f) }, change)
	})
}

// patchApp changes the fields of an app that are named.
func (c *control) patchApp(w http.ResponseWriter, r *http.Request) {
	patch(w, r, func(change func(any) error) error {
		return changed(func(f func(*AppOptions)) error { return c.microsoft.changeApp(r.PathValue("id"), f) }, change)
	})
}

// changed lets the body of a request change options; what it does not name stays.
func changed[T any](in func(func(*T)) error, change func(any) error) error {
	var bad error
	err := in(func(o *T) { bad = change(o) })
	return errors.Join(bad, err)
}

// patch reads the body before anything is locked.
func patch(w http.ResponseWriter, r *http.Request, in func(change func(any) error) error) {
	var body json.RawMessage
	if !decode(w, r, &body) {
		return
	}
	err := in(func(into any) error {
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		return d.Decode(into)
	})
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
