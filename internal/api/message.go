package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// MessageSummary is what a list shows of a message. It has a capital because the
// schema leaves out embedded types without.
type MessageSummary struct {
	ID          string            `json:"id"`
	Account     string            `json:"account"`
	Type        string            `json:"type"`
	From        string            `json:"from"`
	Subject     string            `json:"subject"`
	MessageID   string            `json:"message_id" doc:"The Message-ID in the message's header."`
	Tags        []string          `json:"tags"`
	Metadata    map[string]string `json:"metadata"`
	Size        int64             `json:"size" doc:"Bytes of the whole message."`
	OnUnknown   string            `json:"on_unknown"`
	SubmittedAt stamp             `json:"submitted_at"`
	Recipients  []recipient       `json:"recipients"`
	NextAt      *stamp            `json:"next_at,omitempty" doc:"When it is tried, or looked for, again."`
}

// messageAnswer is a message with its history.
type messageAnswer struct {
	MessageSummary
	PossibleDuplicate bool    `json:"possible_duplicate" doc:"Whether recipients may have got it twice."`
	Attempts          int     `json:"attempts" doc:"How often it was tried."`
	Events            []event `json:"events" doc:"What happened to it, oldest first."`
}

type recipient struct {
	Address   string `json:"address"`
	Role      string `json:"role" doc:"to, cc or bcc; empty where a raw message does not say."`
	Status    string `json:"status" enum:"scheduled,queued,sending,unknown,held,accepted,failed,canceled,expired,suppressed,bounced,complained"`
	Cause     string `json:"cause,omitempty" doc:"Why it is in this state; a stable word."`
	Reply     string `json:"reply,omitempty" doc:"The next hop's own words."`
	UpdatedAt *stamp `json:"updated_at,omitempty"`
}

type event struct {
	ID   string    `json:"id"`
	Seq  int       `json:"seq" doc:"Counts the events of one message from 1."`
	Type string    `json:"type" example:"message.accepted"`
	At   stamp     `json:"at"`
	Data eventData `json:"data"`
}

type eventData struct {
	Recipients        []string `json:"recipients,omitempty" doc:"Whom it is about, where that is not everybody."`
	Account           string   `json:"account,omitempty"`
	Attempt           int      `json:"attempt,omitempty"`
	Cause             string   `json:"cause,omitempty"`
	Text              string   `json:"text,omitempty" doc:"What happened."`
	Fix               string   `json:"fix,omitempty" doc:"What to do about it."`
	Reply             string   `json:"reply,omitempty"`
	ProviderID        string   `json:"provider_id,omitempty"`
	NextAt            *stamp   `json:"next_at,omitempty"`
	PossibleDuplicate bool     `json:"possible_duplicate,omitempty"`
}

// messageList is a page of messages, newest first.
type messageList struct {
	Data       []MessageSummary `json:"data"`
	NextCursor string           `json:"next_cursor,omitempty" doc:"Give this as cursor to get the next page; missing on the last."`
}

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
	page := messageList{Data: []MessageSummary{}}
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

func answerOf(m *queue.Message, events []queue.Event) messageAnswer {
	a := messageAnswer{MessageSummary: summaryOf(m), Events: make([]event, len(events))}
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

func summaryOf(m *queue.Message) MessageSummary {
	s := MessageSummary{
		ID: m.ID, Account: m.Account, Type: m.Type, From: m.Sender, Subject: m.Subject, MessageID: m.MessageID, Tags: m.Tags,
		Metadata: m.Metadata, Size: m.Size, OnUnknown: string(m.OnUnknown), SubmittedAt: stamp(m.CreatedAt),
		Recipients: make([]recipient, len(m.Recipients)),
	}
	for i, r := range m.Recipients {
		s.Recipients[i] = recipient{Address: r.Address, Role: r.Role, Status: string(r.State), Cause: r.Cause, Reply: r.Reply}
		if !r.UpdatedAt.IsZero() {
			s.Recipients[i].UpdatedAt = (*stamp)(&m.Recipients[i].UpdatedAt)
		}
	}
	if e := m.Entry; e != nil && (e.State == email.Queued || e.State == email.Unknown) {
		s.NextAt = (*stamp)(&e.DueAt)
	}
	return s
}

func eventOf(e queue.Event) event {
	d := e.Data
	return event{ID: e.ID, Seq: e.Seq, Type: string(e.Kind), At: stamp(e.At), Data: eventData{
		Recipients: d.Recipients, Account: d.Account, Attempt: d.Attempt, Cause: d.Cause, Text: d.Text, Fix: d.Fix, Reply: d.Reply,
		ProviderID: d.ProviderID, NextAt: stampOf(d.NextAt), PossibleDuplicate: d.PossibleDuplicate,
	}}
}

func stampOf(ms int64) *stamp {
	if ms == 0 {
		return nil
	}
	t := stamp(time.UnixMilli(ms))
	return &t
}
