package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// messageBody is a message as an application hands it over.
type messageBody struct {
	Account     string            `json:"account,omitempty" doc:"Id or address of the account to send through. Empty: the one that may send as from."`
	From        *address          `json:"from,omitempty" doc:"The author. Empty: the account's own address."`
	To          addresses         `json:"to,omitempty"`
	Cc          addresses         `json:"cc,omitempty"`
	Bcc         addresses         `json:"bcc,omitempty" doc:"Recipients whom the others do not see."`
	ReplyTo     addresses         `json:"reply_to,omitempty"`
	Subject     string            `json:"subject,omitempty"`
	Text        string            `json:"text,omitempty" doc:"The body as plain text."`
	HTML        string            `json:"html,omitempty" doc:"The body as HTML."`
	Headers     headers           `json:"headers,omitempty" doc:"Further header fields, name to value."`
	Attachments []attachment      `json:"attachments,omitempty"`
	Raw         []byte            `json:"raw,omitempty" doc:"A whole RFC 5322 message in place of from, subject, bodies, headers and attachments. Its recipients are those of its header, unless to, cc and bcc name them."`
	Tags        []string          `json:"tags,omitempty" doc:"Words of your own to find the message by."`
	Metadata    map[string]string `json:"metadata,omitempty" doc:"Values of your own, kept with the message."`
	OnUnknown   string            `json:"on_unknown,omitempty" enum:"reconcile,retry,hold" doc:"What to do when it cannot be known whether an attempt was taken and the account's Sent mail cannot tell. reconcile and hold: keep it for a person; retry: send again, perhaps twice. Empty: reconcile."`
	Type        string            `json:"type,omitempty" doc:"The message's type, such as otp, invoice or general."`
}

// attachment is a file that goes along.
type attachment struct {
	Filename    string `json:"filename" example:"invoice.pdf"`
	ContentType string `json:"content_type,omitempty" doc:"Empty: by the name's ending." example:"application/pdf"`
	Content     []byte `json:"content" doc:"The file in base64."`
}

// submittedAnswer holds what does not change, so that a repetition of the request
// gets the same bytes.
type submittedAnswer struct {
	ID          string `json:"id" doc:"The message's id."`
	Account     string `json:"account" doc:"The account that sends it."`
	Status      string `json:"status" enum:"queued" doc:"What holds from the moment of this answer: the message is on disk and will be sent."`
	SubmittedAt stamp  `json:"submitted_at"`
}

// stamp is a time as the API writes it: UTC with milliseconds, which is what the
// store keeps.
type stamp time.Time

const stampFormat = "2006-01-02T15:04:05.000Z"

// MarshalText implements encoding.TextMarshaler.
func (t stamp) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, stampFormat), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *stamp) UnmarshalText(b []byte) error {
	parsed, err := time.Parse(time.RFC3339, string(b))
	*t = stamp(parsed)
	return err
}

// createMessage takes a message.
func (s *server) createMessage(c *call) error {
	sub, problems, err := c.submission()
	if err != nil {
		return err
	}
	key, wrong := c.idempotencyKey()
	sub.IdempotencyKey = key
	if problems = append(problems, wrong...); len(problems) > 0 {
		return alsoWrong(problems, c.s.Engine.CheckSubmission(c.r.Context(), c.grant, sub))
	}
	done, err := s.Engine.Submit(c.r.Context(), c.grant, sub)
	if err != nil {
		return err
	}
	return c.submitted(done)
}

// submitted answers that a message is kept.
func (c *call) submitted(done queue.Submitted) error {
	c.w.Header().Set("Location", "/v1/messages/"+done.ID)
	if done.Replayed {
		c.w.Header().Set("Idempotent-Replayed", "true")
	}
	c.fault("api.answer.before")
	err := c.answer(http.StatusAccepted, submittedAnswer{done.ID, done.Account, string(email.Queued), stamp(done.CreatedAt)})
	c.fault("api.answer.after")
	return err
}

// fault tells a test where the request is; what was answered by then has left.
func (c *call) fault(point string) {
	if c.s.Fault == nil {
		return
	}
	if c.status != 0 {
		_ = http.NewResponseController(c.w).Flush() // a lost connection is the client's to notice
	}
	c.s.Fault(point)
}

// submission reads the message of a request, as JSON or as message/rfc822.
func (c *call) submission() (queue.Submission, []email.Problem, error) {
	var half func()
	if c.s.Fault != nil {
		half = func() { c.s.Fault("api.body.half") }
	}
	media, err := c.mediaType()
	switch {
	case err != nil:
		return queue.Submission{}, nil, err
	case media == "message/rfc822":
		return c.rawSubmission(half)
	case media != "application/json":
		return queue.Submission{}, nil, &unsupported{"the body's Content-Type is not taken: application/json or message/rfc822"}
	}
	_, err = c.query()
	var unknown wrongFields
	if errors.As(err, &unknown) {
		err = nil
	}
	m, problems, bodyErr := decodeBody(c, c.s.messages, half)
	problems = append(problems, unknown...)
	for _, p := range m.attachmentForm() {
		if !follows(p.Field, problems) {
			problems = append(problems, p)
		}
	}
	return m.submission(), problems, errors.Join(err, bodyErr)
}

// attachmentForm tells of attachments without content (an empty file is asked for
// by "") and of types that the parser would read past a line break.
func (m messageBody) attachmentForm() (problems []email.Problem) {
	for i, a := range m.Attachments {
		if a.Content == nil {
			problems = append(problems, email.Problem{Field: fmt.Sprintf("attachments[%d].content", i), Message: "is missing"})
		}
		if err := email.CheckHeaderValue(a.ContentType); err != nil {
			problems = append(problems, email.Problem{Field: fmt.Sprintf("attachments[%d].content_type", i), Message: err.Error()})
		}
	}
	return problems
}

// rawSubmission reads a message as mail programs write it. What is not in it
// stands in the query.
func (c *call) rawSubmission(half func()) (queue.Submission, []email.Problem, error) {
	q, err := c.query("account", "on_unknown", "type", "tags")
	var unknown wrongFields
	if err != nil && !errors.As(err, &unknown) {
		return queue.Submission{}, nil, err
	}
	one := func(name string) string {
		if len(q[name]) > 1 {
			unknown = append(unknown, email.Problem{Field: name, Message: "given twice"})
		}
		return strings.Join(q[name], "")
	}
	sub := queue.Submission{Account: one("account"), OnUnknown: email.OnUnknown(one("on_unknown")), Type: one("type"), Tags: q["tags"]}
	b, err := c.read(half)
	if err != nil {
		return sub, nil, err
	}
	defer b.release()
	sub.Raw = b.keep()
	return sub, unknown, nil
}

// submission says the same in the engine's words.
func (m messageBody) submission() queue.Submission {
	sub := queue.Submission{
		Account: m.Account, To: m.To, Cc: m.Cc, Bcc: m.Bcc, ReplyTo: m.ReplyTo, Subject: m.Subject, Text: m.Text, HTML: m.HTML,
		Raw: m.Raw, Tags: m.Tags, Metadata: m.Metadata, OnUnknown: email.OnUnknown(m.OnUnknown), Type: m.Type,
	}
	if m.From != nil && !m.From.IsZero() {
		sub.From = &m.From.Address
	}
	for _, h := range m.Headers {
		sub.Headers = append(sub.Headers, queue.Header{Name: h.name, Value: h.value})
	}
	for _, a := range m.Attachments {
		sub.Attachments = append(sub.Attachments, queue.Attachment{Filename: a.Filename, ContentType: a.ContentType, Content: a.Content})
	}
	return sub
}

// idempotencyKey reads the header of that name.
func (c *call) idempotencyKey() (string, []email.Problem) {
	switch values := c.r.Header["Idempotency-Key"]; {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", []email.Problem{{Field: "Idempotency-Key", Message: "given twice"}}
	case values[0] == "":
		return "", []email.Problem{{Field: "Idempotency-Key", Message: "is empty: leave the header out or give it a value"}}
	default:
		return values[0], nil
	}
}
