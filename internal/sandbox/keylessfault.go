package sandbox

import "net/http"

// stsFault finds the answer of Google's Security Token Service that the fault sts.NAME
// asks for; nil where there is none.
func stsFault(name string) *tokenError {
	for _, e := range stsFaults() {
		if e.name == name {
			return &e.tokenError
		}
	}
	return nil
}

const stsOff = "Security Token Service API has not been used in project 117 before or it is disabled. Enable it by visiting " +
	"https://console.developers.google.com/apis/api/sts.googleapis.com/overview?project=117 then retry."

// stsFaults are its answers
// (cloud.google.com/iam/docs/troubleshooting-workload-identity-federation).
func stsFaults() []namedTokenError {
	const bad, forbidden = http.StatusBadRequest, http.StatusForbidden
	says := func(name string, status int, code, text string) namedTokenError {
		return namedTokenError{name, tokenError{status: status, Code: code, Description: text}}
	}
	return []namedTokenError{
		says("busy", http.StatusTooManyRequests, "too_many_requests", "Too Many Requests"),
		says("too_often", forbidden, "RATE_LIMIT_EXCEEDED", "Quota exceeded."),
		says("down", http.StatusServiceUnavailable, "unavailable", "The service is currently unavailable."),
		says("trouble", bad, "temporarily_unavailable", "Try again later."),
		says("api_off", forbidden, "forbidden", stsOff),
		says("service_disabled", forbidden, "SERVICE_DISABLED", "The service is off."),
		says("pool", bad, "invalid_target", "The target service indicated by the \"audience\" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist."),
		says("audience", bad, "invalid_grant", "The audience in ID Token [other] does not match the expected audience."),
		says("stale", bad, "invalid_grant", "ID Token issued at 1700000000 is stale to sign-in."),
		says("issuer", bad, "invalid_grant", "The issuer in ID Token https://other.example does not match the expected ones."),
		says("condition", http.StatusUnauthorized, "unauthorized_client", "The given credential is rejected by the attribute condition."),
		says("rejected", http.StatusUnauthorized, "unauthorized_client", "The given credential is rejected."),
		says("mapping", bad, "invalid_grant", "The size of mapped attribute google.subject exceeds the 127 bytes limit."),
		says("refused", bad, "invalid_grant", "Something that nobody has seen yet"),
		{"strange", tokenError{status: forbidden, Code: "proxy", proxy: true}},
	}
}

// signFault finds the answer of IAM Credentials that the fault sign_jwt.NAME asks for;
// nil where there is none.
func signFault(name string) *apiError {
	for _, e := range signFaults() {
		if e.name == name && e.name == "strange" {
			return &apiError{Code: e.status, proxy: true}
		}
		if e.name == name {
			bad := newError(e.status, e.reason, e.text)
			bad.Details = []any{map[string]string{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": e.reason, "domain": "googleapis.com"}}
			return bad
		}
	}
	return nil
}

const iamOff = "IAM Service Account Credentials API has not been used in project 117 before or it is disabled. Enable it by visiting " +
	"https://console.developers.google.com/apis/api/iamcredentials.googleapis.com/overview?project=117 then retry."

// signFaults are its answers to signJwt
// (cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signJwt).
func signFaults() []namedGmailError {
	const forbidden = http.StatusForbidden
	return []namedGmailError{
		{"busy", http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "Quota exceeded."},
		{"too_often", forbidden, "RATE_LIMIT_EXCEEDED", "Quota exceeded."},
		{"down", http.StatusServiceUnavailable, "UNAVAILABLE", "The service is currently unavailable."},
		{"api_off", forbidden, "forbidden", iamOff},
		{"service_disabled", forbidden, "SERVICE_DISABLED", "The service is off."},
		{"scopes", forbidden, "forbidden", "Request had insufficient authentication scopes."},
		{"scopes_other", forbidden, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "Scopes are missing."},
		{"not_allowed", forbidden, "forbidden", "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist)."},
		{"permission", forbidden, "IAM_PERMISSION_DENIED", "Permission denied."},
		{"no_account", http.StatusNotFound, "NOT_FOUND", "Requested entity was not found."},
		{"caller", http.StatusUnauthorized, "UNAUTHENTICATED", "Request had invalid authentication credentials."},
		{"refused", http.StatusBadRequest, "INVALID_ARGUMENT", "Something that nobody has seen yet"},
		{"strange", http.StatusForbidden, "", ""},
	}
}
