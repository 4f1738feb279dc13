package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// entraError is an answer of Entra ID other than the wanted one
// (learn.microsoft.com/entra/identity-platform/reference-error-codes).
type entraError struct {
	status int
	code   string // error
	number int    // AADSTS
	sub    string // suberror
	text   string
	claims string

	retryAfter int  // seconds
	proxy      bool // it is none of Microsoft's
}

// saying returns the error with a text of its own.
func (e *entraError) saying(format string, args ...any) *entraError {
	e.text = fmt.Sprintf(format, args...)
	return e
}

// Error is the line that Entra's page shows.
func (e *entraError) Error() string { return fmt.Sprintf("AADSTS%d: %s", e.number, e.text) }

// entraBody is the JSON of an error.
type entraBody struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Codes       []int  `json:"error_codes"`
	Timestamp   string `json:"timestamp"`
	Trace       string `json:"trace_id"`
	Correlation string `json:"correlation_id"`
	URI         string `json:"error_uri,omitempty"`
	Suberror    string `json:"suberror,omitempty"`
	Claims      string `json:"claims,omitempty"`
}

// body is the error as JSON. The correlation is the client's own where it sent one.
func (e *entraError) body(r *http.Request, at time.Time) entraBody {
	b := entraBody{
		Error: e.code, Codes: []int{e.number}, Timestamp: at.UTC().Format("2006-01-02 15:04:05Z"),
		Trace: newGUID(), Correlation: r.Header.Get("Client-Request-Id"),
		URI: "https://login.microsoftonline.com/error?code=" + strconv.Itoa(e.number), Suberror: e.sub, Claims: e.claims,
	}
	if !guidForm.MatchString(b.Correlation) {
		b.Correlation = newGUID()
	}
	b.Description = fmt.Sprintf("%s Trace ID: %s Correlation ID: %s Timestamp: %s", e.Error(), b.Trace, b.Correlation, b.Timestamp)
	return b
}

func (m *microsoft) refuseToken(w http.ResponseWriter, r *http.Request, e *entraError) {
	m.log.Info("token refused", "provider", "microsoft", "error", e.code, "aadsts", e.number)
	if e.proxy {
		writeProxy(w, e.status)
		return
	}
	if e.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.retryAfter))
	}
	w.Header().Set("Cache-Control", "no-store, no-cache")
	writeJSON(w, e.status, e.body(r, m.now()))
}

// missing is the error for a parameter that must be there.
func missing(name string) *entraError {
	return aadsts(900144).saying("The request body must contain the following parameter: '%s'.", name)
}
