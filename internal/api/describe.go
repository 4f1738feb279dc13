package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"gatepost/client"
)

// The descriptions of operations, with examples that the tests send.

const exampleID = "msg_01jd2q3v4w5x6y7z8a9b0c1d2e"

const exampleSubmitted = `{"id": "msg_01jd2q3v4w5x6y7z8a9b0c1d2e", "account": "acc_01jd2q0000e0080g40r40m30e2", "status": "queued", "submitted_at": "2026-11-21T08:00:00.000Z"}`

const exampleMessage = `{"id": "msg_01jd2q3v4w5x6y7z8a9b0c1d2e", "account": "acc_01jd2q0000e0080g40r40m30e2", "type": "invoice", "lane": "normal",
 "from": "app@example.com", "subject": "Your invoice", "message_id": "<01jd2q3v4w5x6y7z8a9b0c1d2e@example.com>", "tags": ["november"],
 "metadata": {"invoice": "4711"}, "size": 2048, "on_unknown": "reconcile", "submitted_at": "2026-11-21T08:00:00.000Z",
 "recipients": [{"address": "maria@example.org", "role": "to", "status": "accepted", "reply": "250 2.0.0 OK", "updated_at": "2026-11-21T08:00:01.000Z"}],
 "possible_duplicate": false, "attempts": 1,
 "events": [{"id": "evt_01jd2q3v4w5x6y7z8a9b0c1d2f", "seq": 1, "type": "message.submitted", "at": "2026-11-21T08:00:00.000Z", "data": {}},
  {"id": "evt_01jd2q3v4w5x6y7z8a9b0c1d2g", "seq": 2, "type": "message.accepted", "at": "2026-11-21T08:00:01.000Z", "data": {"attempt": 1}}]}`

const exampleCredential = `{"id": "cred_01jd2q0000e0080g40r40m30e2", "kind": "smtp_password", "name": "Relay", "public": {}, "created_at": "2026-11-21T08:00:00.000Z", "updated_at": "2026-11-21T08:00:00.000Z"}`

const exampleAccount = `{"id": "acc_01jd2q0000e0080g40r40m30e2", "address": "app@example.com", "transport": "smtp", "credential": "cred_01jd2q0000e0080g40r40m30e2",
 "senders": ["@example.com"], "smtp": {"host": "smtp.example.com", "port": 587, "tls": "starttls", "user": "app", "hello": "mail.example.com", "max_connections": 10, "max_recipients": 100},
 "status": "active", "created_at": "2026-11-21T08:00:00.000Z", "updated_at": "2026-11-21T08:00:00.000Z"}`

func describeCreateMessage(d *describer) {
	d.about("createMessage", "Submit a message", "When the answer is 202 the message is on disk and will be sent. "+
		"A whole message may also be the body itself, as message/rfc822, with account, on_unknown, type and tags in the query.")
	d.takes(client.NewMessage{}, map[string]string{
		"parts": `{"from": "App <app@example.com>", "to": ["Maria Núñez <maria@example.org>", {"address": "lee@example.org", "name": "Lee"}],
 "subject": "Your invoice", "text": "Attached.", "html": "<p>Attached.</p>", "headers": {"X-Invoice": "4711"},
 "attachments": [{"filename": "invoice.txt", "content_type": "text/plain", "content": "NDIgRVVS"}],
 "type": "invoice", "tags": ["november"], "metadata": {"invoice": "4711"}, "on_unknown": "reconcile"}`,
		"short": `{"to": "maria@example.org", "subject": "Hello", "text": "Hello, Maria."}`,
		"raw":   `{"raw": "RnJvbTogYXBwQGV4YW1wbGUuY29tDQpUbzogbWFyaWFAZXhhbXBsZS5vcmcNClN1YmplY3Q6IEhlbGxvDQoNCkhlbGxvLg0K"}`,
	})
	d.op.RequestBody.Content["message/rfc822"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: "A whole message."}}
	for _, name := range []string{"account", "type", "on_unknown", "tags"} {
		d.param("query", name, "With a body of message/rfc822: as the field of that name.", nil)
	}
	d.param("header", "Idempotency-Key", "Makes the same request have one effect however often it comes: at most 256 visible ASCII characters.", "invoice-4711")
	r := d.gives(http.StatusAccepted, "The message is kept.", client.Submitted{}, exampleSubmitted)
	r.Headers["Location"] = headerField("Where the message can be read.")
	r.Headers["Idempotent-Replayed"] = headerField("true when the same request came before: this is its answer.")
}

func describeListMessages(d *describer) {
	d.about("listMessages", "List messages, newest first", "")
	d.param("query", "cursor", "next_cursor of the page before.", nil)
	d.param("query", "limit", "Messages on a page: 1 to 100; 20 if not given.", 20)
	d.gives(http.StatusOK, "A page of messages.", client.MessageList{}, `{"data": []}`)
}

func describeShowMessage(d *describer) {
	d.about("showMessage", "Show a message, its recipients and what happened to it", "")
	d.param("path", "id", "The message's id.", exampleID)
	d.gives(http.StatusOK, "The message.", client.Message{}, exampleMessage)
}

func describeReleaseMessage(d *describer) {
	d.about("releaseMessage", "Let a held message go on", "It is sent again; if an earlier attempt was taken after all, its recipients get it twice.")
	d.param("path", "id", "The message's id.", exampleID)
	d.gives(http.StatusOK, "The message, released.", client.Message{}, exampleMessage)
	d.gives(http.StatusNoContent, "Released; the key may not read messages.", nil, "")
	d.problem(http.StatusConflict, "The message is not held.")
}

func describeCreateCredential(d *describer) {
	d.about("createCredential", "Hand over a secret", "It is sealed and never shown again.")
	d.takes(client.NewCredential{}, map[string]string{"password": `{"kind": "smtp_password", "name": "Relay", "password": "correct horse"}`})
	d.gives(http.StatusCreated, "The credential, without its secret.", client.Credential{}, exampleCredential)
}

func describeListCredentials(d *describer) {
	d.about("listCredentials", "List credentials", "")
	d.gives(http.StatusOK, "All credentials, without their secrets.", client.CredentialList{}, `{"data": [`+exampleCredential+`]}`)
}

func describeReplaceCredential(d *describer) {
	d.about("replaceCredential", "Put a new secret in a credential's place", "Of the same kind. Accounts that use it and were held are released.")
	d.param("path", "id", "The credential's id.", "cred_01jd2q0000e0080g40r40m30e2")
	d.takes(client.NewCredential{}, map[string]string{"password": `{"kind": "smtp_password", "name": "Relay", "password": "battery staple"}`})
	d.gives(http.StatusOK, "The credential, without its secret.", client.Credential{}, exampleCredential)
}

func describeCreateAccount(d *describer) {
	d.about("createAccount", "Connect an account", "An address that sends through a transport with a credential.")
	d.takes(client.NewAccount{}, map[string]string{
		"smtp": `{"address": "app@example.com", "transport": "smtp", "credential": "cred_01jd2q0000e0080g40r40m30e2",
 "senders": ["@example.com"], "smtp": {"host": "smtp.example.com", "port": 587, "tls": "starttls", "user": "app"}}`,
		"gmail": `{"address": "app@example.com", "transport": "gmail", "credential": "cred_01jd2q0000e0080g40r40m30e3", "gmail": {"may_look": true}}`,
	})
	r := d.gives(http.StatusCreated, "The account.", client.Account{}, exampleAccount)
	r.Headers["Location"] = headerField("Where the account can be read.")
}

func describeListAccounts(d *describer) {
	d.about("listAccounts", "List accounts", "")
	d.gives(http.StatusOK, "All accounts.", client.AccountList{}, `{"data": [`+exampleAccount+`]}`)
}

func describeShowAccount(d *describer) {
	d.about("showAccount", "Show an account", "")
	d.param("path", "id", "The account's id.", "acc_01jd2q0000e0080g40r40m30e2")
	d.gives(http.StatusOK, "The account.", client.Account{}, exampleAccount)
}

func describeReleaseAccount(d *describer) {
	d.about("releaseAccount", "Let a held or parked account send again", "")
	d.param("path", "id", "The account's id.", "acc_01jd2q0000e0080g40r40m30e2")
	d.gives(http.StatusOK, "The account, released.", client.Account{}, exampleAccount)
}

func describeDocument(d *describer) {
	d.about("showDocument", "This document", "")
	d.gives(http.StatusOK, "OpenAPI 3.1.", nil, "")
}

func describeHealth(d *describer) {
	d.about("showHealth", "Whether the process lives", "")
	d.gives(http.StatusOK, "It lives.", client.Health{}, `{"status": "ok", "version": "0.1.0"}`)
}

func describeReady(d *describer) {
	d.about("showReady", "Whether messages can be taken", "Commits a write to find out.")
	d.gives(http.StatusOK, "They can.", client.Health{}, `{"status": "ok"}`)
}

func describeMetrics(d *describer) {
	d.about("showMetrics", "Metrics for Prometheus", "")
	d.gives(http.StatusOK, "Text in the exposition format.", nil, "")
}
