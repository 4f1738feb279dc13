package microsoft

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// server is a Graph that says what the test wants and remembers what it was asked.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string // method, path, range, and "auth" where there was a token
	ids  map[string]bool
}

func newServer(t *testing.T, answer http.HandlerFunc) *server {
	t.Helper()
	s := &server{ids: map[string]bool{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		words := []string{r.Method, r.URL.Path}
		if r.Header.Get("Content-Range") != "" {
			words = append(words, r.Header.Get("Content-Range"))
		}
		if r.Header.Get("Authorization") != "" {
			words = append(words, "auth")
		}
		if r.Header.Get("Prefer") != `IdType="ImmutableId"` || int64(len(body)) != r.ContentLength {
			words = append(words, "BAD")
		}
		s.mu.Lock()
		s.seen = append(s.seen, strings.Join(words, " "))
		s.ids[r.Header.Get("Client-Request-Id")] = true
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) open(t *testing.T, config string) provider.Provider {
	t.Helper()
	p, err := Kind().Open(provider.Account{ID: "acc_1", Address: "ada@contoso.example", Config: json.RawMessage(config)}, provider.Deps{
		BaseURL: s.URL, Token: func(context.Context, []string, bool) (email.Secret, error) { return email.NewSecret("t"), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.(provider.Closer).Close() })
	return p
}

// withFile is a message with one file of a size.
func withFile(size int) email.Bytes {
	return email.Bytes("From: ada@contoso.example\r\nTo: a@x.example\r\nX-Gatepost-Id: msg_1\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/pdf; name=f.pdf\r\n\r\n" +
		strings.Repeat("x", size) + "\r\n--b--\r\n")
}

func toA() email.Envelope {
	return email.Envelope{From: "ada@contoso.example", Recipients: []string{"a@x.example"}}
}

// An upload goes in order, in parts below 4 MB, and shows no token to its address.
func TestUploadSession(t *testing.T) {
	const size = 9 << 20
	for name, c := range map[string]struct {
		second   string // the answer to the second part
		status   int
		want     []string
		problem  string
		delete   bool
		location string
	}{
		"good": {"", 200, []string{
			"PUT /upload bytes 0-3932159/9437184", "PUT /upload bytes 3932160-7864319/9437184", "PUT /upload bytes 7864320-9437183/9437184",
		}, "", false, "/upload"},
		"out of step":   {`{"nextExpectedRanges":["17"]}`, 200, []string{"PUT /upload bytes 0-3932159/9437184", "PUT /upload bytes 3932160-7864319/9437184"}, "unexpected_answer", true, "/upload"},
		"range refused": {`{"error":{"code":"ErrorInvalidRange"}}`, 416, []string{"PUT /upload bytes 0-3932159/9437184", "PUT /upload bytes 3932160-7864319/9437184"}, "unexpected_answer", true, "/upload"},
		"trouble":       {``, 503, []string{"PUT /upload bytes 0-3932159/9437184", "PUT /upload bytes 3932160-7864319/9437184"}, "graph_down", true, "/upload"},
		"no address":    {``, 200, nil, "unexpected_answer", true, ""},
		"not https":     {``, 200, nil, "unexpected_answer", true, "http://elsewhere.example/"},
	} {
		t.Run(name, func(t *testing.T) {
			var s *server
			s = newServer(t, func(w http.ResponseWriter, r *http.Request) {
				span := r.Header.Get("Content-Range")
				switch {
				case r.URL.Path == "/upload" && strings.HasPrefix(span, "bytes 3932160-") && c.second+fmt.Sprint(c.status) != "200":
					w.WriteHeader(c.status)
					fmt.Fprint(w, c.second)
				case r.URL.Path == "/upload" && strings.HasSuffix(strings.Split(span, "/")[0], "-9437183"):
					w.WriteHeader(http.StatusCreated)
				case r.URL.Path == "/upload":
					_, last, _ := strings.Cut(strings.Split(span, "/")[0], "-")
					var n int
					fmt.Sscan(last, &n)
					fmt.Fprintf(w, `{"nextExpectedRanges":["%d-"]}`, n+1)
				case strings.HasSuffix(r.URL.Path, "/createUploadSession"):
					to := c.location
					if strings.HasPrefix(to, "/") {
						to = s.URL + to
					}
					w.WriteHeader(http.StatusCreated)
					fmt.Fprintf(w, `{"uploadUrl":%q}`, to)
				case r.Method == http.MethodGet:
					fmt.Fprint(w, `{"id":"d1","isDraft":true}`)
				case r.Method == http.MethodDelete:
					w.WriteHeader(http.StatusNoContent)
				default:
					w.WriteHeader(http.StatusCreated)
					fmt.Fprint(w, `{"id":"d1"}`)
				}
			})
			id, err := s.open(t, `{"draft_fence":true}`).(provider.Drafter).CreateDraft(t.Context(), toA(), withFile(size))
			want := append([]string{"POST /v1.0/me/messages auth", "POST /v1.0/me/messages/d1/attachments/createUploadSession auth"}, c.want...)
			if c.delete {
				want = append(want, "GET /v1.0/me/messages/d1 auth", "DELETE /v1.0/me/messages/d1 auth")
			}
			if d := cmp.Diff(want, s.seen); d != "" {
				t.Errorf("calls (-want +got):\n%s", d)
			}
			if c.problem == "" {
				if err != nil || id != "d1" {
					t.Errorf("%q %v", id, err)
				}
				return
			}
			e, ok := err.(*provider.Error)
			if !ok || e.Cause != c.problem || e.Class != provider.Retry || id != "" {
				t.Errorf("%q %v, want retry with cause %s", id, err, c.problem)
			}
		})
	}
}

// A token is never shown to another address than Graph's, also where an answer leads there.
func TestNextPageElsewhere(t *testing.T) {
	elsewhere := newServer(t, func(http.ResponseWriter, *http.Request) {})
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"value":[],"@odata.nextLink":"%s/v1.0/me/messages?$skip=1"}`, elsewhere.URL)
	})
	_, err := s.open(t, `{}`).(provider.Looker).Look(t.Context(), provider.LookQuery{IDs: map[email.ID]bool{"msg_1": true}})
	if e, ok := err.(*provider.Error); !ok || e.Cause != "unexpected_answer" || len(elsewhere.seen) > 0 {
		t.Errorf("%v; elsewhere saw %v", err, elsewhere.seen)
	}
}

// Look goes from page to page until it is past the oldest attempt, and no further.
func TestLookStopsInTime(t *testing.T) {
	now := time.Now().UTC()
	var s *server
	s = newServer(t, func(w http.ResponseWriter, r *http.Request) {
		age := 10 * time.Minute
		if r.URL.Query().Get("$skip") == "" {
			age = 0
		}
		fmt.Fprintf(w, `{"value":[{"id":"i1","sentDateTime":%q,"internetMessageId":"<msg_01jd2q0000e0080g40r40m30e2@x.example>"}],"@odata.nextLink":"%s/v1.0/me/mailFolders/sentitems/messages?$skip=1"}`,
			now.Add(-age).Format(time.RFC3339), s.URL)
	})
	p := s.open(t, `{}`).(provider.Looker)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // there is always one more page
	defer cancel()
	found, err := p.Look(ctx, provider.LookQuery{IDs: map[email.ID]bool{"msg_other": true}, Since: now.Add(-time.Minute)})
	if err != nil || len(found) != 0 || len(s.seen) != 2 {
		t.Errorf("%v %v after %d pages, want none after 2", found, err, len(s.seen))
	}
	found, err = p.Look(t.Context(), provider.LookQuery{IDs: map[email.ID]bool{"msg_01jd2q0000e0080g40r40m30e2": true}, Since: now})
	if err != nil || found["msg_01jd2q0000e0080g40r40m30e2"] != "i1" || len(s.seen) != 3 {
		t.Errorf("by Message-ID: %v %v after %d pages", found, err, len(s.seen)-2)
	}
}

// Graph's clock may be a little behind gatepost's: what seems to be a minute older than the
// oldest attempt does not end the search; what is three minutes older does.
func TestLookAllowsForClocks(t *testing.T) {
	now := time.Now().UTC()
	for age, want := range map[time.Duration]int{time.Minute: 1, 3 * time.Minute: 0} {
		var s *server
		s = newServer(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("$skip") == "" {
				fmt.Fprintf(w, `{"value":[{"id":"i0","sentDateTime":%q}],"@odata.nextLink":"%s/v1.0/me/mailFolders/sentitems/messages?$skip=1"}`, now.Add(-age).Format(time.RFC3339), s.URL)
				return
			}
			fmt.Fprint(w, `{"value":[{"id":"i1","internetMessageId":"<msg_01jd2q0000e0080g40r40m30e2@x.example>"}]}`)
		})
		found, err := s.open(t, `{}`).(provider.Looker).Look(t.Context(), provider.LookQuery{IDs: map[email.ID]bool{"msg_01jd2q0000e0080g40r40m30e2": true}, Since: now})
		if err != nil || len(found) != want || len(s.seen) != want+1 {
			t.Errorf("%v older: %v %v after %d pages", age, found, err, len(s.seen))
		}
	}
}

// How a send ends: by status, and by what was sent before it broke. Exactly one request
// is made, whatever happens.
func TestOneRequest(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		class  provider.Class
		cause  string
	}{
		"yes":            {202, ``, 0, ""},
		"strange yes":    {200, `<html>`, 0, ""},
		"redirect":       {307, ``, provider.Unknown, "ambiguous_answer"},
		"trouble":        {503, `{"error":{"code":"ErrorServerBusy","message":"m"}}`, provider.Unknown, "ambiguous_answer"},
		"moving":         {503, `{"error":{"code":"MailboxInfoStale"}}`, provider.Unknown, "ambiguous_answer"},
		"rate":           {429, `{"error":{"code":"TooManyRequests"}}`, provider.Park, "rate_limited"},
		"quota":          {429, `{"error":{"code":"ErrorSubmissionQuotaExceeded"}}`, provider.Park, "daily_limit"},
		"bad base64":     {400, `{"error":{"code":"ErrorMimeContentInvalidBase64String"}}`, provider.Fail, "message_refused"},
		"too large":      {413, ``, provider.Fail, "message_too_large"},
		"not a word":     {404, ``, provider.Retry, "unexpected_answer"},
		"proxy's answer": {407, `<html>proxy</html>`, provider.Retry, "unexpected_answer"},
	} {
		s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		receipt, err := s.open(t, `{}`).Send(t.Context(), toA(), email.Bytes("To: a@x.example\r\n\r\nhello\r\n"))
		if len(s.seen) != 1 || s.seen[0] != "POST /v1.0/me/sendMail auth" || len(s.ids) != 1 {
			t.Errorf("%s: calls %v", name, s.seen)
		}
		if c.class == 0 {
			if err != nil || !strings.Contains(receipt.Reply, "client-request-id") {
				t.Errorf("%s: %+v %v", name, receipt, err)
			}
			continue
		}
		e, ok := err.(*provider.Error)
		if !ok || e.Class != c.class || e.Cause != c.cause || !strings.Contains(e.Reply, "client-request-id") || len(e.Reply) > 512 {
			t.Errorf("%s: %v, want %v %s", name, err, c.class, c.cause)
		}
	}
}

// How Graph refuses to send a message twice by its immutable id is not documented: what
// it is asked then decides.
func TestSendWhatIsNoDraft(t *testing.T) {
	for name, c := range map[string]struct {
		isDraft bool
		class   provider.Class
		cause   string
	}{
		"sent":        {false, provider.Unknown, provider.CauseDraftGone},
		"still there": {true, provider.Retry, "unexpected_answer"},
	} {
		s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				fmt.Fprintf(w, `{"id":"d1","isDraft":%t}`, c.isDraft)
				return
			}
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":{"code":"ErrorSomething","message":"not in these words"}}`)
		})
		_, err := s.open(t, `{"draft_fence":true}`).(provider.Drafter).SendDraft(t.Context(), toA(), "d1")
		if e, ok := err.(*provider.Error); !ok || e.Class != c.class || e.Cause != c.cause {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// DeleteDraft never touches what was sent, although its id is the same.
func TestDeleteDraftLooksFirst(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"id":"d1","isDraft":false}`)
	})
	if err := s.open(t, `{"draft_fence":true}`).(provider.Drafter).DeleteDraft(t.Context(), "d1"); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]string{"GET /v1.0/me/messages/d1 auth"}, s.seen); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
}

// What is built goes to the envelope's recipients and nobody else, whatever the header
// makes of them.
func TestBuiltRecipients(t *testing.T) {
	for name, c := range map[string]struct {
		head        string
		to, cc, bcc int
		wrong       bool
	}{
		"in the header": {"To: a@x.example\r\nCc: B@X.example\r\n", 1, 1, 0, false},
		"resent":        {"To: a@x.example\r\nResent-To: b@x.example\r\n", 1, 0, 1, false},
		"nobody to see": {"To: undisclosed-recipients:;\r\n", 0, 0, 2, false},
		"one too many":  {"To: a@x.example, b@x.example, c@x.example\r\n", 0, 0, 0, true},
	} {
		blue, problem := plan(email.Bytes(c.head+"\r\ntext\r\n"), 1<<20)
		if problem != nil {
			t.Errorf("%s: %v", name, problem)
			continue
		}
		err := blue.message.address([]string{"a@x.example", "b@x.example"})
		if (err != nil) != c.wrong {
			t.Errorf("%s: %v", name, err)
		}
		if m := blue.message; err == nil && (len(m.To) != c.to || len(m.Cc) != c.cc || len(m.Bcc) != c.bcc) {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// The recipients of what is built are seen to when it is built, not before.
func TestBuildAddressesTheDraft(t *testing.T) {
	var bcc string
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id":"d1","uploadUrl":""}`)
	})
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m graphMessage
		if json.Unmarshal(body, &m) == nil && len(m.Bcc) == 1 {
			bcc = m.Bcc[0].Email.Address
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		inner.ServeHTTP(w, r)
	})
	env := email.Envelope{From: "ada@contoso.example", Recipients: []string{"a@x.example", "b@x.example"}}
	raw := append(email.Bytes("Resent-To: b@x.example\r\n"), withFile(4<<20)...)
	_, _ = s.open(t, `{"draft_fence":true}`).(provider.Drafter).CreateDraft(t.Context(), env, raw) // the file is not the matter here
	if bcc != "b@x.example" {
		t.Errorf("blind recipient %q, want b@x.example", bcc)
	}
}

// FuzzPlan: whatever the message, its plan names files that a second reading finds again,
// and nobody that the header does not name.
func FuzzPlan(f *testing.F) {
	f.Add([]byte(withFile(10)))
	f.Add([]byte("Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\na\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--\r\n"))
	f.Add([]byte("Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<img src=cid:1>\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <1>\r\n\r\nx\r\n--b--\r\n"))
	f.Add([]byte("Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\nTo: =?utf-8?q?=C3=A4?= <a@x.example>\r\n\r\n=E4=\r\n"))
	f.Add([]byte("Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nhello\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		blue, problem := plan(email.Bytes(raw), 1<<20)
		if problem != nil {
			if problem.Class != provider.Fail || problem.Text == "" {
				t.Errorf("%+v", problem)
			}
			return
		}
		if _, err := json.Marshal(blue.message); err != nil {
			t.Error(err)
		}
		at := 0
		b := &reading{most: 1 << 20}
		if _, err := walk(email.Bytes(raw), b.visit); err != nil {
			t.Fatalf("the second reading: %v", err)
		}
		for at = range b.files {
			if at >= len(blue.files) || b.files[at] != blue.files[at] {
				t.Fatalf("the second reading found %+v, the first %+v", b.files, blue.files)
			}
		}
	})
}

// FuzzAnswers: whatever Graph answers, something is left to be shown, and nothing breaks.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"ErrorAccessDenied","message":"m","innerError":{"request-id":"x"}}}`), "a.eyJhcHBpZCI6ImEifQ.c")
	f.Add([]byte(`{"error":"invalid_grant"}`), "opaque")
	f.Add([]byte(`<html>502</html>`), "a.b.c")
	f.Fuzz(func(t *testing.T, body []byte, token string) {
		if a := readError(body); len(body) > 0 && a.Reason == "" && a.Text == "" {
			t.Errorf("nothing is left of %q", body)
		}
		_ = readClaims(email.NewSecret(token)).words()
		_ = expects(body, 0)
	})
}
