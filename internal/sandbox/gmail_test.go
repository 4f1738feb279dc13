package sandbox

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// mailbox reads a Workspace user's mail.
type mailbox struct {
	t      *testing.T
	w      *World
	client *http.Client
}

func (w *World) mailbox(t *testing.T, user string) mailbox {
	return mailbox{t, w, w.gmail(t, user, scopeReadonly)}
}

type listAnswer struct {
	Messages []messageRef `json:"messages"`
	Next     string       `json:"nextPageToken"`
}

func (m mailbox) list(query string) listAnswer {
	m.t.Helper()
	var got listAnswer
	a := do(m.t, m.client, "GET", m.w.GoogleURL+"/gmail/v1/users/me/messages?"+query, "", "")
	if a.status != 200 {
		m.t.Fatalf("list: %d %s", a.status, a.body)
	}
	a.into(m.t, &got)
	return got
}

func (m mailbox) raw(id string) string {
	m.t.Helper()
	a := do(m.t, m.client, "GET", m.w.GoogleURL+"/gmail/v1/users/me/messages/"+id+"?format=raw", "", "")
	var got gmailMessage
	a.into(m.t, &got)
	raw, err := base64.URLEncoding.DecodeString(got.Raw)
	if err != nil || a.status != 200 {
		m.t.Fatalf("get raw: %d %v %s", a.status, err, a.body)
	}
	return string(raw)
}

// sent sends by the Gmail API and returns the id.
func (w *World) sent(t *testing.T, c *http.Client, raw string) string {
	t.Helper()
	a := do(t, c, "POST", w.sendURL(), "application/json", rawJSON(raw))
	var ref messageRef
	a.into(t, &ref)
	if a.status != 200 || len(ref.ID) != 16 || !slices.Equal(ref.LabelIDs, []string{"SENT"}) {
		t.Fatalf("send: %d %s", a.status, a.body)
	}
	return ref.ID
}

func TestGmailTakesEachFormOfSending(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	raw := mailTo("bob@acme.example", "Date: Sat, 21 Nov 2026 08:00:00 +0000")
	upload := w.GoogleURL + "/upload/gmail/v1/users/" + ada + "/messages/send?uploadType="
	multipart := "--b\r\nContent-Type: application/json\r\n\r\n{}\r\n" +
		"--b\r\nContent-Type: message/rfc822\r\n\r\n" + raw + "\r\n--b--\r\n"
	for name, a := range map[string]answer{
		"JSON":             do(t, c, "POST", w.sendURL(), "application/json", rawJSON(raw)),
		"JSON, no padding": do(t, c, "POST", w.sendURL(), "application/json", strings.ReplaceAll(rawJSON(raw), "=", "")),
		"media":            do(t, c, "POST", upload+"media", "message/rfc822", raw),
		"multipart":        do(t, c, "POST", upload+"multipart", "multipart/related; boundary=b", multipart),
	} {
		if a.status != 200 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	bob := w.mailbox(t, "bob@acme.example")
	got := bob.list("labelIds=INBOX&labelIds=UNREAD").Messages
	if len(got) != 4 {
		t.Fatalf("bob has %d messages", len(got))
	}
	for _, ref := range got {
		if diff := cmp.Diff(raw, bob.raw(ref.ID)); diff != "" {
			t.Errorf("message as bob has it (-sent +has):\n%s", diff)
		}
	}
}

func TestGmailDeliversToBccAndHidesIt(t *testing.T) {
	w := world(t)
	id := w.sent(t, w.gmail(t, ada, scopeSend),
		mailTo("bob@acme.example", "Bcc: Eve <eve@acme.example>,\r\n mal@acme.example", "Cc: bob@ACME.example"))
	for _, user := range []string{"bob@acme.example", "eve@acme.example", "mal@acme.example"} {
		box := w.mailbox(t, user)
		got := box.list("").Messages
		if len(got) != 1 {
			t.Fatalf("%s has %d messages", user, len(got))
		}
		if raw := box.raw(got[0].ID); strings.Contains(strings.ToLower(raw), "bcc") || strings.Contains(raw, "eve@") {
			t.Errorf("%s sees Bcc:\n%s", user, raw)
		}
	}
	if raw := w.mailbox(t, ada).raw(id); !strings.Contains(raw, "Bcc: Eve <eve@acme.example>,\r\n mal@acme.example\r\n") {
		t.Errorf("the Sent copy does not show Bcc:\n%s", raw)
	}
	want := []string{"bob@acme.example", "eve@acme.example", "mal@acme.example"}
	if diff := cmp.Diff(want, w.ledger(t)[0].Recipients); diff != "" {
		t.Errorf("recipients in the ledger (-want +got):\n%s", diff)
	}
}

func TestGmailRewritesAnAuthorThatIsNotTheAccount(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	raw := strings.Replace(mailTo("bob@example.net"), "Ada <"+ada+">", "The Boss <boss@acme.example>", 1)
	box := w.mailbox(t, ada)
	if got := box.raw(w.sent(t, c, raw)); !strings.HasPrefix(got, "From: \"The Boss\" <"+ada+">\r\nTo: ") {
		t.Errorf("rewritten:\n%s", got)
	}
	bare := box.raw(w.sent(t, c, "To: bob@example.net\r\n\r\nHi.\r\n"))
	for _, want := range []string{"From: " + ada + "\r\n", "Message-ID: <", "Date: "} {
		if !strings.Contains(bare, want) {
			t.Errorf("not completed with %q:\n%s", want, bare)
		}
	}
}

func TestGmailRefusesWhatItCannotSend(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	upload := w.GoogleURL + "/upload/gmail/v1/users/me/messages/send?uploadType="
	send := func(raw string) answer { return do(t, c, "POST", w.sendURL(), "application/json", rawJSON(raw)) }
	for name, x := range map[string]struct {
		answer
		wantStatus int
		wantText   string
	}{
		"no recipient":      {send("From: " + ada + "\r\n\r\nHi.\r\n"), 400, "Recipient address required"},
		"empty group":       {send(mailTo("undisclosed-recipients:;")), 400, "Recipient address required"},
		"bad To":            {send(mailTo("bob")), 400, "Invalid To header"},
		"bad Cc":            {send(mailTo("bob@example.net", "Cc: @@")), 400, "Invalid Cc header"},
		"no raw":            {do(t, c, "POST", w.sendURL(), "application/json", "{}"), 400, textNoRaw},
		"no JSON":           {do(t, c, "POST", w.sendURL(), "application/json", "{"), 400, "Parse Error"},
		"no base64url":      {do(t, c, "POST", w.sendURL(), "application/json", `{"raw":"a+/b"}`), 400, "Invalid value"},
		"JSON too large":    {do(t, c, "POST", w.sendURL(), "application/json", strings.Repeat(" ", maxJSONBody+1)), 413, "Request Entity Too Large"},
		"message too large": {do(t, c, "POST", upload+"media", "message/rfc822", strings.Repeat("a", maxMessage+1)), 413, "Request Entity Too Large"},
		"other media":       {do(t, c, "POST", upload+"media", "text/plain", mailTo("a@b.c")), 400, "Media type"},
		"other upload":      {do(t, c, "POST", upload+"simple", "message/rfc822", "x"), 400, "uploadType"},
		"no boundary":       {do(t, c, "POST", upload+"multipart", "multipart/related", "x"), 400, "multipart"},
		"no such page":      {do(t, c, "POST", w.GoogleURL+"/gmail/v1/users/me/threads", "", ""), 404, "not found"},
	} {
		if x.status != x.wantStatus || !strings.Contains(x.body, x.wantText) {
			t.Errorf("%s: %d %s", name, x.status, x.body)
		}
	}
	if n := len(w.ledger(t)); n != 0 {
		t.Errorf("%d messages were taken", n)
	}
}

func TestGmailTakesAMessageOf35MiB(t *testing.T) {
	w := world(t)
	head := mailTo("bob@example.net")
	raw := head + strings.Repeat("a", maxMessage-len(head))
	a := do(t, w.gmail(t, ada, scopeSend), "POST",
		w.GoogleURL+"/upload/gmail/v1/users/me/messages/send?uploadType=media", "message/rfc822", raw)
	if a.status != 200 || w.ledger(t)[0].Size != 36_700_160 {
		t.Errorf("send: %d %s", a.status, a.body)
	}
}

func TestGmailChecksTokenScopeAndUser(t *testing.T) {
	w := world(t)
	base := w.GoogleURL + "/gmail/v1/users/"
	stranger := w.client(t)
	sender := w.gmail(t, ada, scopeSend)
	watcher := w.gmail(t, ada, scopeMetadata)
	unlicensed := w.gmail(t, "no-gmail@acme.example", scopeMetadata)
	itself := w.gmail(t, "", scopeMetadata)
	own := w.sent(t, sender, mailTo("bob@example.net"))
	for name, x := range map[string]struct {
		client   *http.Client
		url      string
		status   int
		wantText string
	}{
		"no token":            {stranger, "me/messages", 401, `"reason":"authError"`},
		"send may not list":   {sender, "me/messages", 403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"},
		"send has no profile": {sender, "me/profile", 403, "insufficientPermissions"},
		"other user":          {watcher, "bob@acme.example/messages", 403, "Delegation denied for " + ada},
		"own address":         {watcher, "ADA@acme.example/messages", 200, own},
		"metadata, q":         {watcher, "me/messages?q=in:sent", 403, "Metadata scope does not support 'q' parameter"},
		"metadata, full":      {watcher, "me/messages/" + own, 403, "Metadata scope doesn't allow format FULL"},
		"metadata, raw":       {watcher, "me/messages/" + own + "?format=raw", 403, "Metadata scope doesn't allow format RAW"},
		"metadata, minimal":   {watcher, "me/messages/" + own + "?format=minimal", 200, own},
		"no licence":          {unlicensed, "me/profile", 400, "Mail service not enabled"},
		"for itself":          {itself, "me/profile", 400, "Precondition check failed."},
		"no such message":     {watcher, "me/messages/00000000000000aa?format=minimal", 404, `"reason":"notFound"`},
		"no id":               {watcher, "me/messages/xyz?format=minimal", 400, "Invalid id value"},
	} {
		if a := do(t, x.client, "GET", base+x.url, "", ""); a.status != x.status || !strings.Contains(a.body, x.wantText) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	a := do(t, watcher, "POST", w.sendURL(), "application/json", rawJSON(mailTo("bob@example.net")))
	if a.status != 403 {
		t.Errorf("metadata may send: %d", a.status)
	}
	bob := w.gmail(t, "bob@acme.example", scopeMetadata)
	if a := do(t, bob, "GET", base+"me/messages/"+own+"?format=minimal", "", ""); a.status != 404 {
		t.Errorf("bob sees ada's mail: %d", a.status)
	}
}

func TestGmailListsNewestFirstInPages(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeSend)
	box := w.mailbox(t, ada)
	if a := do(t, box.client, "GET", w.GoogleURL+"/gmail/v1/users/me/messages", "", ""); strings.Contains(a.body, `"messages"`) {
		t.Errorf("an empty list is not absent: %s", a.body)
	}
	var want []string
	for i := range 7 {
		want = append(want, w.sent(t, c, mailTo(fmt.Sprintf("u%d@example.net", i))))
	}
	slices.Reverse(want)
	_ = submit(w.smtp(t), "x@example.net", mailTo(ada), ada) // in the inbox, not in Sent

	var got []string
	page := box.list("labelIds=SENT&maxResults=3")
	for pages := 1; ; pages++ {
		for _, m := range page.Messages {
			got = append(got, m.ID)
		}
		if page.Next == "" || pages > 3 {
			break
		}
		w.sent(t, c, mailTo("later@example.net")) // does not shift the pages
		page = box.list("labelIds=SENT&maxResults=3&pageToken=" + page.Next)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Sent, newest first (-want +got):\n%s", diff)
	}
	if n := len(box.list("labelIds=SENT&labelIds=INBOX").Messages); n != 0 {
		t.Errorf("labels are not joined by AND: %d", n)
	}
	if n := len(box.list("maxResults=9999").Messages); n != 10 {
		t.Errorf("whole mailbox: %d", n)
	}
	if n := len(box.list("q=in:inbox+rfc822msgid:one@acme.example").Messages); n != 1 {
		t.Errorf("search: %d", n)
	}
}

func TestGmailShowsHeadersAndProfile(t *testing.T) {
	w := world(t)
	id := w.sent(t, w.gmail(t, ada, scopeSend), mailTo("bob@example.net"))
	c := w.gmail(t, ada, scopeMetadata)
	a := do(t, c, "GET", w.GoogleURL+"/gmail/v1/users/me/messages/"+id+
		"?format=metadata&metadataHeaders=x-gatepost-id&metadataHeaders=Subject", "", "")
	var m gmailMessage
	a.into(t, &m)
	want := []payloadHeader{{"Subject", "Hello"}, {"X-Gatepost-Id", "msg_1"}}
	if m.Payload == nil || !slices.Equal(m.Payload.Headers, want) || m.Raw != "" {
		t.Errorf("metadata: %s", a.body)
	}
	ms := w.ledger(t)[0].At.UnixMilli()
	if m.InternalDate != fmt.Sprint(ms) || m.HistoryID == "" || m.SizeEstimate == 0 {
		t.Errorf("metadata: %s", a.body)
	}
	a = do(t, c, "GET", w.GoogleURL+"/gmail/v1/users/me/profile", "", "")
	var p struct {
		Address  string `json:"emailAddress"`
		Messages int    `json:"messagesTotal"`
		History  string `json:"historyId"`
	}
	a.into(t, &p)
	if p.Address != ada || p.Messages != 1 || p.History == "" {
		t.Errorf("profile: %s", a.body)
	}
}

func TestSentCopyAppearsAfterTheDelay(t *testing.T) {
	c := &clock{at: time.Now()}
	w := world(t, func(cfg *Config) { cfg.Now, cfg.SentDelay = c.now, 2*time.Second })
	id := w.sent(t, w.gmail(t, ada, scopeSend), mailTo("bob@acme.example"))
	box := w.mailbox(t, ada)
	if n := len(box.list("labelIds=SENT").Messages); n != 0 {
		t.Error("the Sent copy is there at once")
	}
	if n := len(w.mailbox(t, "bob@acme.example").list("").Messages); n != 1 {
		t.Error("the recipient must wait as well")
	}
	c.advance(2 * time.Second)
	if got := box.list("labelIds=SENT").Messages; len(got) != 1 || got[0].ID != id {
		t.Errorf("after the delay: %v", got)
	}
}
