package sandbox

import "net/http"

// namedTokenError is an answer of Google's token endpoint that the fault
// google_token.NAME asks for.
type namedTokenError struct {
	name string
	tokenError
}

// googleTokenFault finds one by its name; nil where there is none.
func googleTokenFault(name string) *tokenError {
	for _, e := range googleTokenFaults() {
		if e.name == name {
			return &e.tokenError
		}
	}
	return nil
}

// googleTokenFaults are the answers of Google's token endpoint, in its words or, where
// these are not documented, those of its clients' issue trackers
// (developers.google.com/identity/protocols/oauth2).
func googleTokenFaults() []namedTokenError {
	const bad, unauthorized = http.StatusBadRequest, http.StatusUnauthorized
	says := func(name string, status int, code, text string) namedTokenError {
		return namedTokenError{name, tokenError{status: status, Code: code, Description: text}}
	}
	return []namedTokenError{
		says("revoked", bad, "invalid_grant", textRevoked),
		says("bad_request", bad, "invalid_grant", "Bad Request"),
		says("malformed_code", bad, "invalid_grant", "Malformed auth code."),
		says("verifier", bad, "invalid_grant", "Invalid code verifier."),
		says("user", bad, "invalid_grant", "Invalid email or User ID"),
		says("not_an_address", bad, "invalid_grant", "Not a valid email or user ID."),
		says("clock", bad, "invalid_grant", textTimes),
		says("signature", bad, "invalid_grant", textSignature),
		says("issuer", bad, "invalid_grant", "Invalid JWT: No valid verifier found for issuer."),
		says("no_account", bad, "invalid_grant", "Invalid grant: account not found"),
		says("audience", bad, "invalid_grant", "Invalid JWT: Failed audience check."),
		says("session", bad, "invalid_grant", "reauth related error (invalid_rapt)"),
		says("rapt", bad, "invalid_rapt", "reauth is required"),
		says("user_deleted", bad, "invalid_grant", "The account has been deleted"),
		says("user_forbidden", http.StatusForbidden, "invalid_account", "Forbidden"),
		says("user_gone", bad, "invalid_account", "Account is not active"),
		says("delegation", unauthorized, "unauthorized_client", textDelegation),
		says("delegation_scope", unauthorized, "unauthorized_client", "Unauthorized client or scope in request."),
		says("unauthorized", unauthorized, "unauthorized_client", "Unauthorized"),
		says("scope", bad, "invalid_scope", "Some requested scopes were invalid."),
		says("scope_audience", bad, "invalid_scope", "Invalid OAuth scope or ID token audience provided."),
		says("client", unauthorized, "invalid_client", "The OAuth client was not found."),
		says("client_secret", unauthorized, "invalid_client", "Unauthorized"),
		says("client_deleted", unauthorized, "deleted_client", "The OAuth client was deleted."),
		says("impersonation", bad, "invalid_request", "Invalid impersonation prn email address."),
		says("principal", bad, "invalid_request", "Invalid principal"),
		says("principal_grant", bad, "invalid_grant", "Invalid principal"),
		says("redirect", bad, "redirect_uri_mismatch", "Bad Request"),
		says("policy", bad, "admin_policy_enforced", "Access to your account data is restricted by policies within your organization."),
		says("internal_app", http.StatusForbidden, "org_internal", "This client is restricted to users within its organization."),
		says("blocked", unauthorized, "access_denied", "Requested client not authorized"),
		says("restricted", http.StatusForbidden, "access_denied", "Account restricted"),
		says("denied", http.StatusForbidden, "access_denied", "The user did not consent."),
		says("invalid_token", bad, "invalid_token", "Invalid Value"),
		says("consent", bad, "consent_required", "Consent is required."),
		says("slow_down", http.StatusForbidden, "rate_limit_exceeded", "Rate Limit Exceeded"),
		says("busy", http.StatusTooManyRequests, "too_many_requests", "Too Many Requests"),
		says("trouble", http.StatusInternalServerError, "internal_failure", "Backend Error"),
		says("down", http.StatusServiceUnavailable, "unavailable", "Service Unavailable"),
		says("grant_other", bad, "invalid_grant", "Something that nobody has seen yet"),
		says("other", bad, "invalid_something", "Something that nobody has seen yet"),
	}
}
