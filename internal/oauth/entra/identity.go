package entra

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth/endpoint"
)

// claims are what is read of an ID token
// (learn.microsoft.com/entra/identity-platform/id-token-claims-reference).
type claims struct {
	Issuer   string            `json:"iss"`
	Audience endpoint.Audience `json:"aud"`
	Expires  int64             `json:"exp"`
	Nonce    string            `json:"nonce"`
	Object   string            `json:"oid"`
	Tenant   string            `json:"tid"`
	Email    string            `json:"email"`
	Username string            `json:"preferred_username"`
}

// identity reads who consented. The token came from the token endpoint itself over
// verified TLS, which stands in for its signature (OpenID Connect Core section
// 3.1.3.7, rule 6); everything else is compared.
func (a *App) identity(text string, check grantCheck, now time.Time) (who claims, err error) {
	if err := endpoint.ReadIDToken(text, &who); err != nil {
		return claims{}, err
	}
	switch {
	case !isGUID(who.Tenant), !check.at.issuedBy(a.cloud, who.Issuer, who.Tenant):
		return claims{}, fmt.Errorf("the ID token is from %q", endpoint.Clip(who.Issuer, 80))
	case len(who.Audience) != 1 || !strings.EqualFold(who.Audience[0], a.id):
		return claims{}, errors.New("the ID token is for another app")
	case !now.Before(time.Unix(who.Expires, 0).Add(clockSlack)):
		return claims{}, errors.New("the ID token has expired")
	case who.Nonce != check.nonce:
		return claims{}, errors.New("the ID token answers another request")
	case !a.takes(who.Tenant):
		return claims{}, fmt.Errorf("the user is of the tenant %s, and the app asks for users of %s", who.Tenant, a.tenant)
	case who.Object == "":
		return claims{}, errors.New("the ID token names no user")
	case who.address(a) == "":
		return claims{}, errors.New("the ID token names no mailbox")
	}
	return who, nil
}

// takes tells whether users of a tenant may be the ones who consented.
func (a *App) takes(tenant string) bool {
	switch {
	case a.tenant == Consumers:
		return strings.EqualFold(tenant, consumerTenant)
	case a.tenant == Organizations:
		return !strings.EqualFold(tenant, consumerTenant)
	case isGUID(a.tenant):
		return strings.EqualFold(tenant, a.tenant)
	}
	return true // common; and a domain, whose endpoint knows one tenant alone
}

// address is the user's mailbox. The claim email is what any administrator of any
// tenant may write into a user
// (learn.microsoft.com/entra/identity-platform/claims-validation): it counts where
// that is the app's own tenant or Microsoft's of personal accounts. Of users of other
// tenants the sign-in name counts, whose domain the tenant has proven to be its own.
func (w claims) address(a *App) string {
	names := []string{w.Username}
	if OneTenant(a.tenant) || strings.EqualFold(w.Tenant, consumerTenant) {
		names = []string{w.Email, w.Username}
	}
	for _, name := range names {
		if at, err := email.ParseAddress(name); err == nil && at.Name == "" {
			return at.Addr()
		}
	}
	return ""
}
