package sandbox

import (
	"encoding/json"
	"net/http"
)

// apiError is an answer of a Google API other than the wanted one, in the form
// of its first error format.
type apiError struct {
	Code    int         `json:"code"`
	Message string      `json:"message"`
	Errors  []errorItem `json:"errors,omitempty"`
	Status  string      `json:"status,omitempty"`
	Details []any       `json:"details,omitempty"`

	authenticate string // WWW-Authenticate
	retryAfter   string // Retry-After
	proxy        bool   // it is none of Google's
}

type errorItem struct {
	Message      string `json:"message"`
	Domain       string `json:"domain"`
	Reason       string `json:"reason"`
	Location     string `json:"location,omitempty"`
	LocationType string `json:"locationType,omitempty"`
}

// newError makes an error with one item; domain is "global" but for quotas.
func newError(code int, reason, text string) *apiError {
	domain := "global"
	switch reason {
	case "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded":
		domain = "usageLimits"
	}
	return &apiError{
		Code: code, Message: text, Status: rpcStatus(code),
		Errors: []errorItem{{Message: text, Domain: domain, Reason: reason}},
	}
}

// rpcStatus is the google.rpc name for a status.
func rpcStatus(code int) string {
	switch code {
	case http.StatusBadRequest:
		return "INVALID_ARGUMENT"
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case http.StatusInternalServerError:
		return "INTERNAL"
	case http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	case http.StatusGatewayTimeout:
		return "DEADLINE_EXCEEDED"
	}
	return ""
}

func invalidArgument(text string) *apiError {
	return newError(http.StatusBadRequest, "invalidArgument", text)
}

func failedPrecondition(text string) *apiError {
	e := newError(http.StatusBadRequest, "failedPrecondition", text)
	e.Status = "FAILED_PRECONDITION"
	return e
}

func invalidCredentials() *apiError {
	e := newError(http.StatusUnauthorized, "authError", "Invalid Credentials")
	e.Errors[0].Location, e.Errors[0].LocationType = "Authorization", "header"
	e.authenticate = `Bearer realm="https://accounts.google.com/", error="invalid_token"`
	return e
}

func insufficientScope(m method) *apiError {
	e := newError(http.StatusForbidden, "insufficientPermissions", "Request had insufficient authentication scopes.")
	e.Errors[0].Message = "Insufficient Permission"
	e.Details = []any{map[string]any{
		"@type":  "type.googleapis.com/google.rpc.ErrorInfo",
		"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
		"domain": "googleapis.com",
		"metadata": map[string]string{
			"service": "gmail.googleapis.com",
			"method":  "caribou.api.proto.MailboxService." + m.name,
		},
	}}
	e.authenticate = `Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="` + m.scopes[0] + `"`
	return e
}

func notFound() *apiError {
	return newError(http.StatusNotFound, "notFound", "Requested entity was not found.")
}

func tooLarge() *apiError {
	return newError(http.StatusRequestEntityTooLarge, "uploadTooLarge", "Request Entity Too Large")
}

// backendError is a failure of Google's own.
func backendError(code int) *apiError { return newError(code, "backendError", "Backend Error") }

// write answers with the error.
func (e *apiError) write(w http.ResponseWriter) {
	if e.proxy {
		writeProxy(w, e.Code)
		return
	}
	if e.authenticate != "" {
		w.Header().Set("WWW-Authenticate", e.authenticate)
	}
	if e.retryAfter != "" {
		w.Header().Set("Retry-After", e.retryAfter)
	}
	writeJSON(w, e.Code, struct {
		Error *apiError `json:"error"`
	}{e})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client may have gone
}
