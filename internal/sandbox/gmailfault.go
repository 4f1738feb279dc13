package sandbox

import "net/http"

// namedGmailError is an answer of the Gmail API that the faults gmail.NAME and
// gmail_draft.NAME ask for.
type namedGmailError struct {
	name         string
	status       int
	reason, text string
}

// gmailFault finds one by its name; nil where there is none.
func gmailFault(name string) *apiError {
	for _, e := range gmailFaults() {
		if e.name == name {
			return newError(e.status, e.reason, e.text)
		}
	}
	return nil
}

const apiOffLink = "https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project=117"

// gmailFaults are the answers of the Gmail API
// (developers.google.com/workspace/gmail/api/guides/handle-errors), and those of the
// issue trackers of Google's clients.
func gmailFaults() []namedGmailError {
	const bad, forbidden, many = http.StatusBadRequest, http.StatusForbidden, http.StatusTooManyRequests
	return []namedGmailError{
		{"mail_off", bad, "failedPrecondition", "Mail service not enabled"},
		{"precondition", bad, "failedPrecondition", "Precondition check failed."},
		{"precondition_other", bad, "failedPrecondition", "Failed precondition"},
		{"delegation", forbidden, "forbidden", "Delegation denied for somebody@" + Domain},
		{"scopes", forbidden, "insufficientPermissions", "Request had insufficient authentication scopes."},
		{"scopes_other", forbidden, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "Scopes are missing."},
		{"api_off", forbidden, "accessNotConfigured", "Gmail API has not been used in project 117 before or it is disabled. Enable it by visiting " + apiOffLink + " then retry."},
		{"service_disabled", forbidden, "SERVICE_DISABLED", "Enable the service at " + apiOffLink + "."},
		{"domain_policy_other", forbidden, "domainPolicy", "Not in this organization."},
		{"domain_policy", forbidden, "domainPolicy", "The domain administrators have disabled Gmail apps."},
		{"credentials", http.StatusUnauthorized, "authError", "Invalid Credentials"},
		{"daily", forbidden, "dailyLimitExceeded", "Daily Limit Exceeded"},
		{"concurrent", many, "rateLimitExceeded", "Too many concurrent requests for user"},
		{"sending", many, "rateLimitExceeded", "User-rate limit exceeded.  Retry after 2020-01-02T03:04:05.000Z (Mail sending)"},
		{"exhausted", many, "rateLimitExceeded", "Resource has been exhausted (e.g. check quota)."},
		{"user_rate", forbidden, "userRateLimitExceeded", "User Rate Limit Exceeded"},
		{"rate", forbidden, "rateLimitExceeded", "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service 'gmail.googleapis.com' for consumer 'project_number:117'."},
		{"slow_down", many, "tooManyRequests", "Too many requests"},
		{"forbidden", forbidden, "forbidden", "Forbidden"},
		{"thread_gone", http.StatusNotFound, "threadNotFound", "The thread was not found."},
		{"thread", bad, "invalidArgument", "Invalid thread_id value"},
		{"no_recipient", bad, "invalidArgument", "Recipient address required"},
		{"to_header", bad, "invalidArgument", "Invalid To header"},
		{"too_large", http.StatusRequestEntityTooLarge, "uploadTooLarge", "Request payload size exceeds the limit: 36700160 bytes."},
		{"too_large_400", bad, "uploadTooLarge", "Upload too large"},
		{"invalid", bad, "invalidArgument", "'raw' RFC822 payload message string or uploading message via /upload/* URL required"},
		{"timeout", http.StatusRequestTimeout, "requestTimeout", "Request Timeout"},
		{"conflict", http.StatusConflict, "conflict", "Something that nobody has seen yet"},
		{"backend", http.StatusServiceUnavailable, "backendError", "Backend Error"},
	}
}
