package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gatepost/client"
	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// problem is an error as it is answered.
type problem struct {
	client.Problem
	retryAfter int // seconds
	closing    bool
}

// Errors of this door.
var (
	errNoSuchPath  = errors.New("there is nothing at this path")
	errWrongMethod = errors.New("this path does not take that method")
	errNotBearer   = fmt.Errorf("%w: the header must read Authorization: Bearer, followed by the API key", access.ErrUnauthenticated)
	errTooLarge    = errors.New("the body is too large")
	errOverloaded  = errors.New("too many bytes of requests are in hand at the moment")
	errStalled     = errors.New("the body did not arrive whole")
	errNotReady    = errors.New("the store does not take writes")
)

// unsupported says that a body is of a kind that is not taken.
type unsupported struct{ text string }

// Error implements error.
func (e *unsupported) Error() string { return e.text }

// tooManyLogins says that a key is wrong, and that there were many such from the
// same network.
type tooManyLogins struct {
	error
	wait time.Duration
}

// providerRefusal is what the provider said in place of an answer.
type providerRefusal struct{ *control.Refusal }

// malformed says that a body cannot be read at all.
type malformed struct{ text string }

// Error implements error.
func (e *malformed) Error() string { return e.text }

// wrongFields is what this door found wrong.
type wrongFields []email.Problem

// Error implements error.
func (w wrongFields) Error() string { return "some fields are wrong" }

func (w *wrongFields) add(field, message string) {
	*w = append(*w, email.Problem{Field: field, Message: message})
}

func invalid(ps []email.Problem) error {
	if len(ps) == 0 {
		return nil
	}
	return wrongFields(ps)
}

// kinds of problems; docs/api.md lists them.
func kind(status int, name, title string) *problem {
	return &problem{Problem: client.Problem{Type: "urn:gatepost:problem:" + name, Title: title, Status: status}}
}

func internalProblem() *problem {
	p := kind(http.StatusInternalServerError, "internal", "Something went wrong inside gatepost")
	p.Detail = "The log tells more under the request's id."
	return p
}

// problemOf translates every error that a request can end with. What is not
// known here is "internal": the log says what it was, the answer does not.
func problemOf(err error) *problem {
	if p := fieldProblem(err); p != nil {
		return p
	}
	if p := bodyProblem(err); p != nil {
		return p
	}
	if p := outsideProblem(err); p != nil {
		return p
	}
	if p := limitProblem(err); p != nil {
		return p
	}
	switch {
	case errors.Is(err, access.ErrNetwork):
		return told(kind(http.StatusForbidden, "network_not_allowed", "The API key may not be used from this network"), err)
	case errors.Is(err, access.ErrUnauthenticated):
		return told(kind(http.StatusUnauthorized, "unauthenticated", "The API key is missing or wrong"), err)
	case errors.Is(err, queue.ErrForbidden):
		return told(kind(http.StatusForbidden, "forbidden", "The API key may not do this"), err)
	case errors.Is(err, errNoSuchPath), errors.Is(err, queue.ErrNotFound):
		return kind(http.StatusNotFound, "not_found", "There is no such thing here")
	case errors.Is(err, errWrongMethod):
		return kind(http.StatusMethodNotAllowed, "method_not_allowed", "This path does not take that method")
	case errors.Is(err, queue.ErrNotHeld):
		return kind(http.StatusConflict, "not_held", "The message is not held")
	case errors.Is(err, control.ErrInUse):
		return told(kind(http.StatusConflict, "in_use", "It is in use"), err)
	case errors.Is(err, control.ErrLinkClosed):
		return told(kind(http.StatusConflict, "link_closed", "The connect link is closed"), err)
	case errors.Is(err, queue.ErrTooLate):
		return tooLate(err)
	case errors.Is(err, queue.ErrNothingToRetry):
		return kind(http.StatusConflict, "nothing_to_retry", "The message failed for no recipient")
	case errors.Is(err, queue.ErrShredded):
		return told(kind(http.StatusGone, "gone", "The message's content is gone"), err)
	case errors.Is(err, queue.ErrKeyReused):
		return told(kind(http.StatusUnprocessableEntity, "idempotency_key_reused", "The idempotency key stands for another request"), err)
	case errors.Is(err, errOverloaded), errors.Is(err, queue.ErrOverloaded), errors.Is(err, queue.ErrBusy),
		errors.Is(err, errNotReady), queue.Unavailable(err):
		return busyProblem()
	case queue.StorageFull(err):
		p := kind(http.StatusInsufficientStorage, "storage_full", "The disk of gatepost is full")
		p.Detail, p.retryAfter = "Nothing was kept. Send the same request again when there is room; whoever operates gatepost has to make it.", 30
		return p
	}
	return internalProblem()
}

// limitProblem tells who has to wait, and how long.
func limitProblem(err error) *problem {
	var logins *tooManyLogins
	var over *queue.OverKey
	switch {
	case errors.As(err, &logins):
		p := told(kind(http.StatusTooManyRequests, "too_many_logins", "Too many wrong API keys came from this network"), logins)
		p.retryAfter = seconds(logins.wait)
		return p
	case errors.As(err, &over):
		p := told(kind(http.StatusTooManyRequests, "key_limit", "The API key may not send more at the moment"), over)
		p.Detail += ". Nothing was kept."
		p.retryAfter = seconds(time.Until(over.Until))
		return p
	}
	return nil
}

// seconds are whole ones, at least one of them: a client that comes a little early
// comes in vain.
func seconds(d time.Duration) int { return max(1, int((d+time.Second-1)/time.Second)) }

func busyProblem() *problem {
	p := kind(http.StatusServiceUnavailable, "busy", "gatepost cannot take this at the moment")
	p.Detail, p.retryAfter = "Nothing was kept. Send the same request again a little later.", 1
	return p
}

// told makes the error's own words the detail; they hold nothing of the request.
func told(p *problem, err error) *problem {
	p.Detail = err.Error()
	return p
}

// tooLate says why, after the title; what was tried, the client knows.
func tooLate(err error) *problem {
	p := kind(http.StatusConflict, "too_late", "It is too late for that")
	_, p.Detail, _ = strings.Cut(err.Error(), queue.ErrTooLate.Error()+": ")
	return p
}

func fieldProblem(err error) *problem {
	list, ok := findings(err)
	if !ok {
		return nil
	}
	p := kind(http.StatusUnprocessableEntity, "invalid", "Some fields are wrong")
	p.Detail = "Nothing was kept; errors names each field."
	for _, f := range list {
		p.Errors = append(p.Errors, client.FieldError(f))
	}
	return p
}

func bodyProblem(err error) *problem {
	var n *notJSON
	var m *malformed
	var u *unsupported
	var p *problem
	switch {
	case errors.As(err, &n), errors.As(err, &m), errors.Is(err, errStalled):
		p = told(kind(http.StatusBadRequest, "malformed", "The body cannot be read"), err)
	case errors.As(err, &u):
		p = told(kind(http.StatusUnsupportedMediaType, "unsupported", "The body is of a kind that is not taken"), err)
	case errors.Is(err, errTooLarge):
		p = told(kind(http.StatusRequestEntityTooLarge, "too_large", "The body is too large"), err)
	default:
		return nil
	}
	p.closing = errors.Is(err, errTooLarge) || errors.Is(err, errStalled)
	return p
}

// outsideProblem tells what a provider refused, or somebody in front of a browser.
func outsideProblem(err error) *problem {
	var refusal *control.Refusal
	var provider *providerRefusal
	switch {
	case errors.As(err, &provider):
		p := told(kind(http.StatusBadGateway, "provider", "The provider refused or did not answer"), provider)
		p.Cause = provider.Cause
		return p
	case errors.As(err, &refusal):
		p := told(kind(http.StatusUnprocessableEntity, "consent_refused", "The consent led to no account"), refusal)
		p.Cause = refusal.Cause
		return p
	case errors.Is(err, queue.ErrNoAliases):
		return told(kind(http.StatusConflict, "no_aliases", "The provider does not tell that"), err)
	}
	return nil
}

// fail answers a request that ended with an error.
func (c *call) fail(err error) {
	p := problemOf(err)
	switch gone := c.r.Context().Err() != nil; {
	case gone: // nobody reads the answer
		c.s.Log.Info("a request was given up by its client", "request", c.id, "err", err)
	case p.Status == http.StatusInternalServerError || errors.Is(err, errNotReady) || queue.Unavailable(err) || queue.StorageFull(err):
		c.s.Log.Error("a request failed", "request", c.id, "err", err)
	}
	if p.Status == http.StatusUnauthorized {
		c.w.Header().Set("WWW-Authenticate", challenge(c.r.Header.Get("Authorization")))
	}
	c.writeProblem(p)
}

// challenge is that of RFC 6750 section 3: without a key no reason is given.
func challenge(authorization string) string {
	if strings.TrimSpace(authorization) == "" {
		return `Bearer realm="gatepost"`
	}
	return `Bearer realm="gatepost", error="invalid_token"`
}

func (c *call) writeProblem(p *problem) {
	p.Request = c.id
	b, err := json.Marshal(p.Problem)
	if err != nil {
		b = []byte("{}") // strings and numbers cannot fail
	}
	if p.retryAfter > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.closing {
		c.stopReading()
	}
	c.write(p.Status, "application/problem+json", append(b, '\n'))
}

// stopReading leaves the rest of the body unread, of which the library would read
// 256 KB more to keep the connection.
func (c *call) stopReading() {
	c.w.Header().Set("Connection", "close")
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Unix(1, 0)) // where it cannot be set a little is read
}
