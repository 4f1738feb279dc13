package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// NewMessage is a message to be sent: parts, or a whole one in Raw.
type NewMessage struct {
	Account        string            `json:"account,omitempty" doc:"Id or address of the account to send through, or id or name of a pool. Empty: the account that may send as from."`
	From           *Address          `json:"from,omitempty" doc:"The author. Empty: the account's own address. Needed where a pool is named."`
	To             Addresses         `json:"to,omitempty"`
	Cc             Addresses         `json:"cc,omitempty"`
	Bcc            Addresses         `json:"bcc,omitempty" doc:"Recipients whom the others do not see."`
	ReplyTo        Addresses         `json:"reply_to,omitempty"`
	Subject        string            `json:"subject,omitempty"`
	Text           string            `json:"text,omitempty" doc:"The body as plain text. Empty beside html: made from it."`
	HTML           string            `json:"html,omitempty" doc:"The body as HTML. Images that go along are named by cid: and their content_id."`
	NoText         bool              `json:"no_text,omitempty" doc:"Make no text from html."`
	Headers        Headers           `json:"headers,omitempty" doc:"Further header fields, name to value."`
	Attachments    []Attachment      `json:"attachments,omitempty"`
	Raw            []byte            `json:"raw,omitempty" doc:"A whole RFC 5322 message in place of from, subject, bodies, headers and attachments. Its recipients are those of its header, unless to, cc and bcc name them."`
	ThreadID       string            `json:"thread_id,omitempty" doc:"The provider's id of the conversation that the message belongs to (Gmail API)."`
	InReplyTo      string            `json:"in_reply_to,omitempty" doc:"Message-ID of the message that this one answers." example:"<4711@example.org>"`
	References     []string          `json:"references,omitempty" doc:"Message-IDs of the conversation, oldest first. Empty beside in_reply_to: that one."`
	Type           string            `json:"type,omitempty" doc:"What kind of mail it is, which decides lane, life, how long its content is kept and what happens when an outcome cannot be known. Empty: general." enum:"otp,verification_code,two_factor,authentication,password_reset,account_activation,confirmation,notification,reminder,invoice,billing_statement,general"`
	Lane           string            `json:"lane,omitempty" doc:"bulk lets a message of the type general wait behind all other mail." enum:"normal,bulk"`
	SendAt         *Time             `json:"send_at,omitempty" doc:"Do not send before this time."`
	ExpiresAt      *Time             `json:"expires_at,omitempty" doc:"Do not send after this time. Types with a life set it by themselves; it can be made shorter, not longer."`
	OnUnknown      string            `json:"on_unknown,omitempty" enum:"reconcile,retry,hold" doc:"What to do when it cannot be known whether an attempt was taken. Empty: by the type."`
	Tags           []string          `json:"tags,omitempty" doc:"Words of your own to find the message by."`
	Metadata       map[string]string `json:"metadata,omitempty" doc:"Values of your own, kept with the message."`
	IdempotencyKey string            `json:"idempotency_key,omitempty" doc:"Makes the same message have one effect however often it comes: for the messages of a batch, and in place of the header Idempotency-Key."`
}

// Attachment is a file that goes along, or an image within the HTML.
type Attachment struct {
	Filename    string `json:"filename,omitempty" doc:"Needed unless an upload gives it." example:"invoice.pdf"`
	ContentType string `json:"content_type,omitempty" doc:"Empty: by the name's ending." example:"application/pdf"`
	Content     []byte `json:"content,omitzero" doc:"The file in base64 (\"\" for an empty one); or give upload."`
	Upload      string `json:"upload,omitempty" doc:"The id of an upload in place of content."`
	ContentID   string `json:"content_id,omitempty" doc:"Makes it part of the HTML, where it is named cid: and this id." example:"logo"`
}

// Submitted is the answer to a submission: what does not change, so that a
// repetition gets the same.
type Submitted struct {
	ID          string `json:"id" doc:"The message's id."`
	Account     string `json:"account" doc:"The account that sends it, or the pool."`
	Status      string `json:"status" enum:"queued,scheduled" doc:"What holds from the moment of this answer: the message is on disk and will be sent."`
	SendAt      *Time  `json:"send_at,omitempty"`
	ExpiresAt   *Time  `json:"expires_at,omitempty"`
	SubmittedAt Time   `json:"submitted_at"`
	// Replayed says that the same submission came before: the header
	// Idempotent-Replayed.
	Replayed bool `json:"-"`
}

// RawOptions is what is not in a whole message.
type RawOptions struct {
	Account   string // id or address; empty: the one that may send as From
	Type      string
	Lane      string
	OnUnknown string
	ThreadID  string
	Tags      []string
	SendAt    time.Time
	ExpiresAt time.Time
	// IdempotencyKey makes the same message have one effect however often it is
	// sent, and lets the client send it again by itself.
	IdempotencyKey string
}

func (o RawOptions) query() url.Values {
	q := url.Values{}
	setQuery(q, "account", o.Account)
	setQuery(q, "type", o.Type)
	setQuery(q, "lane", o.Lane)
	setQuery(q, "on_unknown", o.OnUnknown)
	setQuery(q, "thread_id", o.ThreadID)
	setQueryTime(q, "send_at", o.SendAt)
	setQueryTime(q, "expires_at", o.ExpiresAt)
	for _, tag := range o.Tags {
		q.Add("tags", tag)
	}
	return q
}

func setQuery(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func setQueryTime(q url.Values, name string, t time.Time) {
	if !t.IsZero() {
		q.Set(name, t.UTC().Format(time.RFC3339Nano))
	}
}

const idempotencyKey = "Idempotency-Key"

// Send hands over a message. Without error it is on disk and will be sent. With
// an idempotency key the same message has one effect however often it is sent,
// and the client sends it again by itself when no answer came; without one it is
// sent once. The error NoVerdict says that nobody knows whether it was kept.
func (c *Client) Send(ctx context.Context, m NewMessage, key string) (Submitted, error) {
	if key == "" {
		key, m.IdempotencyKey = m.IdempotencyKey, ""
	}
	r, err := post("/v1/messages").with(m)
	if err != nil {
		return Submitted{}, err
	}
	return c.submit(ctx, r, key)
}

// SendRaw hands over a whole message (RFC 5322), as mail programs write it. Its
// recipients are those of its header. With an idempotency key the message is held
// in memory, so that it can be sent again.
func (c *Client) SendRaw(ctx context.Context, message io.Reader, o RawOptions) (Submitted, error) {
	r := post("/v1/messages").set("Content-Type", "message/rfc822")
	r.query, r.stream = o.query(), message
	if o.IdempotencyKey != "" {
		b, err := io.ReadAll(message)
		if err != nil {
			return Submitted{}, err
		}
		r.body, r.stream = b, nil
	}
	return c.submit(ctx, r, o.IdempotencyKey)
}

func (c *Client) submit(ctx context.Context, r request, key string) (Submitted, error) {
	r.repeat, r.keys = key != "", []string{key}
	s, header, err := answer[Submitted](ctx, c, r.set(idempotencyKey, key))
	s.Replayed = replayed(header)
	return s, err
}

func replayed(h http.Header) bool { return h.Get("Idempotent-Replayed") == "true" }
