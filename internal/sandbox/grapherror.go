package sandbox

import (
	"net/http"
	"strconv"
	"time"
)

// graphError is an answer of Microsoft Graph other than the wanted one
// (learn.microsoft.com/graph/errors).
type graphError struct {
	status       int
	code, text   string
	retryAfter   int // seconds; 0 for none
	authenticate string
	at           time.Time
	proxy        bool // it is none of Microsoft's
}

func (m *microsoft) newGraphError(status int, code, text string) *graphError {
	return &graphError{status: status, code: code, text: text, at: m.now()}
}

// write answers with the error.
func (e *graphError) write(w http.ResponseWriter, r *http.Request) {
	if e.proxy {
		writeProxy(w, e.status)
		return
	}
	if e.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.retryAfter))
	}
	if e.authenticate != "" {
		w.Header().Set("WWW-Authenticate", e.authenticate)
	}
	id := newGUID()
	client := r.Header.Get("Client-Request-Id")
	if client == "" {
		client = id
	}
	w.Header().Set("Request-Id", id)
	w.Header().Set("Client-Request-Id", client)
	writeJSON(w, e.status, map[string]any{"error": map[string]any{
		"code": e.code, "message": e.text,
		"innerError": map[string]string{
			"date": e.at.UTC().Format("2006-01-02T15:04:05"), "request-id": id, "client-request-id": client,
		},
	}})
}

func (m *microsoft) badToken(text string) *graphError {
	e := m.newGraphError(http.StatusUnauthorized, "InvalidAuthenticationToken", text)
	e.authenticate = `Bearer realm="", authorization_uri="` + m.url + `/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`
	return e
}

const (
	textDenied  = "Access is denied. Check credentials and try again."
	textPolicy  = "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings."
	textSendAs  = "The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account."
	textNoREST  = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
	textBusy    = "Application is over its MailboxConcurrency limit."
	textMissing = "The specified object was not found in the store."
	textMe      = "/me request is only valid with delegated authentication flow."
)

func (m *microsoft) denied() *graphError {
	return m.newGraphError(http.StatusForbidden, "ErrorAccessDenied", textDenied)
}

func (m *microsoft) noItem() *graphError {
	return m.newGraphError(http.StatusNotFound, "ErrorItemNotFound", textMissing)
}

func (m *microsoft) badBody(text string) *graphError {
	return m.newGraphError(http.StatusBadRequest, "RequestBodyRead", text)
}

// namedGraphError is an answer that the fault graph.NAME asks for.
type namedGraphError struct {
	name         string
	status       int
	code, text   string
	retryAfter   int
	authenticate string
}

// graphFault finds one by its name.
func graphFault(name string) (namedGraphError, bool) {
	for _, e := range graphFaults() {
		if e.name == name {
			return e, true
		}
	}
	return namedGraphError{}, false
}

func graphFaults() []namedGraphError {
	return []namedGraphError{
		{name: "send_as", status: http.StatusForbidden, code: "ErrorSendAsDenied", text: textSendAs},
		{name: "policy", status: http.StatusForbidden, code: "ErrorAccessDenied", text: textPolicy},
		{name: "denied", status: http.StatusForbidden, code: "ErrorAccessDenied", text: textDenied},
		{name: "no_permissions", status: http.StatusUnauthorized, code: "NoPermissionsInAccessToken", text: "The token contains no permissions, or permissions can not be understood."},
		{name: "no_identity", status: http.StatusForbidden, code: "Authorization_IdentityNotFound", text: "The identity of the calling application could not be established."},
		{name: "no_organization", status: http.StatusNotFound, code: "OrganizationFromTenantGuidNotFound", text: "The tenant for tenant guid does not exist."},
		{name: "no_rest", status: http.StatusNotFound, code: "MailboxNotEnabledForRESTAPI", text: textNoREST},
		{name: "no_rest_yet", status: http.StatusNotFound, code: "MailboxNotEnabledForRESTAPI", text: "REST API is not yet supported for this mailbox."},
		{name: "concurrency", status: http.StatusTooManyRequests, code: "ApplicationThrottled", text: textBusy, retryAfter: 1},
		{name: "throttled", status: http.StatusTooManyRequests, code: "TooManyRequests", text: "Too many requests. Please retry after the time that Retry-After names.", retryAfter: 10},
		{name: "activity", status: http.StatusTooManyRequests, code: "activityLimitReached", text: "The app or user has been throttled.", retryAfter: 10},
		{name: "audience", status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", text: "Access token validation failure. Invalid audience."},
		{name: "expired", status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", text: "Lifetime validation failed, the token is expired."},
		{name: "claims", status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", text: "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp", authenticate: `Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ=="`},
		{name: "message_limit", status: http.StatusTooManyRequests, code: "ErrorExceededMessageLimit", text: "Cannot send mail. Daily Message limit exceeded. Follow the instructions in your Inbox to verify your account"},
		{name: "recipient_limit", status: http.StatusTooManyRequests, code: "ErrorExceededMessageLimit", text: "Cannot send mail. Daily Recipient limit exceeded. Follow the instructions in your Inbox to verify your account"},
		{name: "day_limit", status: http.StatusTooManyRequests, code: "ErrorExceededMessageLimit", text: "Cannot send mail. Daily limit exceeded."},
		{name: "attachment_size", status: http.StatusBadRequest, code: "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", text: "Attachment size must be greater than the minimum size."},
		{name: "mime", status: http.StatusBadRequest, code: "ErrorMimeContentInvalid", text: "Invalid MIME content."},
		{name: "submission_quota", status: http.StatusTooManyRequests, code: "ErrorSubmissionQuotaExceeded", text: "The message submission quota of the account was exceeded."},
		{name: "blocked", status: http.StatusForbidden, code: "ErrorMessageSubmissionBlocked", text: "Message submission is blocked for this mailbox."},
		{name: "quota", status: http.StatusInsufficientStorage, code: "ErrorQuotaExceeded", text: "The mailbox has exceeded its maximum mailbox size."},
		{name: "size", status: http.StatusRequestEntityTooLarge, code: "ErrorMessageSizeExceeded", text: "The message exceeds the maximum supported size."},
		{name: "recipients", status: http.StatusBadRequest, code: "ErrorInvalidRecipients", text: textRecipients},
		{name: "item", status: http.StatusNotFound, code: "ErrorItemNotFound", text: textMissing},
		{name: "user", status: http.StatusNotFound, code: "ErrorInvalidUser", text: "The requested user is invalid."},
		{name: "stale", status: http.StatusServiceUnavailable, code: "MailboxInfoStale", text: "Mailbox info is stale."},
		{name: "busy", status: http.StatusServiceUnavailable, code: "ErrorServerBusy", text: "The server cannot service this request right now. Try again later.", retryAfter: 10},
		{name: "unavailable", status: http.StatusServiceUnavailable, code: "serviceNotAvailable", text: "The service is temporarily unavailable. Please retry after the time that Retry-After names.", retryAfter: 10},
		{name: "internal", status: http.StatusInternalServerError, code: "ErrorInternalServerError", text: "An internal server error occurred. The operation failed."},
		{name: "timeout", status: http.StatusGatewayTimeout, code: "UnknownError", text: ""},
		{name: "directory", status: http.StatusForbidden, code: "Authorization_RequestDenied", text: "Insufficient privileges to complete the operation."},
	}
}

const textRecipients = "At least one recipient isn't valid., A message can't be sent until it contains at least one valid recipient."
