package oracle

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
	"google.golang.org/api/gmail/v1"
	"google.golang.org/api/googleapi"
)

const (
	ada   = "ada@acme.example"
	hello = "From: ada@acme.example\r\nTo: grace@example.com\r\nSubject: Hello\r\nMessage-ID: <1@acme.example>\r\n\r\nHello, Grace.\r\n"
)

// A service account sends for a user, and finds the message in his Sent mail.
func TestServiceAccountSendsListsAndGets(t *testing.T) {
	w := newWorld(t)
	s := w.mailbox(ada, gmail.GmailModifyScope)
	sent, err := s.Users.Messages.Send("me", raw(hello)).Do()
	if err != nil {
		t.Fatal(err)
	}
	if sent.Id == "" || sent.ThreadId == "" || !cmp.Equal(sent.LabelIds, []string{"SENT"}) {
		t.Errorf("sent: %+v", sent)
	}
	list, err := s.Users.Messages.List("me").LabelIds("SENT").Do()
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Messages) != 1 || list.Messages[0].Id != sent.Id || list.ResultSizeEstimate != 1 {
		t.Errorf("list: %+v", list)
	}
	if found, err := s.Users.Messages.List("me").Q("rfc822msgid:1@acme.example").Do(); err != nil || len(found.Messages) != 1 {
		t.Errorf("search by Message-ID: %+v, %v", found, err)
	}
	got, err := s.Users.Messages.Get("me", sent.Id).Format("full").Do()
	if err != nil {
		t.Fatal(err)
	}
	if subject(got) != "Hello" || got.InternalDate == 0 || got.SizeEstimate == 0 || got.HistoryId == 0 || body(t, got.Payload) != "Hello, Grace.\r\n" {
		t.Errorf("got %+v", got)
	}
}

// Each format shows as much as Google's does.
func TestFormats(t *testing.T) {
	w := newWorld(t)
	s := w.mailbox(ada, gmail.GmailReadonlyScope, gmail.GmailSendScope)
	sent, err := s.Users.Messages.Send("me", raw(hello)).Do()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := s.Users.Messages.Get("me", sent.Id).Format("raw").Do()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := base64.URLEncoding.DecodeString(whole.Raw); err != nil || !bytes.Contains(b, []byte("\r\n\r\nHello, Grace.\r\n")) || whole.Payload != nil {
		t.Errorf("raw: %q, %v", b, err)
	}
	head, err := s.Users.Messages.Get("me", sent.Id).Format("metadata").MetadataHeaders("Subject").Do()
	if err != nil || len(head.Payload.Headers) != 1 || subject(head) != "Hello" || head.Payload.Body != nil && head.Payload.Body.Data != "" {
		t.Errorf("metadata: %+v, %v", head, err)
	}
	little, err := s.Users.Messages.Get("me", sent.Id).Format("minimal").Do()
	if err != nil || little.Payload != nil || little.Id != sent.Id {
		t.Errorf("minimal: %+v, %v", little, err)
	}
	if one, err := s.Users.Messages.Get("me", sent.Id).Fields("id").Do(); err != nil || one.Id != sent.Id {
		t.Errorf("partial: %+v, %v", one, err)
	}
}

// The library's own resumable upload, in chunks, arrives whole.
func TestResumableUpload(t *testing.T) {
	w := newWorld(t)
	s := w.mailbox(ada, gmail.GmailModifyScope)
	message := hello + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 12_000)
	var steps int
	sent, err := s.Users.Messages.Send("me", &gmail.Message{}).
		Media(strings.NewReader(message), googleapi.ContentType("message/rfc822"), googleapi.ChunkSize(256<<10)).
		ProgressUpdater(func(_, _ int64) { steps++ }).Do()
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Users.Messages.Get("me", sent.Id).Format("raw").Do()
	if err != nil {
		t.Fatal(err)
	}
	b, err := base64.URLEncoding.DecodeString(got.Raw)
	if err != nil || !bytes.HasSuffix(b, []byte(message[len(message)-100_000:])) || steps < 3 {
		t.Errorf("%d bytes of %d after %d steps, %v", len(b), len(message), steps, err)
	}
}

// An answer joins its conversation by thread id, References and subject.
func TestThread(t *testing.T) {
	w := newWorld(t)
	s := w.mailbox(ada, gmail.GmailModifyScope)
	first, err := s.Users.Messages.Send("me", raw(hello)).Do()
	if err != nil {
		t.Fatal(err)
	}
	answer := raw("From: ada@acme.example\r\nTo: grace@example.com\r\nSubject: Re: Hello\r\nIn-Reply-To: <1@acme.example>\r\nReferences: <1@acme.example>\r\n\r\nMore.\r\n")
	answer.ThreadId = first.ThreadId
	second, err := s.Users.Messages.Send("me", answer).Do()
	if err != nil || second.ThreadId != first.ThreadId || second.Id == first.Id {
		t.Errorf("%+v, %v", second, err)
	}
	got, err := s.Users.Messages.Get("me", second.Id).Format("minimal").Do()
	if err != nil || got.ThreadId != first.ThreadId {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestProfileAliasesAndLabels(t *testing.T) {
	w := newWorld(t)
	s := w.mailbox(ada, gmail.GmailModifyScope, gmail.GmailSettingsBasicScope)
	if p, err := s.Users.GetProfile("me").Do(); err != nil || p.EmailAddress != ada {
		t.Errorf("profile %+v, %v", p, err)
	}
	aliases, err := s.Users.Settings.SendAs.List("me").Do()
	if err != nil || len(aliases.SendAs) == 0 || aliases.SendAs[0].SendAsEmail != ada || !aliases.SendAs[0].IsPrimary {
		t.Errorf("aliases %+v, %v", aliases, err)
	}
	labels, err := s.Users.Labels.List("me").Do()
	if err != nil || len(labels.Labels) < 3 {
		t.Errorf("labels %+v, %v", labels, err)
	}
}

// Errors come in the shapes that the library reads.
func TestErrors(t *testing.T) {
	w := newWorld(t)
	s := w.mailbox(ada, gmail.GmailSendScope)
	_, err := s.Users.Messages.List("me").Do()
	e := refused(t, err, http.StatusForbidden, "insufficientPermissions")
	if !strings.Contains(e.Body, "ACCESS_TOKEN_SCOPE_INSUFFICIENT") {
		t.Errorf("details: %s", e.Body)
	}
	_, err = s.Users.Messages.Send("me", raw("From: ada@acme.example\r\nSubject: nobody\r\n\r\nx\r\n")).Do()
	refused(t, err, http.StatusBadRequest, "invalidArgument")
	_, err = s.Users.Messages.Send("grace@acme.example", raw(hello)).Do()
	refused(t, err, http.StatusForbidden, "forbidden")
	_, err = s.Users.Messages.Send("me", raw(strings.Replace(hello, "grace@", "fault.quota@", 1))).Do()
	refused(t, err, http.StatusForbidden, "userRateLimitExceeded")
	e = refused(t, sendTo(s, "fault.rate.30@example.com"), http.StatusTooManyRequests, "rateLimitExceeded")
	if e.Header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After %q", e.Header.Get("Retry-After"))
	}
	dead := w.service(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "ya29.dead"}))
	_, err = dead.Users.GetProfile("me").Do()
	refused(t, err, http.StatusUnauthorized, "authError")
	readers := w.mailbox(ada, gmail.GmailReadonlyScope)
	_, err = readers.Users.Messages.Get("me", "197fd1e3677ceb5e").Do()
	refused(t, err, http.StatusNotFound, "notFound")
}

func sendTo(s *gmail.Service, to string) error {
	_, err := s.Users.Messages.Send("me", raw("From: ada@acme.example\r\nTo: "+to+"\r\nSubject: x\r\n\r\nx\r\n")).Do()
	return err
}

// The token endpoint refuses in the form that x/oauth2 reads.
func TestTokenRefused(t *testing.T) {
	w := newWorld(t)
	_, err := w.mailbox("nobody@acme.example", gmail.GmailSendScope).Users.Messages.Send("me", raw(hello)).Do()
	noToken(t, err, http.StatusBadRequest, "invalid_grant")
	_, err = w.mailbox("someone@other.example", gmail.GmailSendScope).Users.Messages.Send("me", raw(hello)).Do()
	noToken(t, err, http.StatusUnauthorized, "unauthorized_client")
}

// noToken reads a refusal of the token endpoint. For signed requests the library
// leaves the body as it came.
func noToken(t *testing.T, err error, status int, code string) {
	t.Helper()
	var e *oauth2.RetrieveError
	var answer struct{ Error string }
	if !errors.As(err, &e) || e.Response.StatusCode != status || json.Unmarshal(e.Body, &answer) != nil || answer.Error != code {
		t.Errorf("%v, want %d %s", err, status, code)
	}
}

func subject(m *gmail.Message) string {
	for _, h := range m.Payload.Headers {
		if h.Name == "Subject" {
			return h.Value
		}
	}
	return ""
}

func body(t *testing.T, p *gmail.MessagePart) string {
	t.Helper()
	b, err := base64.URLEncoding.DecodeString(p.Body.Data)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
