package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// exchange is what Exchange Online knows of a tenant's apps and mailboxes.
type exchange struct {
	principals map[string]string   // object id by client id: New-ServicePrincipal
	full       []mailboxRight      // Add-MailboxPermission -AccessRights FullAccess
	sendAs     []mailboxRight      // Add-RecipientPermission -AccessRights SendAs
	roles      []RoleAssignment    // New-ManagementRoleAssignment
	policies   map[string][]string // mailboxes by client id: New-ApplicationAccessPolicy
}

// mailboxRight is what a trustee may do with a mailbox. The trustee is a user's
// address, or a service principal's object id.
type mailboxRight struct{ mailbox, trustee string }

// RoleAssignment is RBAC for Applications: a role of one app for some mailboxes
// (learn.microsoft.com/exchange/permissions-exo/application-rbac).
type RoleAssignment struct {
	ClientID string `json:"client_id"`
	// Role is "Application Mail.Send", "Application SMTP.SendAsApp" and their like.
	Role string `json:"role"`
	// Mailboxes are those in the scope; none stands for all of the tenant.
	Mailboxes []string `json:"mailboxes"`
}

func newExchange() exchange {
	return exchange{principals: map[string]string{}, policies: map[string][]string{}}
}

// AddServicePrincipal is New-ServicePrincipal of Exchange, in a tenant named by id
// or domain ("" for MicrosoftDomain). objectID must be that of the enterprise application; with another one
// Exchange takes the line and refuses the app later, as the real one does.
func (w *World) AddServicePrincipal(tenant, clientID, objectID string) error {
	_, err := w.microsoft.addPrincipal(exchangeLine{Tenant: tenant, ClientID: clientID, ObjectID: objectID})
	return err
}

// AddMailboxPermission is Add-MailboxPermission -AccessRights FullAccess. The
// trustee is a user's address, or the object id of a service principal.
func (w *World) AddMailboxPermission(mailbox, trustee string) error {
	_, err := w.microsoft.addPermission(exchangeLine{Mailbox: mailbox, Trustee: trustee})
	return err
}

// AddSendAs is Add-RecipientPermission -AccessRights SendAs.
func (w *World) AddSendAs(mailbox, trustee string) error {
	_, err := w.microsoft.addSendAs(exchangeLine{Mailbox: mailbox, Trustee: trustee})
	return err
}

// AddRoleAssignment is New-ManagementRoleAssignment -App.
func (w *World) AddRoleAssignment(tenant string, a RoleAssignment) error {
	_, err := w.microsoft.addRole(exchangeLine{Tenant: tenant, ClientID: a.ClientID, Role: a.Role, Mailboxes: a.Mailboxes})
	return err
}

// AddAccessPolicy is New-ApplicationAccessPolicy -AccessRight RestrictAccess: the app
// may use these mailboxes alone.
func (w *World) AddAccessPolicy(tenant, clientID string, mailboxes ...string) error {
	_, err := w.microsoft.addPolicy(exchangeLine{Tenant: tenant, ClientID: clientID, Mailboxes: mailboxes})
	return err
}

func (m *microsoft) change(tenant string, change func(*exchange)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tenants[strings.ToLower(tenant)]
	if t == nil {
		return fmt.Errorf("there is no tenant %q", tenant)
	}
	change(&t.exchange)
	return nil
}

func domainOf(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	return domain
}

// allows tells whether a trustee has a right to one of a mailbox's addresses.
func allows(list []mailboxRight, box *entraUser, trustees ...string) bool {
	return slices.ContainsFunc(list, func(r mailboxRight) bool {
		return box.owns(r.mailbox) && containsFold(trustees, r.trustee)
	})
}

// trustees are the names under which the bearer of a token has rights.
func (p *pass) trustees() []string {
	if p.user != nil {
		return []string{p.user.Address}
	}
	return []string{p.tenant.exchange.principals[p.app.ClientID]}
}

// known tells whether Exchange knows the app as a service principal, under the right
// object id.
func (p *pass) known() bool {
	id := p.tenant.exchange.principals[p.app.ClientID]
	return id != "" && strings.EqualFold(id, p.principal.id)
}

// mayOpen tells whether a token may use a mailbox: its own, one with FullAccess, or
// for an app without user one in the scope of a role.
func (p *pass) mayOpen(box *entraUser) bool {
	if p.tenant != box.tenant {
		return false
	}
	return p.user == box || allows(p.tenant.exchange.full, box, p.trustees()...)
}

// inRole tells whether a role of RBAC for Applications covers a mailbox.
func (p *pass) inRole(box *entraUser, roles ...string) bool {
	return slices.ContainsFunc(p.tenant.exchange.roles, func(a RoleAssignment) bool {
		if a.ClientID != p.app.ClientID || !slices.Contains(roles, strings.TrimPrefix(a.Role, "Application ")) {
			return false
		}
		return len(a.Mailboxes) == 0 || slices.ContainsFunc(a.Mailboxes, box.owns)
	})
}

// maySendAs tells whether mail of a mailbox may name an author: the mailbox itself,
// an alias, or someone who has given SendAs.
func (m *microsoft) maySendAs(p *pass, box *entraUser, author string) bool {
	if box.owns(author) {
		return true
	}
	other := m.user(author)
	if other == nil || other.tenant != box.tenant {
		return false
	}
	return other == box || allows(box.tenant.exchange.sendAs, other, append(p.trustees(), box.Address)...)
}

// recipientsAt are recipients that count for the day's quota.
type recipientsAt struct {
	at time.Time
	n  int
}

const (
	recipientsPerDay = 10_000
	maxSendSize      = 35 << 20
)

// spendDay counts recipients, unless the quota of a rolling day is reached. It runs
// under the lock.
func (u *entraUser) spendDay(n int, now time.Time) bool {
	quota := u.RecipientsPerDay
	if quota <= 0 {
		quota = recipientsPerDay
	}
	u.day = slices.DeleteFunc(u.day, func(r recipientsAt) bool { return now.Sub(r.at) >= 24*time.Hour })
	sum := n
	for _, r := range u.day {
		sum += r.n
	}
	if sum > quota {
		return false
	}
	u.day = append(u.day, recipientsAt{now, n})
	return true
}

func (u *entraUser) sizeLimit() int64 {
	if u.MaxSendSize > 0 {
		return u.MaxSendSize
	}
	return maxSendSize
}

// smtpAuth tells where SMTP AUTH is off: "Mailbox", "Tenant", or nowhere. The
// mailbox's own setting wins.
func (u *entraUser) smtpAuthOff() string {
	switch {
	case u.SMTPAuthDisabled != nil && *u.SMTPAuthDisabled:
		return "Mailbox"
	case u.SMTPAuthDisabled == nil && u.tenant.SMTPAuthOff:
		return "Tenant"
	}
	return ""
}
