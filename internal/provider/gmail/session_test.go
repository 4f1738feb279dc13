package gmail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// uploads is Gmail's side of upload sessions: it keeps what comes, in multiples of
// its unit but for the end, and takes the message with its last byte.
type uploads struct {
	mu      sync.Mutex
	total   int
	stored  []byte
	taken   [][]byte
	asked   []string // Content-Range of each PUT
	meta    string
	started int
	tokens  int
	// trouble is asked before each PUT; true: it has answered, or cut.
	trouble func(u *uploads, n int, w http.ResponseWriter, r *http.Request) bool
}

func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r.Method == http.MethodPost {
		u.start(w, r)
		return
	}
	u.asked = append(u.asked, r.Header.Get("Content-Range"))
	if u.trouble != nil && u.trouble(u, len(u.asked), w, r) {
		return
	}
	u.store(r)
	u.state(w)
}

func (u *uploads) start(w http.ResponseWriter, r *http.Request) {
	meta, _ := io.ReadAll(r.Body)
	u.meta, u.stored = string(meta), nil
	u.started++
	if _, err := fmt.Sscan(r.Header.Get("X-Upload-Content-Length"), &u.total); err != nil || r.Header.Get("X-Upload-Content-Type") != "message/rfc822" || r.URL.Query().Get("uploadType") != "resumable" {
		http.Error(w, "what?", http.StatusBadRequest)
		return
	}
	w.Header().Set("Location", "/upload/session-1?upload_id=x")
}

// store keeps what a PUT brings, and takes the message when it is whole.
func (u *uploads) store(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var from, to, total int
	if _, noPart := fmt.Sscanf(r.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &total); noPart != nil {
		return
	}
	if from > len(u.stored) || total != u.total || err == nil && len(body) != to-from+1 {
		return
	}
	all := append(u.stored[:from:from], body...)
	if len(all) < u.total {
		all = all[:len(all)/chunkUnit*chunkUnit]
	}
	u.stored = all
	if len(all) == u.total && u.total > 0 {
		u.taken = append(u.taken, all)
		u.total = 0
	}
}

// state says how far it is.
func (u *uploads) state(w http.ResponseWriter) {
	if u.total == 0 {
		fmt.Fprint(w, `{"id":"18a","threadId":"18t"}`)
		return
	}
	if len(u.stored) > 0 {
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", len(u.stored)-1))
	}
	w.WriteHeader(statusResume)
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

// half reads half of the body and keeps that.
func half(r *http.Request) { r.Body = io.NopCloser(io.LimitReader(r.Body, r.ContentLength/2)) }

func (u *uploads) open(t *testing.T, trace func(string)) provider.Provider {
	t.Helper()
	srv := httptest.NewServer(u)
	t.Cleanup(srv.Close)
	p, err := openNow(srv.URL, provider.Deps{
		Trace: trace,
		Token: func(_ context.Context, _ []string, renew bool) (email.Secret, error) {
			if renew {
				u.tokens++
			}
			return email.NewSecret("t"), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.(provider.Closer).Close() })
	return p
}

// openNow opens an account that does not wait before it asks.
func openNow(url string, deps provider.Deps) (provider.Provider, error) {
	deps.BaseURL = url
	p, err := Kind().Open(provider.Account{ID: "acc_1", Address: "ada@acme.example"}, deps)
	if err == nil {
		p.(looker).pause = func(ctx context.Context, _ int) error { return ctx.Err() }
	}
	return p, err
}

// counts are what came so far: sessions, PUTs, messages taken.
func (u *uploads) counts() (sessions, puts, taken int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.started, len(u.asked), len(u.taken)
}

// bigMail needs three chunks.
var bigMail = email.Bytes(string(anyMail) + strings.Repeat("0123456789abcde\n", (2*chunkSize+1000)/16))

func (u *uploads) wantOnce(t *testing.T) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.taken) != 1 || !bytes.Equal(u.taken[0], bigMail) {
		t.Errorf("%d messages taken, want the one, byte for byte", len(u.taken))
	}
}

func TestSession(t *testing.T) {
	var u uploads
	var stages []string
	p := u.open(t, func(s string) { stages = append(stages, s) })
	asked := 0
	ctx := provider.WithGuard(t.Context(), func() error { asked++; return nil })
	env := toAnn
	env.Thread = `18"t`
	receipt, err := p.Send(ctx, env, bigMail)
	if err != nil || receipt.ProviderID != "18a" || receipt.ThreadID != "18t" {
		t.Fatalf("Send: %+v %v", receipt, err)
	}
	u.wantOnce(t)
	size := len(bigMail)
	want := []string{
		fmt.Sprintf("bytes 0-%d/%d", chunkSize-1, size),
		fmt.Sprintf("bytes %d-%d/%d", chunkSize, 2*chunkSize-1, size),
		fmt.Sprintf("bytes %d-%d/%d", 2*chunkSize, size-1, size),
	}
	if d := cmp.Diff(want, u.asked); d != "" {
		t.Errorf("chunks (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"connected", "body.half", "body.done", "answer.read"}, stages); d != "" {
		t.Errorf("stages (-want +got):\n%s", d)
	}
	if asked != 1 || u.meta != `{"threadId":"18\"t"}` {
		t.Errorf("the guard was asked %d times; metadata %s", asked, u.meta)
	}
}

// TestInterrupted: whatever breaks, the message arrives once and whole, in one
// session, and the outcome is known.
func TestInterrupted(t *testing.T) {
	for name, trouble := range map[string]func(u *uploads, n int, w http.ResponseWriter, r *http.Request) bool{
		"first chunk cut": func(u *uploads, n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 1 {
				half(r)
				u.store(r)
				cut(w)
			}
			return n == 1
		},
		"second chunk cut, nothing kept": func(_ *uploads, n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == 2 {
				cut(w)
			}
			return n == 2
		},
		"last chunk cut before it was taken": func(_ *uploads, n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 3 {
				_, _ = io.Copy(io.Discard, r.Body)
				cut(w)
			}
			return n == 3
		},
		"answer lost": func(u *uploads, n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 3 {
				u.store(r)
				cut(w)
			}
			return n == 3
		},
		"answer unreadable": func(u *uploads, n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 3 {
				u.store(r)
				fmt.Fprint(w, "<html>")
			}
			return n == 3
		},
		"503 before, question lost too": func(_ *uploads, n int, w http.ResponseWriter, r *http.Request) bool {
			switch n {
			case 3:
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusServiceUnavailable)
			case 4:
				cut(w)
			case 5:
				w.WriteHeader(http.StatusBadGateway)
			}
			return n >= 3 && n <= 5
		},
		"503 after, token refused when asked": func(u *uploads, n int, w http.ResponseWriter, r *http.Request) bool {
			switch n {
			case 3:
				u.store(r)
				w.WriteHeader(http.StatusServiceUnavailable)
			case 4:
				w.WriteHeader(http.StatusUnauthorized)
			}
			return n == 3 || n == 4
		},
		"all there, still being taken": func(u *uploads, n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 3 {
				u.store(r)
				w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", len(bigMail)-1))
				w.WriteHeader(statusResume)
			}
			return n == 3
		},
		"less kept than said before": func(u *uploads, n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == 2 {
				u.stored = u.stored[:chunkUnit]
				u.state(w)
			}
			return n == 2
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := uploads{trouble: trouble}
			receipt, err := u.open(t, nil).Send(t.Context(), toAnn, bigMail)
			if err != nil || receipt.ProviderID != "18a" {
				t.Errorf("Send: %+v %v", receipt, err)
			}
			if sessions, _, _ := u.counts(); sessions != 1 {
				t.Errorf("%d sessions, want 1", sessions)
			}
			u.wantOnce(t)
		})
	}
}

// TestSessionEnds: what each end of an upload means.
func TestSessionEnds(t *testing.T) {
	const quota = `{"error":{"message":"User-rate limit exceeded","errors":[{"reason":"userRateLimitExceeded"}]}}`
	for name, c := range map[string]struct {
		after    int // this PUT and all later ones go wrong
		status   int // 0: cut
		body     string
		take     bool // the last chunk is taken all the same
		class    provider.Class
		cause    string
		sessions int
	}{
		"dead from the start":         {1, 0, "", false, provider.Retry, "connection_closed", 1},
		"dead from the middle":        {2, 0, "", false, provider.Retry, "connection_closed", 1},
		"dead from the end":           {3, 0, "", true, provider.Unknown, "no_answer", 1},
		"down from the middle":        {2, 503, "", false, provider.Retry, "gmail_down", 1},
		"down from the end":           {3, 503, "", true, provider.Unknown, "", 1},
		"quota in the middle":         {2, 403, quota, false, provider.Park, "user_quota", 1},
		"quota at the end":            {3, 403, quota, false, provider.Park, "user_quota", 1},
		"token refused in the middle": {2, 401, "", false, provider.Hold, provider.CauseTokenRefused, 2},
		"session lost in the middle":  {2, 404, "", false, provider.Retry, "upload_session_lost", 1},
		// A session ends with its last bytes, taken or not: that it is not there any more
		// when they arrive does not say that nobody has them.
		"session lost at the end":          {3, 410, "", false, provider.Unknown, "no_answer", 1},
		"session unknown at the end":       {3, 404, "", true, provider.Unknown, "no_answer", 1},
		"refused at the end":               {3, 400, `{"error":{"message":"Invalid To header","status":"INVALID_ARGUMENT"}}`, false, provider.Fail, "invalid_header", 1},
		"nothing is ever kept":             {1, 308, "", false, provider.Retry, "upload_stalled", 1},
		"yes in the middle of the message": {2, 200, `{"id":"18a"}`, false, provider.Unknown, "unreadable_answer", 1},
	} {
		t.Run(name, func(t *testing.T) {
			u := uploads{trouble: func(u *uploads, n int, w http.ResponseWriter, r *http.Request) bool {
				if n < c.after {
					return false
				}
				if c.take && n == c.after {
					u.store(r)
				}
				_, _ = io.Copy(io.Discard, r.Body)
				if c.status == 0 {
					cut(w)
					return true
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
				return true
			}}
			receipt, err := u.open(t, nil).Send(t.Context(), toAnn, bigMail)
			e, _ := errors.AsType[*provider.Error](err)
			if e == nil || e.Class != c.class || c.cause != "" && e.Cause != c.cause {
				t.Errorf("Send: %+v %v, want %v %s", receipt, err, c.class, c.cause)
			}
			sessions, _, taken := u.counts()
			if sessions != c.sessions {
				t.Errorf("%d sessions, want %d", sessions, c.sessions)
			}
			if want := map[bool]int{true: 1}[c.take]; taken != want {
				t.Errorf("taken %d times, want %d", taken, want)
			}
		})
	}
}

// TestSessionGuard: the guard is asked before the last bytes, each time that they
// are to leave; after they have left once, a no does not make the outcome known.
func TestSessionGuard(t *testing.T) {
	lost := errors.New("the claim has lasted too long")
	for name, c := range map[string]struct {
		allowed int
		class   provider.Class
	}{"at first": {0, provider.Retry}, "when it is asked for": {1, provider.Unknown}, "when it is sent again": {2, provider.Unknown}} {
		u := uploads{trouble: func(_ *uploads, n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 3 {
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return n == 3
		}}
		asked := 0
		ctx := provider.WithGuard(t.Context(), func() error {
			if asked++; asked > c.allowed {
				return lost
			}
			return nil
		})
		_, err := u.open(t, nil).Send(ctx, toAnn, bigMail)
		if asked != c.allowed+1 {
			t.Errorf("%s: the guard was asked %d times", name, asked)
		}
		_, _, taken := u.counts()
		if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != c.class || !errors.Is(err, lost) || taken != 0 {
			t.Errorf("%s: %v, want %v", name, err, c.class)
		}
	}
}

// TestSessionAddress: a session is not followed to where the token must not go.
func TestSessionAddress(t *testing.T) {
	elsewhere, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	for _, location := range []string{"", "http://" + elsewhere.Addr().String() + "/x", "https://evil.example/x", "http://%zz"} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				t.Errorf("%q was followed", location)
			}
			if location != "" {
				w.Header().Set("Location", location)
			}
		}))
		p, err := openNow(srv.URL, provider.Deps{Token: func(context.Context, []string, bool) (email.Secret, error) { return email.NewSecret("t"), nil }})
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Send(t.Context(), toAnn, bigMail)
		if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != provider.Retry {
			t.Errorf("%q: %v, want retry", location, err)
		}
		srv.Close()
	}
	public := &session{account: &account{base: publicAPI}}
	for location, want := range map[string]bool{
		"https://gmail.googleapis.com/upload/x?upload_id=1": true, "https://www.googleapis.com/upload/x": true,
		"http://www.googleapis.com/x": false, "https://googleapis.com.evil.example/x": false, "https://evilgoogleapis.com/x": false,
	} {
		if _, err := public.address(location); (err == nil) != want {
			t.Errorf("%s: %v, want followed: %v", location, err, want)
		}
	}
}

// TestThread: a conversation is named in each form of sending, and its id comes
// back; one that is not there is a verdict on the message.
func TestThread(t *testing.T) {
	env := toAnn
	env.Thread = "18t"
	for name, size := range map[string]int{"small": 10, "large": smallMail + 1} {
		var a api
		p := a.openAt(t, accept)
		msg := email.Bytes(string(anyMail) + strings.Repeat("x", size))
		receipt, err := p.Send(t.Context(), env, msg)
		if err != nil || receipt.ThreadID != "18a" {
			t.Fatalf("%s: %+v %v", name, receipt, err)
		}
		if size > smallMail {
			meta, raw := parts(t, a.requests[0], a.bodies[0])
			if meta != `{"threadId":"18t"}` || raw != string(msg) {
				t.Errorf("%s: metadata %s and %d bytes", name, meta, len(raw))
			}
		} else if !bytes.HasPrefix(a.bodies[0], []byte(`{"threadId":"18t","raw":"`)) {
			t.Errorf("%s: %.60s", name, a.bodies[0])
		}
	}
	for _, refusal := range []string{
		`404 {"error":{"code":404,"message":"Requested entity was not found.","errors":[{"reason":"notFound"}],"status":"NOT_FOUND"}}`,
		`400 {"error":{"code":400,"message":"Invalid thread_id value","status":"INVALID_ARGUMENT"}}`,
	} {
		var a api
		p := a.openAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(map[byte]int{'0': 400, '4': 404}[refusal[2]])
			fmt.Fprint(w, refusal[4:])
		})
		_, err := p.Send(t.Context(), env, anyMail)
		if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != provider.Fail || e.Cause != "thread_unknown" {
			t.Errorf("%s: %v, want fail with cause thread_unknown", refusal, err)
		}
	}
}

// TestThreadOfSession: a 404 speaks of the session until the message is whole, and
// then of the conversation.
func TestThreadOfSession(t *testing.T) {
	env := toAnn
	env.Thread = "18t"
	for n, cause := range map[int]string{2: "upload_session_lost", 3: "thread_unknown"} {
		u := uploads{trouble: func(_ *uploads, now int, w http.ResponseWriter, r *http.Request) bool {
			if now != n {
				return false
			}
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":{"code":404,"message":"Requested entity was not found.","errors":[{"reason":"notFound"}]}}`)
			return true
		}}
		_, err := u.open(t, nil).Send(t.Context(), env, bigMail)
		if e, ok := errors.AsType[*provider.Error](err); !ok || e.Cause != cause {
			t.Errorf("chunk %d: %v, want %s", n, err, cause)
		}
	}
}

// FuzzStoredBytes: what a server says in Range never leads outside the message.
func FuzzStoredBytes(f *testing.F) {
	f.Add("bytes=0-524287")
	f.Add("0-1")
	f.Add("bytes=5-1")
	f.Add("")
	f.Fuzz(func(t *testing.T, header string) {
		if n, ok := storedBytes(header); ok && (n < 0 || n > maxSize) {
			t.Errorf("%q: %d", header, n)
		}
	})
}

// parts reads a multipart upload.
func parts(t *testing.T, r *http.Request, body []byte) (meta, raw string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/related" {
		t.Fatalf("Content-Type %s: %v", r.Header.Get("Content-Type"), err)
	}
	in := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	var texts []string
	for {
		part, err := in.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(part)
		texts = append(texts, string(text))
	}
	if len(texts) != 2 || r.URL.Query().Get("uploadType") != "multipart" {
		t.Fatalf("%d parts at %s", len(texts), r.URL)
	}
	return texts[0], texts[1]
}

// TestSessionClaimsTooMuch: Gmail cannot have more than was sent; nothing is left
// out because it says so.
func TestSessionClaimsTooMuch(t *testing.T) {
	for _, header := range []string{fmt.Sprintf("bytes=0-%d", chunkSize), "bytes=5-9", "all"} {
		u := uploads{trouble: func(_ *uploads, n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 1 {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Range", header)
				w.WriteHeader(statusResume)
			}
			return n == 1
		}}
		_, err := u.open(t, nil).Send(t.Context(), toAnn, bigMail)
		_, puts, _ := u.counts()
		if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != provider.Retry || e.Cause != "unexpected_answer" || puts != 1 {
			t.Errorf("Range %q: %v after %d chunks, want retry after one", header, err, puts)
		}
	}
}
