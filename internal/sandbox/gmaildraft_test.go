package sandbox

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

func (w *World) draftsURL(rest string) string {
	return w.GoogleURL + "/gmail/v1/users/me/drafts" + rest
}

// drafted makes a draft and returns its id and its message's.
func (w *World) drafted(t *testing.T, c *http.Client, raw string) (draft, message string) {
	t.Helper()
	var got struct {
		ID      string     `json:"id"`
		Message messageRef `json:"message"`
	}
	a := do(t, c, "POST", w.draftsURL(""), "application/json", `{"message":`+rawJSON(raw)+`}`)
	a.into(t, &got)
	if a.status != 200 || got.ID == "" || !slices.Equal(got.Message.LabelIDs, []string{"DRAFT"}) {
		t.Fatalf("make a draft: %d %s", a.status, a.body)
	}
	return got.ID, got.Message.ID
}

// sendDraft sends one and returns the status and the message that was made of it.
func (w *World) sendDraft(t *testing.T, c *http.Client, id string) (status int, message messageRef) {
	t.Helper()
	a := do(t, c, "POST", w.draftsURL("/send"), "application/json", `{"id":"`+id+`"}`)
	a.into(t, &message)
	return a.status, message
}

// A draft is seen, and leaves nobody anything, until it is sent: once, as a message
// with an id of its own. Then it is gone.
func TestDraftsLive(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeCompose)
	id, within := w.drafted(t, c, mailTo("bob@acme.example"))
	var shown struct {
		ID      string       `json:"id"`
		Message gmailMessage `json:"message"`
	}
	a := do(t, c, "GET", w.draftsURL("/"+id+"?format=raw"), "", "")
	a.into(t, &shown)
	raw, err := base64.URLEncoding.DecodeString(shown.Message.Raw)
	if a.status != 200 || err != nil || !strings.Contains(string(raw), "X-Gatepost-Id: msg_1") || shown.Message.ID != within {
		t.Errorf("the draft: %d %v %s", a.status, err, a.body)
	}
	if n := len(w.ledger(t)); n != 0 {
		t.Errorf("%d messages have left before the draft was sent", n)
	}
	status, sent := w.sendDraft(t, c, id)
	if status != 200 || sent.ID == within || !slices.Contains(sent.LabelIDs, "SENT") {
		t.Errorf("sent: %d %+v", status, sent)
	}
	if n := len(w.ledger(t)); n != 1 {
		t.Errorf("%d messages in the ledger", n)
	}
	for what, status := range map[string]int{
		"sent again": func() int { s, _ := w.sendDraft(t, c, id); return s }(),
		"shown":      do(t, c, "GET", w.draftsURL("/"+id), "", "").status,
		"deleted":    do(t, c, "DELETE", w.draftsURL("/"+id), "", "").status,
	} {
		if status != http.StatusNotFound {
			t.Errorf("%s after it was sent: %d", what, status)
		}
	}
}

// Of many who send the same draft at the same time one does.
func TestDraftIsSentByOne(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeCompose)
	id, _ := w.drafted(t, c, mailTo("bob@acme.example"))
	var all sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		all.Go(func() {
			if a, err := try(c, "POST", w.draftsURL("/send"), "application/json", `{"id":"`+id+`"}`); err == nil {
				statuses[i] = a.status
			}
		})
	}
	all.Wait()
	slices.Sort(statuses)
	if n := len(w.ledger(t)); n != 1 || statuses[0] != 200 || statuses[1] != http.StatusNotFound {
		t.Errorf("%d copies left; the answers were %v", n, statuses)
	}
}

// A mailbox lists its own drafts, newest first, a page at a time, and another's are
// not there for it.
func TestDraftsAreListed(t *testing.T) {
	w := world(t)
	c, other := w.gmail(t, ada, scopeCompose), w.gmail(t, "bob@acme.example", scopeCompose)
	var want []string
	for range 3 {
		id, _ := w.drafted(t, c, mailTo("bob@acme.example"))
		want = append([]string{id}, want...)
	}
	if s := do(t, other, "GET", w.draftsURL("/"+want[0]), "", "").status; s != http.StatusNotFound {
		t.Errorf("another's draft: %d", s)
	}
	if s, _ := w.sendDraft(t, other, want[0]); s != http.StatusNotFound {
		t.Errorf("another's draft is sent: %d", s)
	}
	var got []string
	for token := ""; ; {
		var page struct {
			Drafts []struct{ ID string }
			Next   string `json:"nextPageToken"`
		}
		do(t, c, "GET", w.draftsURL("?maxResults=2&pageToken="+token), "", "").into(t, &page)
		for _, d := range page.Drafts {
			got = append(got, d.ID)
		}
		if token = page.Next; token == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	if a := do(t, c, "DELETE", w.draftsURL("/"+want[0]), "", ""); a.status != http.StatusNoContent {
		t.Errorf("deleted: %d %s", a.status, a.body)
	}
	if a := do(t, other, "GET", w.draftsURL(""), "", ""); a.status != 200 || strings.Contains(a.body, "drafts\"") {
		t.Errorf("of another mailbox: %d %s", a.status, a.body)
	}
}

// Drafts need their scope: who may only send, or read headers, makes and sends none.
func TestDraftsNeedTheirScope(t *testing.T) {
	w := world(t)
	id, _ := w.drafted(t, w.gmail(t, ada, scopeCompose), mailTo("bob@acme.example"))
	for _, scope := range []string{scopeSend, scopeMetadata, scopeReadonly} {
		c := w.gmail(t, ada, scope)
		for what, a := range map[string]answer{
			"make":   do(t, c, "POST", w.draftsURL(""), "application/json", `{"message":`+rawJSON(mailTo("bob@acme.example"))+`}`),
			"send":   do(t, c, "POST", w.draftsURL("/send"), "application/json", `{"id":"`+id+`"}`),
			"delete": do(t, c, "DELETE", w.draftsURL("/"+id), "", ""),
		} {
			if a.status != http.StatusForbidden {
				t.Errorf("%s with %s: %d %s", what, scope, a.status, a.body)
			}
		}
	}
}

// The faults of drafts: an answer that lies, and a draft that disappears. Neither
// sends anything.
func TestDraftFaults(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeCompose)
	a := do(t, c, "POST", w.draftsURL(""), "application/json", `{"message":`+rawJSON(mailTo("fault.draft_error_after.500@example.com"))+`}`)
	if a.status != 500 || !strings.Contains(do(t, c, "GET", w.draftsURL(""), "", "").body, `"id"`) {
		t.Errorf("draft_error_after: %d %s", a.status, a.body)
	}
	id, _ := w.drafted(t, c, mailTo("fault.draft_gone@example.com"))
	if s, _ := w.sendDraft(t, c, id); s != http.StatusNotFound {
		t.Errorf("draft_gone: %d", s)
	}
	if n := len(w.ledger(t)); n != 0 {
		t.Errorf("%d messages have left", n)
	}
}

// What is no draft is refused in Google's words.
func TestBadDrafts(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeCompose)
	for body, want := range map[string]int{`{`: 400, `{}`: 400, `{"message":{}}`: 400, `{"message":{"raw":"%%%"}}`: 400} {
		if a := do(t, c, "POST", w.draftsURL(""), "application/json", body); a.status != want || !strings.Contains(a.body, `"error"`) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	for body, want := range map[string]int{`{`: 400, `{}`: 400, `{"id":"r0"}`: 404} {
		if a := do(t, c, "POST", w.draftsURL("/send"), "application/json", body); a.status != want {
			t.Errorf("send %s: %d %s", body, a.status, a.body)
		}
	}
	url := fmt.Sprintf("%s/upload/gmail/v1/users/me/drafts?uploadType=", w.GoogleURL)
	for kind, want := range map[string]int{"media": 200, "resumable": 400, "": 400} {
		if a := do(t, c, "POST", url+kind, "message/rfc822", mailTo("bob@acme.example")); a.status != want {
			t.Errorf("upload %q: %d %s", kind, a.status, a.body)
		}
	}
}
