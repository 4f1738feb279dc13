package microsoft

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// maxPage bounds an answer that lists messages.
const maxPage = 8 << 20

// errNotFound is a 404 of something that was there a moment ago.
var errNotFound = errors.New("not found")

// call is one request to Graph.
type call struct {
	method string
	path   string // below the mailbox, or a whole address that Graph has given
	token  email.Secret
	kind   string    // Content-Type; empty: no body
	body   io.Reader // nil: none
	size   int64
	match  string // If-Match
	p      purpose
}

// answered is what came back.
type answered struct {
	resp *http.Response
	body []byte
	err  error  // of reading the body of a yes
	id   string // client-request-id, by which Microsoft's support finds a call
}

// request makes the request of a call. It names the immutable form of ids
// (learn.microsoft.com/graph/outlook-immutable-id) and an id of its own.
func (a *account) request(ctx context.Context, c call) (*http.Request, string, error) {
	to := c.path
	if !strings.Contains(to, "://") {
		to = a.base + a.room + c.path
	}
	body := c.body
	if body == nil {
		body = http.NoBody
	}
	req, err := http.NewRequestWithContext(ctx, c.method, to, body)
	if err != nil {
		return nil, "", fmt.Errorf("address of Microsoft Graph: %w", err)
	}
	req.ContentLength, req.GetBody = c.size, nil // nothing is ever sent twice
	id := newGUID()
	req.Header.Set("User-Agent", "gatepost")
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	req.Header.Set("Client-Request-Id", id)
	req.Header.Set("Prefer", `IdType="ImmutableId"`)
	if c.kind != "" {
		req.Header.Set("Content-Type", c.kind)
	}
	if c.match != "" {
		req.Header.Set("If-Match", c.match)
	}
	return req, id, nil
}

// exchange makes a request, once there is a place for one more.
func (a *account) exchange(req *http.Request, most int64) (*http.Response, []byte, error) {
	select {
	case a.gate <- struct{}{}:
		defer func() { <-a.gate }()
	case <-req.Context().Done():
		return nil, nil, req.Context().Err()
	}
	return webcall.Exchange(a.transport, req, most)
}

// ask makes a call that hands nothing over; a problem says that no answer came.
func (a *account) ask(ctx context.Context, c call, most int64) (answered, *provider.Error) {
	req, id, err := a.request(webcall.Plain(ctx), c)
	if err != nil {
		return answered{}, provider.NoAnswer(provider.StageCall, false, err)
	}
	resp, body, err := a.exchange(req, most)
	if resp == nil {
		return answered{}, named(provider.NoAnswer(provider.StageCall, false, err), id)
	}
	return answered{resp, body, err, id}, nil
}

// get reads one resource into v.
func (a *account) get(ctx context.Context, p purpose, path string, query url.Values, v any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	missing := false
	problem := a.withToken(ctx, p, func(token email.Secret) *provider.Error {
		got, problem := a.ask(ctx, call{method: http.MethodGet, path: path, token: token, p: p}, maxPage)
		switch {
		case problem != nil:
			return problem
		case got.resp.StatusCode == http.StatusNotFound && readError(got.body).Reason == "ErrorItemNotFound":
			missing = true
			return nil
		case got.resp.StatusCode != http.StatusOK:
			return a.refused(provider.StageCall, p, token, got)
		}
		a.readClock(got.resp)
		if err := errors.Join(got.err, json.Unmarshal(got.body, v)); err != nil {
			return named(&provider.Error{
				Class: provider.Retry, Scope: provider.ScopeAccount, Cause: "unreadable_answer", Err: err,
				Text: "Graph's answer cannot be read.", Reply: provider.CleanReply(string(got.body)),
			}, got.id)
		}
		return nil
	})
	switch {
	case problem != nil:
		return problem
	case missing:
		return errNotFound
	}
	return nil
}

func (a *account) readClock(resp *http.Response) {
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.ahead.Store(int64(at.Sub(a.deps.Now())))
	}
}

// refused classifies an answer other than yes.
func (a *account) refused(stage provider.Stage, p purpose, token email.Secret, got answered) *provider.Error {
	said := readError(got.body)
	said.Stage, said.Code, said.RetryAfter = stage, got.resp.StatusCode, got.resp.Header.Get("Retry-After")
	said.About = a.about(p, token)
	return named(a.sharedHint(provider.Classify(said, a.deps.Now()), ""), got.id)
}

// about fills in what an advice must name. The claims of the token serve the words
// alone: tokens are Microsoft's to read.
func (a *account) about(p purpose, token email.Secret) provider.About {
	return a.aboutToken(readClaims(token), a.scopes(p))
}

func (a *account) aboutToken(c claims, scopes []string) provider.About {
	return provider.About{
		Vendor: provider.VendorMicrosoft, Subject: a.mailbox, Scopes: scopes, ClientID: c.app(), Tenant: c.Tenant, ObjectID: c.objectOfApp(),
		Login: a.settings.cloud().login,
	}
}

// named adds the id of the request to the words that are kept.
func named(e *provider.Error, id string) *provider.Error {
	e.Reply = provider.CleanReply(strings.TrimSpace(cut(e.Reply, 440) + " (client-request-id " + id + ")"))
	return e
}

func cut(s string, most int) string { return strings.ToValidUTF8(s[:min(len(s), most)], "") }

// readError takes code and message out of a body that may be anything
// (learn.microsoft.com/graph/errors).
func readError(body []byte) provider.Answer {
	var whole struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &whole) != nil || whole.Error.Code == "" && whole.Error.Message == "" {
		return provider.Answer{Text: string(body)}
	}
	return provider.Answer{Reason: whole.Error.Code, Text: whole.Error.Message}
}

// newGUID makes a random UUID (RFC 9562 section 5.4).
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
