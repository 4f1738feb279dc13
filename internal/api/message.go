package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"gatepost/client"
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

// releaseMessage lets a held message go on and shows it to keys that may read.
func (s *server) releaseMessage(c *call) error {
	id := c.r.PathValue("id")
	if err := isID(email.PrefixMessage, id); err != nil {
		return err
	}
	if err := s.Engine.Release(c.r.Context(), c.grant, id); err != nil {
		return err
	}
	err := s.showMessage(c)
	if errors.Is(err, queue.ErrForbidden) {
		c.write(http.StatusNoContent, "application/json", nil)
		return nil
	}
	return err
}

const (
	defaultLimit = 20
	maxLimit     = 100
)

// listMessages shows a page of messages, newest first.
func (s *server) listMessages(c *call) error {
	before, limit, err := c.page()
	if err != nil {
		return err
	}
	list, err := s.Engine.Messages(c.r.Context(), c.grant, before, limit+1)
	if err != nil {
		return err
	}
	page := client.MessageList{Data: []client.MessageSummary{}}
	if len(list) > limit {
		list = list[:limit]
		page.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(list[limit-1].ID))
	}
	for _, m := range list {
		page.Data = append(page.Data, summaryOf(m))
	}
	return c.answer(http.StatusOK, page)
}

// page reads cursor and limit.
func (c *call) page() (before email.ID, limit int, err error) {
	q, err := c.query("cursor", "limit")
	var wrong wrongFields
	if err != nil && !errors.As(err, &wrong) {
		return "", 0, err
	}
	limit = defaultLimit
	if v, ok := q["limit"]; ok {
		limit, err = strconv.Atoi(v[0])
		if err != nil || limit < 1 || limit > maxLimit || len(v) > 1 {
			wrong = append(wrong, email.Problem{Field: "limit", Message: fmt.Sprintf("must be a whole number from 1 to %d", maxLimit)})
		}
	}
	if v, ok := q["cursor"]; ok {
		id, err := base64.RawURLEncoding.DecodeString(v[0])
		if before = string(id); err != nil || len(v) > 1 || isID(email.PrefixMessage, before) != nil {
			wrong = append(wrong, email.Problem{Field: "cursor", Message: "not a next_cursor of an earlier answer"})
		}
	}
	return before, limit, invalid(wrong)
}

func answerOf(m *queue.Message, events []queue.Event) client.Message {
	a := client.Message{MessageSummary: summaryOf(m), Events: make([]client.Event, len(events))}
	if m.Entry != nil {
		a.Attempts, a.PossibleDuplicate = m.Entry.Attempt, m.Entry.Duplicate
	}
	for i, e := range events {
		a.Events[i] = eventOf(e)
		a.Attempts = max(a.Attempts, e.Data.Attempt)
		a.PossibleDuplicate = a.PossibleDuplicate || e.Data.PossibleDuplicate
	}
	return a
}

func summaryOf(m *queue.Message) client.MessageSummary {
	s := client.MessageSummary{
		ID: m.ID, Account: m.Account, Type: m.Type, From: m.Sender, Subject: m.Subject, MessageID: m.MessageID, Tags: m.Tags,
		Metadata: m.Metadata, Size: m.Size, OnUnknown: string(m.OnUnknown), SubmittedAt: timeOf(m.CreatedAt),
		Lane: laneWord(email.Normal), Recipients: make([]client.Recipient, len(m.Recipients)),
	}
	for i, r := range m.Recipients {
		s.Recipients[i] = client.Recipient{Address: r.Address, Role: r.Role, Status: string(r.State), Cause: r.Cause, Reply: r.Reply, UpdatedAt: timeAt(r.UpdatedAt)}
	}
	if e := m.Entry; e != nil {
		s.Lane = laneWord(e.Lane)
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
		ProviderID: d.ProviderID, NextAt: timeOfMillis(d.NextAt), PossibleDuplicate: d.PossibleDuplicate,
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
