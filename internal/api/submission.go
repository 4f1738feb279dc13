package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"gatepost/client"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

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
	err := c.answer(http.StatusAccepted, submittedOf(done))
	c.fault("api.answer.after")
	return err
}

func submittedOf(done queue.Submitted) client.Submitted {
	return client.Submitted{ID: done.ID, Account: done.Account, Status: string(email.Queued), SubmittedAt: timeOf(done.CreatedAt)}
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
	for _, p := range attachmentForm(m) {
		if !follows(p.Field, problems) {
			problems = append(problems, p)
		}
	}
	return submissionOf(m), problems, errors.Join(err, bodyErr)
}

// attachmentForm tells of attachments without content (an empty file is asked for
// by "") and of types that the parser would read past a line break.
func attachmentForm(m client.NewMessage) (problems []email.Problem) {
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

// submissionOf says the same in the engine's words.
func submissionOf(m client.NewMessage) queue.Submission {
	sub := queue.Submission{
		Account: m.Account, To: emailAddresses(m.To), Cc: emailAddresses(m.Cc), Bcc: emailAddresses(m.Bcc),
		ReplyTo: emailAddresses(m.ReplyTo), Subject: m.Subject, Text: m.Text, HTML: m.HTML,
		Raw: m.Raw, Tags: m.Tags, Metadata: m.Metadata, OnUnknown: email.OnUnknown(m.OnUnknown), Type: m.Type,
	}
	if m.From != nil && m.From.Address != "" {
		sub.From = new(emailAddress(*m.From))
	}
	for _, h := range m.Headers {
		sub.Headers = append(sub.Headers, queue.Header(h))
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
