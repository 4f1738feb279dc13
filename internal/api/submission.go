package api

import (
	"fmt"
	"net/http"

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
	key, wrong := c.idempotencyKey(sub.IdempotencyKey)
	sub.IdempotencyKey = key
	if problems = append(problems, wrong...); len(problems) > 0 {
		return alsoWrong(problems, c.keyAsGiven(c.s.Engine.CheckSubmission(c.r.Context(), c.grant, sub)))
	}
	done, err := s.Engine.Submit(c.r.Context(), c.grant, sub)
	if err != nil {
		return c.keyAsGiven(err)
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
	return client.Submitted{
		ID: done.ID, Account: done.Account, Status: string(done.Status), SubmittedAt: timeOf(done.CreatedAt),
		SendAt: timeAt(done.SendAt), ExpiresAt: timeAt(done.ExpiresAt),
	}
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
	m, problems, err := decodeBody(c, c.s.messages, half)
	return submissionOf(m), withForm(problems, m), err
}

// withForm adds what is wrong with a message's form and shows only now.
func withForm(problems []email.Problem, m client.NewMessage) []email.Problem {
	for _, p := range attachmentForm(m) {
		if !follows(p.Field, problems) {
			problems = append(problems, p)
		}
	}
	return problems
}

// attachmentForm tells of attachments without content or upload (an empty file is
// asked for by "") and of types that the parser would read past a line break.
func attachmentForm(m client.NewMessage) (problems []email.Problem) {
	for i, a := range m.Attachments {
		if a.Content == nil && a.Upload == "" {
			problems = append(problems, email.Problem{Field: fmt.Sprintf("attachments[%d].content", i), Message: "is missing: the file in base64, or upload in its place"})
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
	sub, problems, err := c.rawOptions()
	if err != nil {
		return sub, nil, err
	}
	b, err := c.read(half)
	if err != nil {
		return sub, nil, err
	}
	defer b.release()
	sub.Raw = b.keep()
	return sub, problems, nil
}

// rawOptions reads what stands in the query beside a whole message.
func (c *call) rawOptions() (queue.Submission, []email.Problem, error) {
	q, err := c.query("account", "on_unknown", "type", "tags", "lane", "send_at", "expires_at", "thread_id")
	wrong, err := problemsOf(q, err)
	one := wrong.single(q, "account", "on_unknown", "type", "lane", "send_at", "expires_at", "thread_id")
	sub := queue.Submission{
		Account: one["account"], OnUnknown: email.OnUnknown(one["on_unknown"]), Type: one["type"], Tags: q["tags"],
		Lane: one["lane"], ThreadID: one["thread_id"],
		SendAt: wrong.time("send_at", one["send_at"]), ExpiresAt: wrong.time("expires_at", one["expires_at"]),
	}
	return sub, wrong, err
}

// submissionOf says the same in the engine's words.
func submissionOf(m client.NewMessage) queue.Submission {
	sub := queue.Submission{
		Account: m.Account, To: emailAddresses(m.To), Cc: emailAddresses(m.Cc), Bcc: emailAddresses(m.Bcc),
		ReplyTo: emailAddresses(m.ReplyTo), Subject: m.Subject, Text: m.Text, HTML: m.HTML,
		Raw: m.Raw, Tags: m.Tags, Metadata: m.Metadata, OnUnknown: email.OnUnknown(m.OnUnknown), Type: m.Type,
		Lane: m.Lane, SendAt: moment(m.SendAt), ExpiresAt: moment(m.ExpiresAt), NoText: m.NoText,
		ThreadID: m.ThreadID, InReplyTo: m.InReplyTo, References: m.References, IdempotencyKey: m.IdempotencyKey,
	}
	if m.From != nil && m.From.Address != "" {
		sub.From = new(emailAddress(*m.From))
	}
	for _, h := range m.Headers {
		sub.Headers = append(sub.Headers, queue.Header(h))
	}
	for _, a := range m.Attachments {
		sub.Attachments = append(sub.Attachments, queue.Attachment{
			Filename: a.Filename, ContentType: a.ContentType, Content: a.Content, ContentID: a.ContentID, Upload: a.Upload,
		})
	}
	return sub
}

// keyAsGiven names the idempotency key as it came, where the engine tells that it
// is wrong: as the header, or as the field of the body.
func (c *call) keyAsGiven(err error) error {
	found, ok := findings(err)
	if !ok || len(c.r.Header["Idempotency-Key"]) == 0 {
		return err
	}
	for i, p := range found {
		if p.Field == "idempotency_key" {
			found[i].Field = "Idempotency-Key"
		}
	}
	return wrongFields(found)
}

// idempotencyKey reads the header of that name; the field in the body may stand in
// its place.
func (c *call) idempotencyKey(field string) (string, []email.Problem) {
	wrong := func(message string) []email.Problem {
		return []email.Problem{{Field: "Idempotency-Key", Message: message}}
	}
	switch values := c.r.Header["Idempotency-Key"]; {
	case len(values) == 0:
		return field, nil
	case len(values) > 1:
		return "", wrong("given twice")
	case values[0] == "":
		return "", wrong("is empty: leave the header out or give it a value")
	case field != "" && field != values[0]:
		return "", wrong("is not the idempotency_key of the body: give one of them")
	default:
		return values[0], nil
	}
}
