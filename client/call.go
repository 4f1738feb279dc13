package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// request is one request to be made.
type request struct {
	method string
	path   string
	query  url.Values
	header http.Header
	body   []byte    // may be sent again
	stream io.Reader // in place of body: sent once
	repeat bool      // having it done twice is the same as once
	asks   bool      // gatepost asks a provider before it answers
	keys   []string  // of a submission: the idempotency keys of its messages
}

// maxAnswer bounds what is read of an answer into memory.
const maxAnswer = 64 << 20

func get(path string, query url.Values) request {
	return request{method: http.MethodGet, path: path, query: query, repeat: true}
}

func post(path string) request { return request{method: http.MethodPost, path: path} }

func remove(path string) request { return request{method: http.MethodDelete, path: path} }

// asking is the request when gatepost asks a provider before it answers.
func (r request) asking() request {
	r.asks = true
	return r
}

// at is the path of one thing, or of what can be done with it.
func at(collection, id, action string) string {
	path := "/v1/" + collection + "/" + url.PathEscape(id)
	if action != "" {
		path += "/" + action
	}
	return path
}

// with gives the request a JSON body.
func (r request) with(v any) (request, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return r, fmt.Errorf("write the request: %w", err)
	}
	r.body = b
	return r.set("Content-Type", "application/json"), nil
}

// set adds a header field, where it has a value.
func (r request) set(name, value string) request {
	if value == "" {
		return r
	}
	r.header = r.header.Clone()
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(name, value)
	return r
}

// send makes a request with a JSON body and reads the answer's.
func send[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	r, err := request{method: method, path: path}.with(body)
	if err != nil {
		var none T
		return none, err
	}
	return ask[T](ctx, c, r)
}

// ask makes a request and reads the JSON of its answer; an answer without a body
// is the zero value.
func ask[T any](ctx context.Context, c *Client, r request) (T, error) {
	out, _, err := answer[T](ctx, c, r)
	return out, err
}

// answer is ask with the header of the answer.
func answer[T any](ctx context.Context, c *Client, r request) (out T, header http.Header, err error) {
	doubts := doubts{keys: r.keys}
	for try := 1; ; try++ {
		out, header, err = once[T](ctx, c, r)
		doubts.add(err)
		if err == nil || !r.repeat || try == maxTries || !passes(ctx, err) {
			return out, header, doubts.judged(err)
		}
		var refused *Error
		_ = errors.As(err, &refused)
		if c.wait(ctx, waitBefore(try, refused.retryAfter())) != nil {
			return out, header, doubts.judged(err) // what gatepost said tells more than that time is up
		}
	}
}

func once[T any](ctx context.Context, c *Client, r request) (out T, header http.Header, err error) {
	res, err := c.do(ctx, r)
	if err != nil {
		return out, nil, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNoContent {
		return out, res.Header, nil
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return out, nil, &broken{what: c.what(r), err: err}
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return out, nil, fmt.Errorf("%s: the answer is not what gatepost answers: %w", c.what(r), err)
	}
	return out, res.Header, nil
}

// do makes a request once. An answer that is no success is an error.
func (c *Client) do(ctx context.Context, r request) (*http.Response, error) {
	res, err := c.try(ctx, r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close()
		return nil, errorOf(res)
	}
	return res, nil
}

func (c *Client) try(ctx context.Context, r request) (*http.Response, error) {
	p, t := wait(ctx, c.limit(r)), &trace{}
	req, err := c.wire(t.watch(p.ctx), r)
	if err != nil {
		p.release()
		return nil, &broken{what: c.what(r), err: reason(err), unseen: true}
	}
	req.Body = p.over(req.Body)
	if again := req.GetBody; again != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			return p.over(body), err
		}
	}
	res, err := c.http.Do(req)
	if err != nil {
		defer p.release()
		return nil, &broken{what: c.what(r), err: p.reason(reason(err)), unseen: t.unseen()}
	}
	return p.heard(res), nil
}

// wire is the request as net/http has it.
func (c *Client) wire(ctx context.Context, r request) (*http.Request, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	body := r.stream
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, err
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", c.agent)
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	return req, nil
}

// what names a request in errors: without the query, which has addresses in it.
func (c *Client) what(r request) string { return r.method + " " + c.base + r.path }

// reason takes off the library's mention of the address with its query.
func reason(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// broken says that no whole answer came.
type broken struct {
	what   string
	err    error
	unseen bool // nothing of the request can have left
}

// Error implements error.
func (b *broken) Error() string { return b.what + ": " + b.err.Error() }

// Unwrap gives the reason.
func (b *broken) Unwrap() error { return b.err }

// passes tells whether an error may be gone a little later.
func passes(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	var b *broken
	var refused *Error
	switch {
	case errors.As(err, &b):
		return !timedOut(b.err) && !mistaken(b.err)
	case errors.As(err, &refused) && (refused.Kind() == "" || refused.Kind() == "busy"):
		return refused.Status >= http.StatusBadGateway && refused.Status <= http.StatusGatewayTimeout
	}
	return false
}

// timedOut tells whether a time limit was used up: the next try would use it up as
// well.
func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// mistaken tells whether what is at the address is not what was expected there: it
// will not change by itself.
func mistaken(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate) || errors.Is(err, http.ErrSchemeMismatch)
}

// seconds reads the header Retry-After in seconds, which is how gatepost gives it.
func seconds(header http.Header) time.Duration {
	n, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}
