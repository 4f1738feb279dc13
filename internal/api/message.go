package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"gatepost/client"
	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// showMessage shows one message.
func (s *server) showMessage(c *call) error {
	id := c.r.PathValue("id")
	if err := isID(email.PrefixMessage, id); err != nil {
		return err
	}
	m, events, err := s.Engine.Message(c.r.Context(), c.grant, id)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, answerOf(m, events))
}

// isID keeps text that cannot be an id from being asked for.
func isID(prefix, id string) error {
	if _, err := email.ParseID(prefix, id); err != nil {
		return fmt.Errorf("%w: %w", queue.ErrNotFound, err)
	}
	return nil
}

// releaseMessage lets a held message go on.
func (s *server) releaseMessage(c *call) error { return s.operate(c, s.Engine.Release) }

// cancelMessage keeps a message from being sent.
func (s *server) cancelMessage(c *call) error { return s.operate(c, s.Engine.Cancel) }

// retryMessage sends a message again to those for whom it failed.
func (s *server) retryMessage(c *call) error { return s.operate(c, s.Engine.RetryMessage) }

// operate does something with a message and shows it to keys that may read.
func (s *server) operate(c *call, do func(context.Context, access.Grant, email.ID) error) error {
	id := c.r.PathValue("id")
	if err := isID(email.PrefixMessage, id); err != nil {
		return err
	}
	if _, err := c.query(); err != nil {
		return err
	}
	if err := do(c.r.Context(), c.grant, id); errors.Is(err, queue.ErrTooLate) {
		return fmt.Errorf("%w; what became of it: GET /v1/messages/%s/explain", err, id)
	} else if err != nil {
		return err
	}
	err := s.showMessage(c)
	if errors.Is(err, queue.ErrForbidden) {
		return c.done()
	}
	return err
}

// showContent gives the message itself, as it is sent.
func (s *server) showContent(c *call) error {
	id := c.r.PathValue("id")
	if err := isID(email.PrefixMessage, id); err != nil {
		return err
	}
	content, err := s.Engine.Content(c.r.Context(), c.grant, id)
	if err != nil {
		return err
	}
	from, err := content.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	c.w.Header().Set("Content-Disposition", `attachment; filename="`+id+`.eml"`)
	return c.stream("message/rfc822", content.Size(), from)
}

func answerOf(m *queue.Message, events []queue.Event) client.Message {
	a := client.Message{MessageSummary: summaryOf(m), Events: make([]client.Event, len(events))}
	began := map[int]bool{} // a claim that was given back has no event
	if m.Entry != nil {
		a.PossibleDuplicate = m.Entry.Duplicate
		began[m.Entry.Attempt] = m.Entry.State == email.Sending
	}
	for i, e := range events {
		a.Events[i] = eventOf(e)
		began[e.Data.Attempt] = true
		a.PossibleDuplicate = a.PossibleDuplicate || e.Data.PossibleDuplicate
	}
	for attempt, is := range began {
		if is && attempt > 0 {
			a.Attempts++
		}
	}
	return a
}

func summaryOf(m *queue.Message) client.MessageSummary {
	s := client.MessageSummary{
		ID: m.ID, Account: m.Account, Pool: queue.PoolOf(m), Type: m.Type, From: m.Sender, Subject: m.Subject, MessageID: m.MessageID, Tags: m.Tags,
		Metadata: m.Metadata, Size: m.Size, OnUnknown: string(m.OnUnknown), SubmittedAt: timeOf(m.CreatedAt),
		Lane: laneWord(m.Lane), ThreadID: m.Thread, SendAt: timeAt(m.SendAt), ExpiresAt: timeAt(m.ExpiresAt), ShreddedAt: timeAt(m.ShreddedAt),
		Recipients: make([]client.Recipient, len(m.Recipients)),
	}
	for i, r := range m.Recipients {
		s.Recipients[i] = client.Recipient{Address: r.Address, Role: r.Role, Status: string(r.State), Cause: r.Cause, Reply: r.Reply, UpdatedAt: timeAt(r.UpdatedAt)}
	}
	if e := m.Entry; e != nil && (e.State == email.Queued || e.State == email.Unknown) {
		s.NextAt = timeAt(e.DueAt)
	}
	return s
}

func eventOf(e queue.Event) client.Event {
	d := e.Data
	return client.Event{ID: e.ID, Seq: e.Seq, Type: string(e.Kind), At: timeOf(e.At), Data: client.EventData{
		Recipients: d.Recipients, Account: d.Account, Attempt: d.Attempt, Cause: d.Cause, Text: d.Text, Fix: d.Fix, Reply: d.Reply,
		ProviderID: d.ProviderID, ThreadID: d.ThreadID, NextAt: timeOfMillis(d.NextAt), PossibleDuplicate: d.PossibleDuplicate,
	}}
}

func laneWord(l email.Lane) string {
	switch l {
	case email.Urgent:
		return "urgent"
	case email.Bulk:
		return "bulk"
	}
	return "normal"
}
