package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"gatepost/client"
)

const exampleID = "msg_01jd2q3v4w5x6y7z8a9b0c1d2e"

const exampleSubmitted = `{"id": "msg_01jd2q3v4w5x6y7z8a9b0c1d2e", "account": "acc_01jd2q0000e0080g40r40m30e2", "status": "queued", "submitted_at": "2026-11-21T08:00:00.000Z"}`

const exampleSummary = `{"id": "msg_01jd2q3v4w5x6y7z8a9b0c1d2e", "account": "acc_01jd2q0000e0080g40r40m30e2", "type": "invoice", "lane": "normal",
 "from": "app@example.com", "subject": "Your invoice", "message_id": "<01jd2q3v4w5x6y7z8a9b0c1d2e@example.com>", "tags": ["november"],
 "metadata": {"invoice": "4711"}, "size": 2048, "on_unknown": "reconcile", "submitted_at": "2026-11-21T08:00:00.000Z",
 "recipients": [{"address": "maria@example.org", "role": "to", "status": "accepted", "reply": "250 2.0.0 OK", "updated_at": "2026-11-21T08:00:01.000Z"}]}`

var exampleMessage = strings.TrimSuffix(exampleSummary, "}") + `,
 "possible_duplicate": false, "attempts": 1,
 "events": [{"id": "evt_01jd2q3v4w5x6y7z8a9b0c1d2f", "seq": 1, "type": "message.submitted", "at": "2026-11-21T08:00:00.000Z", "data": {}},
  {"id": "evt_01jd2q3v4w5x6y7z8a9b0c1d2g", "seq": 2, "type": "message.accepted", "at": "2026-11-21T08:00:01.000Z", "data": {"attempt": 1}}]}`

const exampleExplanation = `{"id": "msg_01jd2q3v4w5x6y7z8a9b0c1d2e", "status": "queued", "summary": "It waits: the relay said that it is busy.",
 "account": {"id": "acc_01jd2q0000e0080g40r40m30e2", "address": "app@example.com", "transport": "smtp", "status": "active", "why": "It may send as app@example.com."},
 "policy": {"type": "invoice", "lane": "normal", "on_unknown": "reconcile", "kept": "90 days"},
 "limits": [{"name": "recipients per message", "limit": 100, "used": 1, "source": "settings of the account"}],
 "attempts": [{"number": 1, "at": "2026-11-21T08:00:01.000Z", "account": "acc_01jd2q0000e0080g40r40m30e2", "address": "app@example.com", "outcome": "delayed", "cause": "rate_limited", "text": "The server asks to slow down.", "reply": "451 4.7.1 Try again later"}],
 "next_at": "2026-11-21T08:05:01.000Z", "next": "It is tried again."}`

func describeCreateMessage(d *describer) {
	d.about("createMessage", "Submit a message", "When the answer is 202 the message is on disk and will be sent. "+
		"A whole message may also be the body itself, as message/rfc822, with what is not in it in the query.")
	d.takes(client.NewMessage{}, map[string]string{
		"parts": `{"from": "App <app@example.com>", "to": ["Maria Núñez <maria@example.org>", {"address": "lee@example.org", "name": "Lee"}],
 "subject": "Your invoice", "text": "Attached.", "html": "<p>Attached.</p>", "headers": {"X-Invoice": "4711"},
 "attachments": [{"filename": "invoice.txt", "content_type": "text/plain", "content": "NDIgRVVS"}],
 "type": "invoice", "tags": ["november"], "metadata": {"invoice": "4711"}, "on_unknown": "reconcile"}`,
		"short": `{"to": "maria@example.org", "subject": "Hello", "text": "Hello, Maria."}`,
		"reply, with an image, later": `{"from": "app@example.com", "to": "maria@example.org", "subject": "Re: Your order",
 "html": "<p><img src=\"cid:logo\" alt=\"Shop\">It is on its way.</p>", "in_reply_to": "<4711@example.org>",
 "attachments": [{"filename": "logo.png", "content_type": "image/png", "content_id": "logo", "content": "iVBORw0KGgo="}],
 "type": "notification", "send_at": "2026-12-01T08:00:00Z"}`,
		"raw": `{"raw": "RnJvbTogYXBwQGV4YW1wbGUuY29tDQpUbzogbWFyaWFAZXhhbXBsZS5vcmcNClN1YmplY3Q6IEhlbGxvDQoNCkhlbGxvLg0K"}`,
	})
	d.op.RequestBody.Content["message/rfc822"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: "A whole message."}}
	for _, name := range []string{"account", "type", "lane", "on_unknown", "thread_id", "send_at", "expires_at", "tags"} {
		d.param("query", name, "With a body of message/rfc822: as the field of that name.", nil)
	}
	d.param("header", "Idempotency-Key", "Makes the same request have one effect however often it comes: at most 256 visible ASCII characters.", "invoice-4711")
	r := d.gives(http.StatusAccepted, "The message is kept.", client.Submitted{}, exampleSubmitted)
	r.Headers["Location"] = headerField("Where the message can be read.")
	r.Headers["Idempotent-Replayed"] = headerField("true when the same request came before: this is its answer.")
}

func describeCreateBatch(d *describer) {
	d.about("createBatch", "Submit up to 1,000 messages", "In the mode all, which holds if none is given, all of them are kept or none is. "+
		"In the mode each, what is right is kept and the answer tells what is wrong with the rest. Each message has its own idempotency_key.")
	d.takes(client.NewBatch{}, map[string]string{
		"all": `{"messages": [
 {"from": "app@example.com", "to": "maria@example.org", "subject": "Hello", "text": "Hello, Maria.", "idempotency_key": "hello-1"},
 {"from": "app@example.com", "to": "lee@example.org", "subject": "Hello", "text": "Hello, Lee.", "idempotency_key": "hello-2"}]}`,
		"each": `{"mode": "each", "messages": [
 {"from": "app@example.com", "to": "maria@example.org", "subject": "Hello", "text": "Hello, Maria."},
 {"from": "app@example.com", "to": "nobody", "subject": "Hello", "text": "Hello."}]}`,
	})
	d.gives(http.StatusOK, "A result for each message, in the order of the request.", client.BatchAnswer{},
		`{"data": [{"index": 0, "submitted": `+exampleSubmitted+`}, {"index": 1, "errors": [{"field": "to", "message": "no @ between local part and domain"}]}]}`)
}

func describeListMessages(d *describer) {
	d.about("listMessages", "List messages, newest first", "A page may be shorter than limit, or empty, although there are more: next_cursor tells.")
	d.param("query", "status", "Those with a recipient in this state.", "held")
	d.param("query", "account", "Those of this account, its id or address, or of this pool, its id or name.", nil)
	d.param("query", "recipient", "Those to this address.", "maria@example.org")
	d.param("query", "tag", "Those with this tag.", "november")
	d.param("query", "type", "Those of this type.", "invoice")
	d.param("query", "since", "Those submitted at this time or later.", "2026-11-01T00:00:00Z")
	d.param("query", "until", "Those submitted before this time.", "2026-12-01T00:00:00Z")
	d.param("query", "cursor", "next_cursor of the page before.", nil)
	d.param("query", "limit", "Messages on a page: 1 to 100; 20 if not given.", 20)
	d.gives(http.StatusOK, "A page of messages.", client.MessageList{}, `{"data": [`+exampleSummary+`], "next_cursor": "bXNnXzAxamQycTN2NHc1eDZ5N3o4YTliMGMxZDJl"}`)
}

func describeShowMessage(d *describer) {
	d.about("showMessage", "Show a message, its recipients and what happened to it", "")
	d.id("The message's id.", exampleID)
	d.gives(http.StatusOK, "The message.", client.Message{}, exampleMessage)
}

func describeReleaseMessage(d *describer) {
	d.about("releaseMessage", "Let a held message go on", "It is sent again; if an earlier attempt was taken after all, its recipients get it twice.")
	d.operates("released")
	d.problem(http.StatusConflict, "not_held: the message is not held.")
}

func describeCancelMessage(d *describer) {
	d.about("cancelMessage", "Keep a message from being sent", "One that is scheduled, queued or held.")
	d.operates("canceled")
	d.problem(http.StatusConflict, "too_late: it is being sent, or nothing of it waits.")
}

func describeRetryMessage(d *describer) {
	d.about("retryMessage", "Send a message again", "To those recipients for whom it failed.")
	d.operates("queued again")
	d.problem(http.StatusConflict, "nothing_to_retry: it failed for nobody.")
	d.problem(http.StatusGone, "gone: its content was shredded, as its type asks.")
}

// operates describes what is done with a message and answers with it.
func (d *describer) operates(done string) {
	d.id("The message's id.", exampleID)
	d.gives(http.StatusOK, "The message, "+done+".", client.Message{}, exampleMessage)
	d.gives(http.StatusNoContent, "Done; the key may not read messages.", nil, "")
}

func describeExplainMessage(d *describer) {
	d.about("explainMessage", "Tell where a message is and why", "By which account and why that one, which limits there are, "+
		"what each attempt brought in the provider's own words, and what comes next.")
	d.id("The message's id.", exampleID)
	d.gives(http.StatusOK, "The explanation.", client.Explanation{}, exampleExplanation)
}

func describeShowContent(d *describer) {
	d.about("showContent", "Get the message itself", "As it is sent.")
	d.id("The message's id.", exampleID)
	r := d.gives(http.StatusOK, "The whole message.", nil, "")
	r.Content = map[string]*huma.MediaType{"message/rfc822": {Schema: &huma.Schema{Type: huma.TypeString}}}
	d.problem(http.StatusGone, "gone: its content was shredded, as its type asks.")
}

func describeListTypes(d *describer) {
	d.about("listTypes", "List what the message types stand for", "The same for everybody.")
	d.gives(http.StatusOK, "All types.", client.PolicyList{}, `{"data": [{"type": "otp", "lane": "urgent", "life_seconds": 600, "keep_seconds": 0, "on_unknown": "retry", "security": true}]}`)
}
