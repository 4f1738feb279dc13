package client

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// Problem is an error as RFC 9457 has it.
type Problem struct {
	Type    string       `json:"type" doc:"What kind of problem this is; stable." example:"urn:gatepost:problem:invalid"`
	Title   string       `json:"title" doc:"The kind in a few words." example:"Some fields are wrong"`
	Status  int          `json:"status" doc:"The HTTP status." example:"422"`
	Detail  string       `json:"detail,omitempty" doc:"What happened this time, and what to do."`
	Cause   string       `json:"cause,omitempty" doc:"Why, in a stable word, where a provider or a user's consent is the reason." example:"wrong_mailbox"`
	Request string       `json:"request_id" doc:"The request's id, as in the header X-Request-Id and in the log."`
	Errors  []FieldError `json:"errors,omitempty" doc:"Every field that is wrong."`
}

// FieldError says what is wrong with one field.
type FieldError struct {
	Field   string `json:"field" doc:"Path in the request, or the name of a header or query parameter." example:"to[1]"`
	Message string `json:"message" doc:"What is wrong with it." example:"no @ between local part and domain"`
}

// Error is a request that gatepost, or what stands before it, refused. Callers
// get it by errors.As; docs/api.md lists the kinds.
type Error struct {
	Problem
	RetryAfter time.Duration // 0: nothing was said
}

const problemPrefix = "urn:gatepost:problem:"

// Kind is the problem's kind in one stable word, such as invalid, not_found or
// too_late. It is empty when the answer was not gatepost's.
func (e *Error) Kind() string {
	kind, ok := strings.CutPrefix(e.Type, problemPrefix)
	if !ok {
		return ""
	}
	return kind
}

// Error implements error: what happened, every field that is wrong, and the
// request's id, by which the log can be searched.
func (e *Error) Error() string {
	s := e.Title
	if d := e.more(); len(e.Errors) == 0 && d != "" {
		s += ": " + d
	}
	for i, f := range e.Errors {
		s += separator(i) + f.Field + ": " + f.Message
	}
	if e.Request != "" {
		s += " (" + e.Request + ")"
	}
	return s
}

// more is the detail without the words that say the title again.
func (e *Error) more() string {
	again := map[string]string{
		"unauthenticated": "not authenticated", "forbidden": "this API key may not do that", "in_use": "in use",
		"too_late": "it is too late for that", "idempotency_key_reused": "this idempotency key was used for another request",
	}[e.Kind()]
	if again == "" {
		return e.Detail
	}
	return strings.TrimPrefix(strings.TrimPrefix(e.Detail, again), ": ")
}

func separator(i int) string {
	if i == 0 {
		return ": "
	}
	return "; "
}

func (e *Error) retryAfter() time.Duration {
	if e == nil {
		return 0
	}
	return e.RetryAfter
}

// maxProblem bounds what is read of an answer that is no success.
const maxProblem = 4 << 20

// errorOf reads an answer that is no success.
func errorOf(res *http.Response) error {
	e := &Error{RetryAfter: seconds(res.Header)}
	b, _ := io.ReadAll(io.LimitReader(res.Body, maxProblem)) // a part is better than nothing
	if json.Unmarshal(b, &e.Problem) != nil || !strings.HasPrefix(e.Type, problemPrefix) {
		e.Problem = foreign(res)
	}
	e.Status = res.StatusCode
	return e
}

// foreign is the problem of an answer that is not gatepost's: a proxy's, or that
// of another program at this address.
func foreign(res *http.Response) Problem {
	p := Problem{
		Type: "about:blank", Title: "the answer is not gatepost's", Request: res.Header.Get("X-Request-Id"),
		Detail: "status " + res.Status + "; is the address gatepost's?",
	}
	if to := res.Header.Get("Location"); res.StatusCode/100 == 3 && to != "" {
		p.Detail = "it leads elsewhere (status " + res.Status + "), which is not followed; give the address where gatepost itself answers"
	}
	return p
}
