package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

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
	if err := do(c.r.Context(), c.grant, id); err != nil {
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

const (
	defaultLimit = 20
	maxLimit     = 100
)

// listMessages shows a page of messages, newest first.
func (s *server) listMessages(c *call) error {
	q, err := c.messageQuery()
	if err != nil {
		return err
	}
	found, err := s.Engine.Messages(c.r.Context(), c.grant, q)
	if err != nil {
		return err
	}
	page := client.MessageList{Data: make([]client.MessageSummary, len(found.Messages))}
	for i, m := range found.Messages {
		page.Data[i] = summaryOf(m)
	}
	if found.Next != "" {
		page.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(found.Next))
	}
	return c.answer(http.StatusOK, page)
}

// messageQuery reads what is asked for.
func (c *call) messageQuery() (queue.MessageQuery, error) {
	one, wrong, err := c.only("status", "account", "recipient", "tag", "type", "since", "until", "cursor", "limit")
	if err != nil {
		return queue.MessageQuery{}, err
	}
	q := queue.MessageQuery{
		Status: email.State(one["status"]), Account: one["account"], Recipient: one["recipient"], Tag: one["tag"], Type: one["type"],
		Since: wrong.time("since", one["since"]), Until: wrong.time("until", one["until"]), Limit: defaultLimit,
	}
	wrong.words(q)
	wrong.page(one, &q)
	return q, invalid(wrong)
}

// words refuses what nothing can be found by, which is a slip of the pen rather
// than a question.
func (w *wrongFields) words(q queue.MessageQuery) {
	if q.Status != "" && !slices.Contains(statuses(), q.Status) {
		w.add("status", "not a status of a recipient: one of "+joined(statuses()))
	}
	if q.Type != "" && !slices.Contains(queue.Types(), q.Type) {
		w.add("type", "not a type: one of "+joined(queue.Types()))
	}
	if q.Account != "" && isID(email.PrefixAccount, q.Account) != nil {
		w.add("account", "not the id of an account: GET /v1/accounts lists them")
	}
}

// statuses are all states of recipients, as the schema lists them.
func statuses() []email.State {
	return []email.State{
		email.Scheduled, email.Queued, email.Sending, email.Unknown, email.Held, email.Accepted, email.Failed, email.Canceled,
		email.Expired, email.Suppressed, email.Bounced, email.Complained,
	}
}

func joined[S ~string](words []S) string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = string(word)
	}
	return strings.Join(all, ", ")
}

// page reads cursor and limit.
func (w *wrongFields) page(one map[string]string, q *queue.MessageQuery) {
	if v := one["limit"]; v != "" {
		n, err := strconv.Atoi(v)
		if q.Limit = n; err != nil || n < 1 || n > maxLimit {
			w.add("limit", fmt.Sprintf("must be a whole number from 1 to %d", maxLimit))
		}
	}
	if v := one["cursor"]; v != "" {
		id, err := base64.RawURLEncoding.DecodeString(v)
		if q.Before = string(id); err != nil || isID(email.PrefixMessage, q.Before) != nil {
			w.add("cursor", "not a next_cursor of an earlier answer")
		}
	}
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
