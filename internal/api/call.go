package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	pathpkg "path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// operation is one thing that the API can do.
type operation struct {
	pattern  string // method and path, as net/http has it
	open     bool   // needs no key
	scope    string // that the key must have; empty: any key will do
	asks     bool   // a GET that reads its query itself; others have no parameters
	serve    func(*call) error
	describe func(*describer)
}

func (o operation) method() string { m, _, _ := strings.Cut(o.pattern, " "); return m }
func (o operation) path() string   { _, p, _ := strings.Cut(o.pattern, " "); return p }

// scopes are those that the key must have, as a list.
func (o operation) scopes() []string {
	if o.scope == "" {
		return []string{}
	}
	return []string{o.scope}
}

// routes joins the operations to one handler. Paths with another method are
// answered 405, all other paths 404.
func (s *server) routes(operations []operation) http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, o := range operations {
		mux.Handle(o.pattern, s.handler(o))
		methods[o.path()] = append(methods[o.path()], o.method())
	}
	for path, allowed := range methods {
		other := s.handler(operation{pattern: "other " + path, open: true, serve: wrongMethod(allowed)})
		for _, pattern := range otherMethods(path, methods) {
			mux.Handle(pattern, other)
		}
	}
	mux.Handle("/", s.handler(operation{pattern: "other /", open: true, serve: func(*call) error { return errNoSuchPath }}))
	return mux
}

// otherMethods are the patterns for methods that a path does not take. A path that
// could be read as an id too needs one for each method: the library cannot order
// "GET /v1/messages/{id}" and "/v1/messages/batch".
func otherMethods(path string, methods map[string][]string) (patterns []string) {
	if _, twin := methods[pathpkg.Dir(path)+"/{id}"]; !twin || strings.HasSuffix(path, "}") {
		return []string{path}
	}
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if !slices.Contains(methods[path], m) {
			patterns = append(patterns, m+" "+path)
		}
	}
	return patterns
}

func wrongMethod(allowed []string) func(*call) error {
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	return func(c *call) error {
		c.w.Header().Set("Allow", strings.Join(allowed, ", "))
		return errWrongMethod
	}
}

// call is one request on its way.
type call struct {
	s      *server
	w      http.ResponseWriter
	r      *http.Request
	id     string
	grant  access.Grant
	status int // of the answer; 0: none yet
}

// handler wraps what holds for every request: its id, the key, the translation of
// errors, the log line and the measurement.
func (s *server) handler(o operation) http.Handler {
	measure := s.metrics.route(o)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		c := &call{s: s, w: w, r: r, id: s.requests.next()}
		w.Header().Set("X-Request-Id", c.id)
		defer func() {
			c.recovered(recover())
			took := time.Since(start)
			measure(c.status, took)
			c.log(o, took)
		}()
		if err := c.run(o); err != nil {
			c.fail(err)
		}
	})
}

// run asks for key and scope before the operation reads anything of the body.
func (c *call) run(o operation) error {
	if !o.open {
		if err := c.authenticate(); err != nil {
			return err
		}
		if o.scope != "" && !c.grant.May(o.scope) {
			return fmt.Errorf("%w: it lacks the scope %s", queue.ErrForbidden, o.scope)
		}
		if o.method() == http.MethodGet && !o.asks {
			if _, err := c.query(); err != nil {
				return err
			}
		}
	}
	return o.serve(c)
}

// recovered turns a panic into an answer. Its value is told to nobody: it may hold
// what the request holds. http.ErrAbortHandler means to cut the connection and
// goes on.
func (c *call) recovered(p any) {
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	c.s.Log.Error("a request panicked", "request", c.id, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	if c.status == 0 {
		c.writeProblem(internalProblem())
	}
}

// authenticate reads the key (RFC 6750 section 2.1) before anything of the body. A
// wrong one is counted; no key at all is a question, not an attempt.
func (c *call) authenticate() error {
	scheme, key, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if key != "" && !strings.EqualFold(scheme, "Bearer") {
		return errNotBearer
	}
	var err error
	c.grant, err = c.s.Keys.Authenticate(c.r.Context(), strings.Trim(key, " "), c.from())
	if !errors.Is(err, access.ErrUnauthenticated) || key == "" {
		return err
	}
	if wait := c.s.Keys.Attempts.Failed(c.from()); wait > 0 {
		return &tooManyLogins{err, wait}
	}
	return err
}

// from is the address at the other end of the connection. What a header says of
// others behind it is not asked: anybody can write one. So behind a proxy it is the
// proxy's, which keys bound to networks have to be made for.
func (c *call) from() netip.Addr {
	at, err := netip.ParseAddrPort(c.r.RemoteAddr)
	if err != nil {
		return netip.IPv6Unspecified() // nobody's, and in no network that anybody would name
	}
	return at.Addr()
}

// query reads the parameters of the query strictly.
func (c *call) query(allowed ...string) (map[string][]string, error) {
	if c.r.URL.RawQuery == "" {
		return nil, nil
	}
	var wrong []email.Problem
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		wrong = append(wrong, email.Problem{Field: "query", Message: "cannot be read: write %, ; and & in values as %25, %3B and %26"})
	}
	for name := range values {
		if !slices.Contains(allowed, name) {
			wrong = append(wrong, email.Problem{Field: clip(name), Message: "unknown query parameter"})
		}
	}
	return values, invalid(wrong)
}

// problemsOf takes what is wrong with a query for later.
func problemsOf(_ map[string][]string, err error) (wrongFields, error) {
	var wrong wrongFields
	if errors.As(err, &wrong) {
		return wrong, nil
	}
	return nil, err
}

// only refuses all parameters but those named, and those given twice.
func (c *call) only(names ...string) (map[string]string, wrongFields, error) {
	q, err := c.query(names...)
	wrong, err := problemsOf(q, err)
	one := wrong.single(q, names...)
	return one, wrong, err
}

// single reads parameters that may be given once.
func (w *wrongFields) single(q map[string][]string, names ...string) map[string]string {
	one := map[string]string{}
	for _, name := range names {
		if len(q[name]) > 1 {
			w.add(name, "given twice")
			continue // which of them is meant nobody knows
		}
		one[name] = strings.Join(q[name], "")
	}
	return one
}

// answer writes JSON.
func (c *call) answer(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.write(status, "application/json", append(b, '\n'))
	return nil
}

// write sends an answer. That it could not be sent is the client's to notice.
func (c *call) write(status int, contentType string, body []byte) {
	h := c.w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if status != http.StatusNoContent {
		h.Set("Content-Type", contentType)
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	c.status = status
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body)
}

// done answers that something was done and there is nothing to show.
func (c *call) done() error {
	c.write(http.StatusNoContent, "", nil)
	return nil
}

// stream sends an answer that is not held in memory. When it breaks the connection
// is cut, so that nobody takes a part for the whole.
func (c *call) stream(contentType string, size int64, from io.Reader) error {
	h := c.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Cache-Control", "no-store")
	c.status = http.StatusOK
	c.w.WriteHeader(c.status)
	if _, err := io.Copy(c.w, from); err != nil {
		c.s.Log.Info("an answer broke off", "request", c.id, "err", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// log tells refusals at info and the rest at debug: outcomes of messages are told
// by the engine.
func (c *call) log(o operation, took time.Duration) {
	level := slog.LevelDebug
	if c.status >= 400 {
		level = slog.LevelInfo
	}
	ctx := context.Background()
	if !c.s.Log.Enabled(ctx, level) {
		return
	}
	c.s.Log.Log(ctx, level, "request", "request", c.id, "route", o.pattern, "status", c.status, "took", took, "key", c.grant.Key)
}

// requestIDs makes the ids of requests.
type requestIDs struct {
	now    func() time.Time
	random io.Reader
}

func (r *requestIDs) next() string {
	id, err := email.NewID("req", r.now(), r.random)
	if err != nil {
		return "req_unknown" // a broken random source must not keep errors from being told
	}
	return id
}
