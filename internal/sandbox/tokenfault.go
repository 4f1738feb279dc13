package sandbox

import (
	"context"
	"net/http"
)

// tokenPlan does what shall go wrong at the token endpoint with a call that is
// otherwise good. refused is the description of the fault token_refused.
func (g *google) tokenPlan(user, refused string) (plan, *tokenError) {
	p := g.faults.plan(question{stage: atToken, via: viaGmail, accounts: []string{user}})
	if slow, ok := p.modifier(faultTokenSlow); ok {
		wait(g.ctx, context.Background(), slow.millis(slowMillis))
	}
	switch p.outcome.name {
	case faultTokenRefused:
		return p, badGrant(refused)
	case faultReauth:
		bad := badGrant("reauth related error (invalid_rapt)")
		bad.Subtype = "invalid_rapt"
		return p, bad
	case faultAdminPolicy:
		return p, &tokenError{status: http.StatusBadRequest, Code: "admin_policy_enforced", Description: "Access to your account data is restricted by policies within your organization."}
	case faultClientDeleted:
		return p, &tokenError{status: http.StatusUnauthorized, Code: "deleted_client", Description: "The OAuth client was deleted."}
	case faultClientDisabled:
		return p, &tokenError{status: http.StatusUnauthorized, Code: "disabled_client", Description: "The OAuth client was disabled."}
	case faultGoogleToken:
		return p, googleTokenFault(p.outcome.arg)
	case faultTokenProxy:
		return p, &tokenError{status: p.outcome.proxyStatus(), Code: "proxy", proxy: true}
	case faultTokenError:
		return p, tokenTrouble(p.outcome.number(serverErrorAs))
	}
	return p, nil
}

// tokenTrouble is a failure of the token endpoint itself.
func tokenTrouble(status int) *tokenError {
	if status == http.StatusTooManyRequests {
		return &tokenError{status: status, Code: "rate_limit_exceeded", Description: "Rate Limit Exceeded"}
	}
	return &tokenError{status: status, Code: "internal_failure", Description: "Backend Error"}
}
