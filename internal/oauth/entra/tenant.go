package entra

import (
	"regexp"
	"strings"
)

// The words that stand in a tenant's place for users of more than one.
const (
	Common        = "common"        // any user
	Organizations = "organizations" // users of work and school
	Consumers     = "consumers"     // personal accounts
)

// consumerTenant is the directory of all personal accounts
// (learn.microsoft.com/entra/identity-platform/id-token-claims-reference, tid).
const consumerTenant = "9188040d-6c67-4c5b-b112-36a304b66dad"

var (
	guidForm   = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	domainForm = regexp.MustCompile(`^([0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?\.)+[A-Za-z][0-9A-Za-z-]*[0-9A-Za-z]$`)
)

func isGUID(s string) bool { return guidForm.MatchString(s) }

// OneTenant tells whether a tenant is a directory of its own, rather than a word for
// many. An app can act by itself in such a one alone.
func OneTenant(tenant string) bool {
	switch strings.ToLower(tenant) {
	case Common, Organizations, Consumers:
		return false
	}
	return tenant != ""
}

// tenantsPage is where the id of a tenant stands.
const tenantsPage = "https://entra.microsoft.com > Identity > Overview"

// tenantProblem says what is wrong with a tenant; nothing for a good one.
func tenantProblem(tenant string) string {
	switch {
	case tenant == "":
		return "is missing: the Directory (tenant) ID at " + tenantsPage + ", or a domain of the organisation"
	case isGUID(tenant), !OneTenant(tenant), domainForm.MatchString(tenant) && len(tenant) <= 253:
		return ""
	case strings.Contains(tenant, "://"):
		return "is an address: give only the Directory (tenant) ID or the domain that stands in it"
	case strings.Contains(tenant, "@"):
		return "is a mailbox: give the domain after the @, or the Directory (tenant) ID at " + tenantsPage
	}
	return "is neither a GUID nor a domain, nor common, organizations or consumers: " +
		"copy the Directory (tenant) ID at " + tenantsPage + "; the tenant's display name does not do"
}
