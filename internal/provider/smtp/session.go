package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"

	"gatepost/internal/provider"
)

// How long a step may take; the context may end it earlier.
const (
	connectPatience  = 30 * time.Second
	setUpPatience    = time.Minute
	greetingPatience = 10 * time.Second // where a person waits
	commandPatience  = 5 * time.Minute  // RFC 5321 section 4.5.3.2.2
	blockPatience    = 3 * time.Minute  // section 4.5.3.2.5
	finalPatience    = 10 * time.Minute // section 4.5.3.2.6, where the context names no end
	farewell         = time.Second
)

// session is one connection to the relay, ready for mail. One goroutine uses it
// at a time.
type session struct {
	raw       net.Conn // the connection under TLS
	conn      net.Conn
	in        *bufio.Reader
	offers    map[string]string // extensions of the last EHLO, upper case
	scratch   []byte            // commands being written
	idleSince time.Time
	reused    bool
	dirty     bool // the last transaction was left open

	veil   func(string) string // while somebody signs in: takes out of a reply what is secret
	ctx    context.Context
	unbind func() bool
}

// bind ties the connection to a context until release.
func (s *session) bind(ctx context.Context) {
	s.ctx = ctx
	conn := s.conn
	s.unbind = context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
}

// release ends that, and tells whether the connection is still good.
func (s *session) release() bool {
	s.ctx = nil
	return s.unbind()
}

// within sets the time limit of the next step.
func (s *session) within(d time.Duration) {
	limit := time.Now().Add(d)
	if end, ok := s.ctx.Deadline(); ok && end.Before(limit) {
		limit = end
	}
	s.conn.SetDeadline(limit)
	if s.ctx.Err() != nil { // bind's function may have run before SetDeadline
		s.conn.SetDeadline(time.Unix(1, 0))
	}
}

// say writes a command and reads its reply.
func (s *session) say(line string) (reply, error) {
	s.saying(line)
	if _, err := s.conn.Write([]byte(line + "\r\n")); err != nil {
		return reply{}, err
	}
	return s.hear()
}

// close cuts the connection: TLS's own farewell could wait for the peer.
func (s *session) close() { s.raw.Close() }

// quit says goodbye and does not wait for the answer.
func (s *session) quit() {
	s.conn.SetDeadline(time.Now().Add(farewell))
	s.conn.Write([]byte("QUIT\r\n"))
	s.raw.Close()
}

// dial makes a session: connection, TLS, EHLO, AUTH.
func (a *account) dial(ctx context.Context) (*session, *provider.Error) {
	return a.connect(ctx, nil)
}

// connect is dial with a witness. A refused token is renewed once, on a new
// connection: servers differ in whether they take a second AUTH.
func (a *account) connect(ctx context.Context, w *witness) (*session, *provider.Error) {
	ctx, cancel := context.WithTimeout(ctx, setUpPatience)
	defer cancel()
	s, problem := a.connectOnce(ctx, w, false)
	if problem != nil && a.bearer != nil && problem.Cause == provider.CauseTokenRefused {
		if w != nil {
			w.steps = nil
		}
		s, problem = a.connectOnce(ctx, w, true)
	}
	return s, problem
}

func (a *account) connectOnce(ctx context.Context, w *witness, renew bool) (*session, *provider.Error) {
	w.begin(stepConnect)
	conn, err := a.deps.Dial(ctx, "tcp", a.settings.address())
	if err != nil {
		provider.WatchedIn(ctx).Say(provider.ByNobody, "no connection to %s: %s", a.settings.address(), err)
		return nil, provider.NoAnswer(provider.StageConnect, false, err)
	}
	w.passed("%s", conn.RemoteAddr())
	provider.WatchedIn(ctx).Say(provider.ByNobody, "connected to %s (%s)", a.settings.address(), conn.RemoteAddr())
	s := &session{raw: conn, conn: conn, in: bufio.NewReaderSize(conn, maxLine)}
	s.bind(ctx)
	s.within(setUpPatience)
	problem := a.setUp(ctx, s, w)
	if problem == nil {
		problem = a.authenticate(ctx, s, w, renew)
	}
	if good := s.release(); problem == nil && !good {
		problem = provider.NoAnswer(provider.StageConnect, false, ctx.Err())
	}
	if problem != nil {
		s.close()
		return nil, problem
	}
	return s, nil
}

func (a *account) setUp(ctx context.Context, s *session, w *witness) *provider.Error {
	if a.settings.TLS == implicit {
		w.begin(stepTLS)
		if problem := a.secure(ctx, s, w); problem != nil {
			return problem
		}
	}
	w.begin(stepHello)
	if problem := a.greeting(s, w); problem != nil {
		return problem
	}
	if problem := a.hello(s); problem != nil {
		return problem
	}
	w.passed("%s", s.offered())
	if a.settings.TLS == startTLS {
		w.begin(stepTLS)
		return a.startTLS(ctx, s, w)
	}
	return nil
}

// greeting waits for the server to begin. Somebody who waits for a proof is told
// soon: most often server and client both wait, because the port wants TLS first.
func (a *account) greeting(s *session, w *witness) *provider.Error {
	if w != nil {
		s.within(greetingPatience)
		defer s.within(setUpPatience)
	}
	r, err := s.hear()
	return a.expect(220, r, err)
}

func (a *account) authenticate(ctx context.Context, s *session, w *witness, renew bool) *provider.Error {
	w.begin(stepSignIn)
	how, problem := a.signIn(ctx, s, renew)
	if problem == nil && how != "" {
		w.passed("%s as %s", how, a.settings.User)
	}
	return problem
}

// expect judges a reply while the connection is set up.
func (a *account) expect(code int, r reply, err error) *provider.Error {
	if err != nil {
		return a.noReply(provider.StageConnect, err)
	}
	if r.code != code {
		return a.problem(provider.StageConnect, r)
	}
	return nil
}

func (a *account) hello(s *session) *provider.Error {
	r, err := s.say("EHLO " + a.settings.Hello)
	if problem := a.expect(250, r, err); problem != nil {
		return problem
	}
	s.offers = map[string]string{}
	lines := strings.Split(r.text, "\n")
	for _, line := range lines[1:] {
		word, rest, _ := strings.Cut(line, " ")
		s.offers[strings.ToUpper(word)] = rest
	}
	return nil
}

// startTLS switches over. Whatever the server sent before TLS, beyond its one
// reply, is not trusted (RFC 3207 section 4.2, CVE-2011-0411).
func (a *account) startTLS(ctx context.Context, s *session, w *witness) *provider.Error {
	if _, ok := s.offers["STARTTLS"]; !ok {
		return &provider.Error{
			Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "tls_not_offered",
			Text: "The server does not offer STARTTLS.",
			Fix:  "Use the port for submission (587), or TLS mode implicit with port 465. If the server should offer it, something between may be taking it out.",
		}
	}
	r, err := s.say("STARTTLS")
	if problem := a.expect(220, r, err); problem != nil {
		return problem
	}
	if s.in.Buffered() > 0 {
		return &provider.Error{
			Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "tls_injected",
			Text: "Plain text came in place of the TLS handshake: somebody between may be tampering with the connection.",
			Fix:  "Use TLS mode implicit with port 465, or find out what stands between.",
		}
	}
	if problem := a.secure(ctx, s, w); problem != nil {
		return problem
	}
	return a.hello(s)
}

// secure puts TLS on the connection.
func (a *account) secure(ctx context.Context, s *session, w *witness) *provider.Error {
	host := strings.Trim(a.settings.Host, "[]")
	conn := tls.Client(s.conn, provider.TLSConfig(host, a.deps.RootCAs, a.authority))
	if err := conn.HandshakeContext(ctx); err != nil {
		provider.WatchedIn(ctx).Say(provider.ByNobody, "no TLS with %s: %s", host, err)
		return provider.NoAnswer(provider.StageConnect, false, fmt.Errorf("TLS with %s: %w", host, err))
	}
	s.conn = conn
	s.in.Reset(conn)
	words := tlsWords(host, conn.ConnectionState())
	w.passed("%s", words)
	provider.WatchedIn(ctx).Say(provider.ByNobody, "%s", words)
	return nil
}
