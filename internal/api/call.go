package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
)

// operation is one thing that the API can do.
type operation struct {
	pattern  string // method and path, as net/http has it
	open     bool   // needs no key
	serve    func(*call) error
	describe func(*describer)
}

func (o operation) method() string { m, _, _ := strings.Cut(o.pattern, " "); return m }
func (o operation) path() string   { _, p, _ := strings.Cut(o.pattern, " "); return p }

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
		mux.Handle(path, s.handler(operation{pattern: "other " + path, open: true, serve: wrongMethod(allowed)}))
	}
	mux.Handle("/", s.handler(operation{pattern: "other /", open: true, serve: func(*call) error { return errNoSuchPath }}))
	return mux
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

func (c *call) run(o operation) error {
	if !o.open {
		if err := c.authenticate(); err != nil {
			return err
		}
	}
	return o.serve(c)
}

// recovered turns a panic into an answer. http.ErrAbortHandler means to cut the
// connection and goes on.
func (c *call) recovered(p any) {
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	c.s.Log.Error("a request panicked", "request", c.id, "panic", p, "stack", string(debug.Stack()))
	if c.status == 0 {
		c.writeProblem(internalProblem())
	}
}

// authenticate reads the key (RFC 6750 section 2.1) before anything of the body.
func (c *call) authenticate() error {
	scheme, key, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if key != "" && !strings.EqualFold(scheme, "Bearer") {
		return errNotBearer
	}
	var err error
	c.grant, err = c.s.Keys.Authenticate(c.r.Context(), strings.Trim(key, " "))
	return err
}

// query reads the parameters of the query strictly.
func (c *call) query(allowed ...string) (map[string][]string, error) {
	if c.r.URL.RawQuery == "" {
		return nil, nil
	}
	var wrong []email.Problem
	values := c.r.URL.Query()
	for name := range values {
		if !slices.Contains(allowed, name) {
			wrong = append(wrong, email.Problem{Field: clip(name), Message: "unknown query parameter"})
		}
	}
	return values, invalid(wrong)
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
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	if status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	c.status = status
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body)
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
