package sandbox

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// MicrosoftDomain is the domain of the tenant that is there from the start, and
// MicrosoftConsumer that of personal accounts. Each of their addresses is a user
// with a mailbox, but for nobody@ (no such user) and no-mailbox@ (no Exchange
// licence).
const (
	MicrosoftDomain   = "contoso.example"
	MicrosoftConsumer = "outlook.example"
)

// consumerTenant is the id of the tenant in which all personal accounts are.
const consumerTenant = "9188040d-6c67-4c5b-b112-36a304b66dad"

// TenantOptions say what directory to make. The zero value of each is the usual.
type TenantOptions struct {
	// ID is a GUID; one is made where it is empty.
	ID string `json:"id"`
	// Domain is the verified one.
	Domain string `json:"domain"`
	// Cloud is "" or "global", "usgov", "dod" or "china": tokens are given for
	// resources of this cloud alone.
	Cloud string `json:"cloud"`
	// AnyUser makes each address of the domain a user with a mailbox.
	AnyUser bool `json:"any_user"`
	// NoExchange is a tenant without Exchange Online: tokens for Outlook are refused
	// with AADSTS500011.
	NoExchange bool `json:"no_exchange"`
	// NoDeviceFlow is Conditional Access that blocks the device code flow.
	NoDeviceFlow bool `json:"no_device_flow"`
	// SMTPAuthOff is Set-TransportConfig -SmtpClientAuthenticationDisabled $true.
	SMTPAuthOff bool `json:"smtp_auth_off"`
	// PerMinute is how many messages a mailbox may submit by SMTP in RateWindow: 30
	// in a minute where they are 0, and any number when it is below 0.
	PerMinute  int           `json:"per_minute"`
	RateWindow time.Duration `json:"rate_window"`
	// RefuseOverRate refuses what is above PerMinute, as older texts of Microsoft
	// have it; otherwise it is delayed.
	RefuseOverRate bool `json:"refuse_over_rate"`
	// RewriteFrom replaces the author of a MIME message sent through Graph by the
	// mailbox, as some report; otherwise the right to send as the author is asked for.
	RewriteFrom bool `json:"rewrite_from"`
	// WrongAudience is the AADSTS code for a client assertion with another aud: 700023
	// where it is 0. It is what users report; Microsoft does not document it.
	WrongAudience int `json:"wrong_audience"`
}

// tenant is a directory with its part of Exchange.
type tenant struct {
	TenantOptions
	users      map[string]*entraUser // by address and alias
	principals map[string]*principal // by client id: enterprise applications
	exchange   exchange
}

var (
	guidForm   = regexp.MustCompile(`^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)
	domainForm = regexp.MustCompile(`^([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+$`)
)

// guidOf makes a GUID out of a name, always the same one.
func guidOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func newGUID() string { return guidOf(randomHex(16)) }

func (o TenantOptions) check() error {
	switch {
	case o.ID != "" && !guidForm.MatchString(o.ID):
		return fmt.Errorf("the tenant's id %q is no GUID", o.ID)
	case !domainForm.MatchString(o.Domain):
		return fmt.Errorf("the tenant's domain %q is no domain", o.Domain)
	case !slices.Contains([]string{"", "global", "usgov", "dod", "china"}, o.Cloud):
		return fmt.Errorf("cloud must be global, usgov, dod or china, not %q", o.Cloud)
	}
	return nil
}

// AddTenant makes a directory and returns its id.
func (w *World) AddTenant(o TenantOptions) (id string, err error) { return w.microsoft.addTenant(o) }

func (m *microsoft) addTenant(o TenantOptions) (string, error) {
	if err := o.check(); err != nil {
		return "", err
	}
	if o.ID == "" {
		o.ID = newGUID()
	}
	o.ID, o.Domain = strings.ToLower(o.ID), strings.ToLower(o.Domain)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tenants[o.ID] != nil || m.tenants[o.Domain] != nil {
		return "", errors.New("there is a tenant with this id or domain already")
	}
	t := &tenant{
		TenantOptions: o, users: map[string]*entraUser{}, principals: map[string]*principal{},
		exchange: newExchange(),
	}
	m.tenants[o.ID], m.tenants[o.Domain] = t, t
	return o.ID, nil
}

func (m *microsoft) addFirstTenants() {
	for _, o := range []TenantOptions{
		{ID: guidOf("tenant " + MicrosoftDomain), Domain: MicrosoftDomain, AnyUser: true},
		{ID: consumerTenant, Domain: MicrosoftConsumer, AnyUser: true},
	} {
		if _, err := m.addTenant(o); err != nil {
			panic("sandbox: make the first tenants: " + err.Error()) // they are well-formed and the first
		}
	}
}

// MicrosoftTenant is the id of the tenant of MicrosoftDomain.
func (w *World) MicrosoftTenant() string { return guidOf("tenant " + MicrosoftDomain) }

// ChangeTenant changes what a tenant, named by id or domain, does from now on; its
// id and domain stay.
func (w *World) ChangeTenant(tenant string, change func(*TenantOptions)) error {
	return w.microsoft.changeTenant(tenant, change)
}

func (m *microsoft) changeTenant(name string, change func(*TenantOptions)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tenants[strings.ToLower(name)]
	if t == nil {
		return fmt.Errorf("there is no tenant %q", name)
	}
	o := t.TenantOptions
	change(&o)
	if err := o.check(); err != nil {
		return err
	}
	o.ID, o.Domain = t.ID, t.Domain
	t.TenantOptions = o
	return nil
}

// authority is the first segment of an address of Entra: one tenant, or one of the
// words common, organizations and consumers.
type authority struct {
	segment string
	tenant  *tenant // nil for common and organizations
}

// authority finds the tenant of an address. It runs under the lock.
func (m *microsoft) authority(segment string) (authority, *entraError) {
	a := authority{segment: strings.ToLower(segment)}
	switch a.segment {
	case "common", "organizations":
		return a, nil
	case "consumers":
		a.tenant = m.tenants[consumerTenant]
		return a, nil
	}
	if a.tenant = m.tenants[a.segment]; a.tenant != nil {
		return a, nil
	}
	if !guidForm.MatchString(segment) && !domainForm.MatchString(segment) {
		return a, aadsts(900023).saying("Specified tenant identifier '%s' is neither a valid DNS name, nor a valid external domain.", segment)
	}
	return a, aadsts(90002).saying("Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. "+
		"Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.", segment)
}
