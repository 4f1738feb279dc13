package client

import (
	"context"
	"io"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// MessageSummary is what a list shows of a message.
type MessageSummary struct {
	ID          string            `json:"id"`
	Account     string            `json:"account" doc:"The account that sends it; of a pool's mail the pool, until an account has taken it."`
	Pool        string            `json:"pool,omitempty" doc:"The pool that it was given to."`
	Type        string            `json:"type"`
	Lane        string            `json:"lane" enum:"urgent,normal,bulk"`
	From        string            `json:"from"`
	Subject     string            `json:"subject" doc:"Empty for types whose content is shredded: subjects of those are not kept."`
	MessageID   string            `json:"message_id" doc:"The Message-ID in the message's header."`
	ThreadID    string            `json:"thread_id,omitempty"`
	Tags        []string          `json:"tags"`
	Metadata    map[string]string `json:"metadata"`
	Size        int64             `json:"size" doc:"Bytes of the whole message."`
	OnUnknown   string            `json:"on_unknown"`
	SubmittedAt Time              `json:"submitted_at"`
	SendAt      *Time             `json:"send_at,omitempty"`
	ExpiresAt   *Time             `json:"expires_at,omitempty"`
	ShreddedAt  *Time             `json:"shredded_at,omitempty" doc:"When its content was shredded, as its type asks."`
	Recipients  []Recipient       `json:"recipients"`
	NextAt      *Time             `json:"next_at,omitempty" doc:"When it is tried, or looked for, again."`
}

// Recipient is where one recipient of a message is.
type Recipient struct {
	Address   string `json:"address"`
	Role      string `json:"role" doc:"to, cc or bcc; empty where a raw message does not say."`
	Status    string `json:"status" enum:"scheduled,queued,sending,unknown,held,accepted,failed,canceled,expired,suppressed,bounced,complained"`
	Cause     string `json:"cause,omitempty" doc:"Why it is in this state; a stable word."`
	Reply     string `json:"reply,omitempty" doc:"The next hop's own words."`
	UpdatedAt *Time  `json:"updated_at,omitempty"`
}

// Message is a message with its history.
type Message struct {
	MessageSummary
	PossibleDuplicate bool    `json:"possible_duplicate" doc:"Whether recipients may have got it twice."`
	Attempts          int     `json:"attempts" doc:"How often it was tried."`
	Events            []Event `json:"events" doc:"What happened to it, oldest first."`
}

// MessageList is a page of messages, newest first.
type MessageList struct {
	Data       []MessageSummary `json:"data"`
	NextCursor string           `json:"next_cursor,omitempty" doc:"Give this as cursor to get the next page; missing on the last."`
}

// Event is something that happened to a message.
type Event struct {
	ID   string    `json:"id"`
	Seq  int       `json:"seq" doc:"Counts the events of one message from 1."`
	Type string    `json:"type" example:"message.accepted"`
	At   Time      `json:"at"`
	Data EventData `json:"data"`
}

// EventData says more about an event.
type EventData struct {
	Recipients        []string `json:"recipients,omitempty" doc:"Whom it is about, where that is not everybody."`
	Account           string   `json:"account,omitempty"`
	Attempt           int      `json:"attempt,omitempty"`
	Cause             string   `json:"cause,omitempty"`
	Text              string   `json:"text,omitempty" doc:"What happened."`
	Fix               string   `json:"fix,omitempty" doc:"What to do about it."`
	Reply             string   `json:"reply,omitempty" doc:"The provider's own words."`
	ProviderID        string   `json:"provider_id,omitempty"`
	ThreadID          string   `json:"thread_id,omitempty"`
	NextAt            *Time    `json:"next_at,omitempty"`
	PossibleDuplicate bool     `json:"possible_duplicate,omitempty"`
}

// MessageQuery selects messages. Empty fields select nothing away.
type MessageQuery struct {
	Status    string // a recipient's: queued, held, failed …
	Account   string // its id or address, or a pool's id or name
	Recipient string // an address
	Tag       string
	Type      string
	Since     time.Time // submitted at this time or later
	Until     time.Time // submitted before this time
	Cursor    string    // NextCursor of the page before
	Limit     int       // messages of a page, 1 to 100; 0: 20
}

func (m MessageQuery) query() url.Values {
	q := url.Values{}
	setQuery(q, "status", m.Status)
	setQuery(q, "account", m.Account)
	setQuery(q, "recipient", m.Recipient)
	setQuery(q, "tag", m.Tag)
	setQuery(q, "type", m.Type)
	setQueryTime(q, "since", m.Since)
	setQueryTime(q, "until", m.Until)
	setQuery(q, "cursor", m.Cursor)
	if m.Limit != 0 {
		q.Set("limit", strconv.Itoa(m.Limit))
	}
	return q
}

// Messages gives a page of messages, newest first.
func (c *Client) Messages(ctx context.Context, q MessageQuery) (MessageList, error) {
	return ask[MessageList](ctx, c, get("/v1/messages", q.query()))
}

// AllMessages goes through all messages that the query selects, newest first, and
// asks for further pages as they are needed. It ends after an error.
func (c *Client) AllMessages(ctx context.Context, q MessageQuery) iter.Seq2[MessageSummary, error] {
	return func(yield func(MessageSummary, error) bool) {
		for {
			page, err := c.Messages(ctx, q)
			if err != nil {
				yield(MessageSummary{}, err)
				return
			}
			for _, m := range page.Data {
				if !yield(m, nil) {
					return
				}
			}
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				return
			}
		}
	}
}

// Message gives a message and what happened to it.
func (c *Client) Message(ctx context.Context, id string) (Message, error) {
	return ask[Message](ctx, c, get(at("messages", id, ""), nil))
}

// Cancel keeps a message from being sent: one that is scheduled, queued or held.
// When an attempt has begun the error's kind is too_late. The message is empty
// where the key may not read messages; so it is with Retry and Release.
func (c *Client) Cancel(ctx context.Context, id string) (Message, error) {
	return ask[Message](ctx, c, post(at("messages", id, "cancel")))
}

// Retry sends a message again to those recipients for whom it failed.
func (c *Client) Retry(ctx context.Context, id string) (Message, error) {
	return ask[Message](ctx, c, post(at("messages", id, "retry")))
}

// Release lets a held message go on. If an earlier attempt was taken after all,
// its recipients get it twice.
func (c *Client) Release(ctx context.Context, id string) (Message, error) {
	return ask[Message](ctx, c, post(at("messages", id, "release")))
}

// Content gives the whole message (RFC 5322) as it is sent; the caller closes it.
// When its content was shredded the error's kind is gone.
func (c *Client) Content(ctx context.Context, id string) (io.ReadCloser, error) {
	res, err := c.do(ctx, get(at("messages", id, "content"), nil).set("Accept", "message/rfc822"))
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}
