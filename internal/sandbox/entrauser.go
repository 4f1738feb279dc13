package sandbox

import (
	"fmt"
	"strings"
)

// UserOptions say what user or shared mailbox to make. The zero value of each but
// the address is the usual.
type UserOptions struct {
	// Address is the user principal name, and the mailbox's address.
	Address string `json:"address"`
	// Aliases are further addresses of the mailbox, as which it may send.
	Aliases []string `json:"aliases"`
	// Shared is a shared mailbox: nobody signs in with it.
	Shared bool `json:"shared"`
	// NoMailbox is a user without an Exchange licence.
	NoMailbox bool `json:"no_mailbox"`
	// Disabled users cannot sign in (AADSTS50057).
	Disabled bool `json:"disabled"`
	// Admin may consent for the whole tenant, as admin@ always may.
	Admin bool `json:"admin"`
	// SMTPAuthDisabled is Set-CASMailbox -SmtpClientAuthenticationDisabled: it wins
	// over the tenant's; nil leaves it to the tenant.
	SMTPAuthDisabled *bool `json:"smtp_auth_disabled"`
	// MaxSendSize is the largest message in bytes: 35 MB where it is 0.
	MaxSendSize int64 `json:"max_send_size"`
	// RecipientsPerDay is the quota of a rolling day: 10,000 where it is 0.
	RecipientsPerDay int `json:"recipients_per_day"`
	// Full is a mailbox with no room for Sent copies.
	Full bool `json:"full"`
}

// entraUser is a user or a shared mailbox. Its fields change under the lock alone.
type entraUser struct {
	UserOptions
	id     string
	tenant *tenant
	// revoked counts how often all sessions were ended: what was given under a lower
	// count is worthless.
	revoked int
	day     []recipientsAt
	minute  submissions
	open    int // SMTP connections that sign in or send
}

// AddUser makes a user of the tenant to whose domain the address belongs, or
// changes it.
func (w *World) AddUser(o UserOptions) error { return w.microsoft.addUser(o) }

// AddMailbox makes a shared mailbox, or changes one.
func (w *World) AddMailbox(o UserOptions) error {
	o.Shared = true
	return w.microsoft.addUser(o)
}

func (m *microsoft) addUser(o UserOptions) error {
	o.Address = strings.ToLower(o.Address)
	m.mu.Lock()
	defer m.mu.Unlock()
	local, domain, _ := strings.Cut(o.Address, "@")
	t := m.tenants[domain]
	if local == "" || t == nil || guidForm.MatchString(domain) {
		return fmt.Errorf("no tenant has the domain of %q; make one first", o.Address)
	}
	u := t.users[o.Address]
	if u == nil {
		u = &entraUser{id: guidOf("user " + o.Address), tenant: t}
		t.users[o.Address] = u
	}
	u.UserOptions = o
	for _, alias := range o.Aliases {
		t.users[strings.ToLower(alias)] = u
	}
	return nil
}

// user finds a user by address or id. It runs under the lock, held for writing: a
// tenant of any user makes one.
func (m *microsoft) user(name string) *entraUser {
	name = strings.ToLower(name)
	if guidForm.MatchString(name) {
		return m.userByID(name)
	}
	local, domain, _ := strings.Cut(name, "@")
	t := m.tenants[domain]
	if t == nil || local == "" {
		return nil
	}
	if u := t.users[name]; u != nil {
		return u
	}
	if !t.AnyUser || local == "nobody" || strings.ContainsAny(local, " \t\r\n<>,\"") {
		return nil
	}
	u := &entraUser{id: guidOf("user " + name), tenant: t, UserOptions: UserOptions{Address: name, NoMailbox: local == "no-mailbox"}}
	t.users[name] = u
	return u
}

func (m *microsoft) userByID(id string) *entraUser {
	for _, t := range m.tenants {
		for _, u := range t.users {
			if u.id == id {
				return u
			}
		}
	}
	return nil
}

// mailbox tells whether the user has one.
func (u *entraUser) mailbox() bool { return !u.NoMailbox && !u.tenant.NoExchange }

func (u *entraUser) admin() bool {
	return u.Admin || u.Address == "admin@"+u.tenant.Domain
}

// personal tells whether it is a Microsoft account rather than one of work or school.
func (u *entraUser) personal() bool { return u.tenant.ID == consumerTenant }

// owns tells whether an address is the user's, or an alias.
func (u *entraUser) owns(address string) bool {
	return strings.EqualFold(u.Address, address) || containsFold(u.Aliases, address)
}

// RevokeMicrosoft ends all sessions of a user, as an administrator can: refresh
// tokens are refused with AADSTS50173.
func (w *World) RevokeMicrosoft(address string) { w.microsoft.revoke(address) }

func (m *microsoft) revoke(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if u := m.user(address); u != nil {
		u.revoked++
	}
}
