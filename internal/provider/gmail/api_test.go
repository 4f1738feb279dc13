package gmail

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// api is a Gmail API that says what a test wants, and remembers what it was told.
type api struct {
	mu       sync.Mutex
	requests []*http.Request
	bodies   [][]byte
	tokens   int // how often a renewed token was asked for
}

// openAt opens an account at a server with this handler.
func (a *api) openAt(t testing.TB, handler http.HandlerFunc) provider.Provider {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		a.requests, a.bodies = append(a.requests, r), append(a.bodies, body)
		a.mu.Unlock()
		handler(w, r)
	}))
	t.Cleanup(srv.Close)
	p, err := Kind().Open(provider.Account{ID: "acc_1", Address: "ada@acme.example"}, provider.Deps{
		BaseURL: srv.URL + "/",
		Token: func(_ context.Context, scopes []string, renew bool) (email.Secret, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			if renew {
				a.tokens++
			}
			return email.NewSecret(fmt.Sprintf("token-%d-%s", a.tokens, strings.TrimPrefix(scopes[0], "https://www.googleapis.com/auth/"))), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.(provider.Closer).Close() })
	return p
}

var (
	toAnn   = email.Envelope{From: "ada@acme.example", Recipients: []string{"ann@world.example"}}
	anyMail = email.Bytes("To: ann@world.example\r\n\r\nhello\r\n")
)

func accept(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":"18a","threadId":"18a"}`) }

// TestRequest: what goes over the wire, for small and for large mail.
func TestRequest(t *testing.T) {
	var a api
	p := a.openAt(t, accept)
	large := email.Bytes(string(anyMail) + strings.Repeat("x", smallMail))
	for i, msg := range []email.Bytes{anyMail, large} {
		receipt, err := p.Send(t.Context(), toAnn, msg)
		if err != nil || receipt.ProviderID != "18a" || receipt.Reply != "200 OK" {
			t.Fatalf("Send: %+v %v", receipt, err)
		}
		r, body := a.requests[i], a.bodies[i]
		if i == 0 {
			var in struct{ Raw string }
			if err := json.Unmarshal(body, &in); err != nil {
				t.Fatal(err)
			}
			if body, err = base64.URLEncoding.DecodeString(in.Raw); err != nil {
				t.Fatal(err)
			}
		}
		if string(body) != string(msg) {
			t.Errorf("message %d: other bytes arrived", i)
		}
		want := []string{"/gmail/v1/users/me/messages/send application/json", "/upload/gmail/v1/users/me/messages/send?uploadType=media message/rfc822"}[i]
		if got := r.URL.String() + " " + r.Header.Get("Content-Type"); got != want {
			t.Errorf("message %d: %s, want %s", i, got, want)
		}
		if r.Header.Get("Authorization") != "Bearer token-0-gmail.send" || r.ContentLength <= 0 {
			t.Errorf("message %d: %v, length %d", i, r.Header, r.ContentLength)
		}
		for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} { // the transport would repeat the request
			if r.Header.Get(name) != "" {
				t.Errorf("message %d carries %s", i, name)
			}
		}
	}
}

// TestAnswers: how often an answer makes Send ask, and what it says then.
func TestAnswers(t *testing.T) {
	const unauthorized = `{"error":{"code":401,"message":"Invalid Credentials","errors":[{"reason":"authError"}]}}`
	const precondition = `{"error":{"code":400,"message":"Precondition check failed.","errors":[{"reason":"failedPrecondition"}]}}`
	for name, c := range map[string]struct {
		first, then int
		body        string
		class       provider.Class // 0: accepted
		cause       string
		asked       int
		renewed     int
	}{
		"token refused once":        {401, 200, unauthorized, 0, "", 2, 1},
		"token refused":             {401, 401, unauthorized, provider.Hold, provider.CauseTokenRefused, 2, 1},
		"precondition once":         {400, 200, precondition, 0, "", 2, 0},
		"precondition":              {400, 400, precondition, provider.Hold, provider.CausePrecondition, 2, 0},
		"unavailable":               {503, 200, `{}`, provider.Unknown, "ambiguous_answer", 1, 0},
		"redirect":                  {307, 200, ``, provider.Unknown, "ambiguous_answer", 1, 0},
		"page of a proxy":           {403, 200, `<html>`, provider.Hold, "forbidden", 1, 0},
		"yes without a word":        {200, 200, ``, provider.Unknown, "unreadable_answer", 1, 0},
		"yes as a page":             {200, 200, `<html>`, provider.Unknown, "unreadable_answer", 1, 0},
		"yes cut off":               {200, 200, `{"id":"18`, provider.Unknown, "unreadable_answer", 1, 0},
		"yes without an id":         {204, 200, ``, provider.Unknown, "unreadable_answer", 1, 0},
		"yes that never ends":       {200, 200, `{"id":"` + strings.Repeat("x", 2*webcall.MaxAnswer) + `"}`, provider.Unknown, "unreadable_answer", 1, 0},
		"an error that never ends":  {500, 200, strings.Repeat("x", 2*webcall.MaxAnswer), provider.Unknown, "ambiguous_answer", 1, 0},
		"error in two other shapes": {400, 200, `{"error":"invalid_request"}`, provider.Retry, "unexpected_answer", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var a api
			answers := 0
			p := a.openAt(t, func(w http.ResponseWriter, r *http.Request) {
				if answers++; answers > 1 && c.then == 200 {
					accept(w, r)
					return
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader([]int{c.first, c.then}[min(answers, 2)-1])
				fmt.Fprint(w, c.body)
			})
			_, err := p.Send(t.Context(), toAnn, anyMail)
			e, _ := errors.AsType[*provider.Error](err)
			if c.class == 0 && err != nil || c.class != 0 && (e == nil || e.Class != c.class || e.Cause != c.cause) {
				t.Errorf("Send: %v, want %v %s", err, c.class, c.cause)
			}
			if len(a.requests) != c.asked || a.tokens != c.renewed {
				t.Errorf("%d requests and %d renewed tokens, want %d and %d", len(a.requests), a.tokens, c.asked, c.renewed)
			}
			if e != nil && len(e.Reply) > 512 {
				t.Errorf("a reply of %d bytes", len(e.Reply))
			}
		})
	}
}

// TestEarlyAnswer: a server that refuses while the message is still on its way
// cannot have taken it.
func TestEarlyAnswer(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer srv.Close()
	p, err := Kind().Open(provider.Account{ID: "acc_1", Address: "ada@acme.example"}, provider.Deps{
		BaseURL: srv.URL,
		Token:   func(context.Context, []string, bool) (email.Secret, error) { return email.NewSecret("t"), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Send(t.Context(), toAnn, email.Bytes(string(anyMail)+strings.Repeat("x", 20<<20)))
	if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != provider.Retry {
		t.Errorf("Send: %v, want retry", err)
	}
}

// TestCredentialErrors: what the vault says keeps its class; other errors are
// tried again.
func TestCredentialErrors(t *testing.T) {
	held := &provider.Error{Class: provider.Hold, Scope: provider.ScopeAccount, Cause: "delegation_missing"}
	for _, c := range []struct {
		err   error
		class provider.Class
	}{{fmt.Errorf("mint: %w", held), provider.Hold}, {errors.New("database is away"), provider.Retry}} {
		p, err := Kind().Open(provider.Account{ID: "acc_1", Address: "a@b"}, provider.Deps{
			Token: func(context.Context, []string, bool) (email.Secret, error) { return email.Secret{}, c.err },
		})
		if err != nil {
			t.Fatal(err)
		}
		_, sendErr := p.Send(t.Context(), toAnn, anyMail)
		_, lookErr := p.(provider.Looker).Look(t.Context(), provider.LookQuery{IDs: map[email.ID]bool{"msg_1": true}})
		for _, err := range []error{sendErr, lookErr, p.Check(t.Context())} {
			if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != c.class {
				t.Errorf("%v: %v, want %v", c.err, err, c.class)
			}
		}
	}
}

// sent is a mailbox of so many messages, one a minute, newest first. Message n
// carries the id msg_n.
func sent(count int, newest time.Time, reads *sync.Map) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if id, ok := strings.CutPrefix(r.URL.Path, "/gmail/v1/users/me/messages/"); ok {
			n, _ := strconv.Atoi(id)
			times, _ := reads.LoadOrStore(n, 0)
			reads.Store(n, times.(int)+1)
			fmt.Fprintf(w, `{"id":"%d","internalDate":"%d","payload":{"headers":[{"name":"x-gatepost-ID","value":" msg_%d"}]}}`,
				n, newest.Add(-time.Duration(n)*time.Minute).UnixMilli(), n)
			return
		}
		start, _ := strconv.Atoi(r.URL.Query().Get("pageToken"))
		size, _ := strconv.Atoi(r.URL.Query().Get("maxResults"))
		type ref struct {
			ID string `json:"id"`
		}
		page := struct {
			Messages []ref  `json:"messages,omitempty"`
			Next     string `json:"nextPageToken,omitempty"`
		}{}
		for n := start; n < min(start+size, count); n++ {
			page.Messages = append(page.Messages, ref{strconv.Itoa(n)})
		}
		if start+size < count {
			page.Next = strconv.Itoa(start + size)
		}
		_ = json.NewEncoder(w).Encode(page)
	}
}

// lookOn looks until a look has come to its end. None reads more than it may, and no
// header is read twice.
func lookOn(t *testing.T, p provider.Provider, q provider.LookQuery, reads *sync.Map) map[email.ID]string {
	t.Helper()
	before := 0
	for range 10 {
		found, err := p.(provider.Looker).Look(t.Context(), q)
		n := 0
		reads.Range(func(_, times any) bool { n += times.(int); return true })
		if n-before > lookReads {
			t.Errorf("one look read %d headers", n-before)
		}
		before = n
		var e *provider.Error
		switch {
		case err == nil:
			reads.Range(func(id, times any) bool {
				if times.(int) > 1 {
					t.Errorf("header %v was read %v times", id, times)
				}
				return true
			})
			return found
		case !errors.As(err, &e) || e.Cause != provider.CauseLookUnfinished || e.Class != provider.Retry:
			t.Fatal(err)
		}
	}
	t.Fatal("ten looks did not come to an end")
	return nil
}

// A clock that is hours off hides no copy: each answer has Google's time.
func TestLookWithAWrongClock(t *testing.T) {
	for _, off := range []time.Duration{5 * time.Hour, -5 * time.Hour} {
		var a api
		var reads sync.Map
		google := time.Now().Add(off)
		inSent := sent(1000, google, &reads)
		p := a.openAt(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", google.UTC().Format(http.TimeFormat))
			inSent(w, r)
		})
		q := provider.LookQuery{IDs: map[email.ID]bool{"msg_12": true}, Since: time.Now().Add(-15 * time.Minute)}
		if found, err := p.(provider.Looker).Look(t.Context(), q); err != nil || found["msg_12"] != "12" {
			t.Errorf("Google's clock is %s ahead: %v, %v", off, found, err)
		}
		n := 0
		reads.Range(func(any, any) bool { n++; return true })
		if n > 30 {
			t.Errorf("Google's clock is %s ahead: %d headers were read", off, n)
		}
	}
}

// TestLookStops: a look reads no more than it must, and goes by Gmail's dates
// with room for a clock that differs.
func TestLookStops(t *testing.T) {
	newest := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	all := func(_ context.Context, ids []string) (map[string]bool, error) {
		known := map[string]bool{}
		for _, id := range ids {
			known[id] = true
		}
		return known, nil
	}
	for name, c := range map[string]struct {
		count  int
		wanted []int
		since  time.Duration // before the newest
		known  func(context.Context, []string) (map[string]bool, error)
		found  []int
		read   int // the oldest message that may be read
		pages  int
	}{
		"found at once":             {1000, []int{0, 1}, time.Hour, nil, []int{0, 1}, 3, 1},
		"stops by date":             {1000, []int{5000}, 10 * time.Minute, nil, nil, 15, 1},
		"within the margin":         {1000, []int{12}, 10 * time.Minute, nil, []int{12}, 15, 1},
		"beyond a page":             {1000, []int{250}, 300 * time.Minute, nil, []int{250}, 251, 3},
		"end of the mailbox":        {150, []int{9999}, 1000 * time.Minute, nil, nil, 149, 2},
		"empty mailbox":             {0, []int{1}, time.Hour, nil, nil, -1, 1},
		"all known, stops by date":  {1000, []int{5000}, 150 * time.Minute, all, nil, 199, 2},
		"nobody is wanted":          {1000, nil, time.Hour, nil, nil, -1, 0},
		"known ones are not wanted": {1000, []int{3}, 50 * time.Minute, all, nil, 99, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var a api
			var reads sync.Map
			p := a.openAt(t, sent(c.count, newest, &reads))
			q := provider.LookQuery{IDs: map[email.ID]bool{}, Since: newest.Add(-c.since), Known: c.known}
			for _, n := range c.wanted {
				q.IDs[fmt.Sprintf("msg_%d", n)] = true
			}
			got := lookOn(t, p, q, &reads)
			want := map[email.ID]string{}
			for _, n := range c.found {
				want[fmt.Sprintf("msg_%d", n)] = strconv.Itoa(n)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("found (-want +got):\n%s", d)
			}
			oldest := -1
			reads.Range(func(n, _ any) bool { oldest = max(oldest, n.(int)); return true })
			if oldest > c.read {
				t.Errorf("read back to message %d, want %d at most", oldest, c.read)
			}
			pages, listed := 0, map[string]bool{}
			for _, r := range a.requests {
				if r.URL.Path == "/gmail/v1/users/me/messages" && !listed[r.URL.Query().Get("pageToken")] {
					listed[r.URL.Query().Get("pageToken")] = true
					pages++
					if r.URL.Query().Has("q") || !slices.Equal(r.URL.Query()["labelIds"], []string{"SENT"}) {
						t.Errorf("gmail.metadata allows no such list: %s", r.URL)
					}
				}
				if r.Header.Get("Authorization") != "Bearer token-0-gmail.metadata" {
					t.Errorf("looked with %s", r.Header.Get("Authorization"))
				}
			}
			if pages != c.pages {
				t.Errorf("%d pages listed, want %d", pages, c.pages)
			}
		})
	}
}

// TestLookErrors: a look that went wrong says that nothing was learned.
func TestLookErrors(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		known   error
		class   provider.Class
	}{
		"list fails":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, nil, provider.Retry},
		"list is a page": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, nil, provider.Retry},
		"scope missing": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":{"message":"Request had insufficient authentication scopes."}}`, http.StatusForbidden)
		}, nil, provider.Hold},
		"a read fails": {func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/messages") {
				fmt.Fprint(w, `{"messages":[{"id":"1"},{"id":"2"}]}`)
				return
			}
			w.WriteHeader(500)
		}, nil, provider.Retry},
		"the store fails": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"messages":[{"id":"1"}]}`) }, errors.New("database is away"), provider.Retry},
	} {
		var a api
		p := a.openAt(t, c.handler)
		q := provider.LookQuery{IDs: map[email.ID]bool{"msg_1": true}}
		if c.known != nil {
			q.Known = func(context.Context, []string) (map[string]bool, error) { return nil, c.known }
		}
		found, err := p.(provider.Looker).Look(t.Context(), q)
		if e, ok := errors.AsType[*provider.Error](err); !ok || e.Class != c.class || found != nil {
			t.Errorf("%s: %v %v, want %v and nothing found", name, found, err, c.class)
		}
	}
}

// TestLookPassesBy: a message that was deleted between list and read, and one
// without our header, hide nothing.
func TestLookPassesBy(t *testing.T) {
	var a api
	p := a.openAt(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/messages"):
			fmt.Fprint(w, `{"messages":[{"id":"gone"},{"id":"other"},{"id":"ours"}]}`)
		case strings.HasSuffix(r.URL.Path, "/gone"):
			w.WriteHeader(404)
		case strings.HasSuffix(r.URL.Path, "/other"):
			fmt.Fprint(w, `{"id":"other","payload":{}}`)
		default:
			fmt.Fprint(w, `{"id":"ours","payload":{"headers":[{"name":"X-Gatepost-Id","value":"msg_1"}]}}`)
		}
	})
	found, err := p.(provider.Looker).Look(t.Context(), provider.LookQuery{IDs: map[email.ID]bool{"msg_1": true}})
	if err != nil || !maps.Equal(found, map[email.ID]string{"msg_1": "ours"}) {
		t.Errorf("Look: %v %v", found, err)
	}
}

// FuzzEncoder: the streamed form is the one of encoding/base64, whatever the
// sizes of reads.
func FuzzEncoder(f *testing.F) {
	f.Add([]byte("hello"), 3)
	f.Add(make([]byte, 10_000), 4096)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		b = b[:min(len(b), 64<<10)]
		shape := formOf(email.Envelope{}, email.Bytes(b))
		u, err := newUpload(t.Context(), shape, email.Bytes(b), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		buf := make([]byte, max(size, 0)%8192+16)
		for {
			n, err := u.Read(buf)
			got = append(got, buf[:n]...)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if want := shape.head + base64.URLEncoding.EncodeToString(b) + shape.tail; string(got) != want || u.Size() != int64(len(want)) {
			t.Errorf("%d bytes: got %d bytes, want %d", len(b), len(got), len(want))
		}
	})
}

func BenchmarkSend(b *testing.B) {
	for _, size := range []int{2 << 10, 100 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				accept(w, r)
			}))
			defer srv.Close()
			p, err := Kind().Open(provider.Account{ID: "acc_1", Address: "a@b"}, provider.Deps{
				BaseURL: srv.URL,
				Token:   func(context.Context, []string, bool) (email.Secret, error) { return email.NewSecret("t"), nil },
			})
			if err != nil {
				b.Fatal(err)
			}
			msg := email.Bytes(string(anyMail) + strings.Repeat("x", size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Send(b.Context(), toAnn, msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
