package sandbox

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestGmailShowsTheWholeMessage(t *testing.T) {
	w := world(t)
	if err := submit(w.smtp(t), ada, crafted, ada); err != nil {
		t.Fatal(err)
	}
	box := w.mailbox(t, ada)
	id := box.list("").Messages[0].ID
	var m gmailMessage
	do(t, box.client, "GET", w.GoogleURL+"/gmail/v1/users/me/messages/"+id, "", "").into(t, &m)
	p := m.Payload
	if p == nil || p.MimeType != "multipart/mixed" || len(p.Parts) != 2 || len(p.Parts[0].Parts) != 2 || m.Snippet != "Grüße" {
		t.Fatalf("parts: %+v", m)
	}
	text, file := p.Parts[0].Parts[0], p.Parts[1]
	data, _ := base64.URLEncoding.DecodeString(text.Body.Data)
	if text.PartID != "0.0" || string(data) != "Grüße" || text.Headers[0].Name != "Content-Type" {
		t.Errorf("text: %+v %q", text, data)
	}
	if file.PartID != "1" || file.Filename != "a.pdf" || file.Body.Size != 5 || file.Body.Data != "" || file.Body.AttachmentID == "" {
		t.Errorf("file: %+v %+v", file, file.Body)
	}
	base := w.GoogleURL + "/gmail/v1/users/me/messages/" + id + "/attachments/"
	var got payloadBody
	do(t, box.client, "GET", base+file.Body.AttachmentID, "", "").into(t, &got)
	if data, _ := base64.URLEncoding.DecodeString(got.Data); string(data) != "Hello" || got.Size != 5 {
		t.Errorf("attachment: %+v", got)
	}
	for suffix, want := range map[string]int{"x": 400, attachmentID("7"): 404} {
		if a := do(t, box.client, "GET", base+suffix, "", ""); a.status != want {
			t.Errorf("attachment %s: %d", suffix, a.status)
		}
	}
	watcher := w.gmail(t, ada, scopeMetadata)
	if a := do(t, watcher, "GET", base+file.Body.AttachmentID, "", ""); a.status != 403 {
		t.Errorf("attachment with metadata: %d", a.status)
	}
	if a := do(t, watcher, "GET", w.GoogleURL+"/gmail/v1/users/me/labels", "", ""); !strings.Contains(a.body, `{"id":"INBOX","name":"INBOX","type":"system"}`) {
		t.Errorf("labels: %d %s", a.status, a.body)
	}
}

func TestGmailListsSendAs(t *testing.T) {
	w := world(t)
	c := w.gmail(t, ada, scopeReadonly)
	list := w.GoogleURL + "/gmail/v1/users/me/settings/sendAs"
	own := do(t, c, "GET", list, "", "")
	if !strings.HasPrefix(own.body, `{"sendAs":[{"sendAsEmail":"ada@acme.example","displayName":"Ada","replyToAddress":"","signature":"","isPrimary":true,"isDefault":true}]}`) {
		t.Errorf("own address: %s", own.body)
	}
	set := w.ask(t, "PUT", "/control/send-as", `{"account":"ada@acme.example","send_as":[
		{"sendAsEmail":"hello@acme.example","displayName":"Acme"},{"sendAsEmail":"sales@acme.example","verificationStatus":"pending"}]}`)
	if set.status != 200 {
		t.Fatalf("control: %d %s", set.status, set.body)
	}
	both := do(t, c, "GET", list, "", "")
	if !strings.Contains(both.body, `"sendAsEmail":"hello@acme.example","displayName":"Acme"`) || strings.Count(both.body, "pending") != 1 {
		t.Errorf("aliases: %s", both.body)
	}
	if one := do(t, c, "GET", list+"/hello@acme.example", "", ""); one.status != 200 || !strings.Contains(one.body, `"accepted"`) {
		t.Errorf("one: %d %s", one.status, one.body)
	}
	if none := do(t, c, "GET", list+"/x@acme.example", "", ""); none.status != 404 {
		t.Errorf("no alias: %d", none.status)
	}
	if a := do(t, w.gmail(t, ada, scopeSend), "GET", list, "", ""); a.status != 403 || !strings.Contains(a.body, "ACCESS_TOKEN_SCOPE_INSUFFICIENT") {
		t.Errorf("with gmail.send: %d", a.status)
	}
	raw := strings.Replace(mailTo("bob@example.net"), ada, "hello@acme.example", 1)
	id := w.sent(t, w.gmail(t, ada, scopeSend), raw)
	if got := w.mailbox(t, ada).raw(id); !strings.HasPrefix(got, "From: Ada <hello@acme.example>") {
		t.Errorf("an alias as author:\n%s", got)
	}
	for body, want := range map[string]int{
		`{"account":"x@example.net"}`: 422, `{"account":"ada@acme.example","send_as":[{"sendAsEmail":"x"}]}`: 422, `{`: 400,
	} {
		if a := w.ask(t, "PUT", "/control/send-as", body); a.status != want {
			t.Errorf("%s: %d", body, a.status)
		}
	}
}

func TestControlMakesClients(t *testing.T) {
	w := world(t)
	for body, want := range map[string]int{
		`{"redirect_uris":["https://x.example/cb"]}`:          201,
		`{"type":"installed"}`:                                201,
		`{"type":"web","redirect_uris":["http://x.example"]}`: 422,
		`{"type":"phone"}`:                                    422,
		`{"kind":"web"}`:                                      400,
	} {
		if a := w.ask(t, "POST", "/control/oauth-clients", body); a.status != want || want == 201 && !strings.Contains(a.body, `"client_secret": "GOCSPX-`) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}
