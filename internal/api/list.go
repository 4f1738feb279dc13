package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"gatepost/client"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

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
	if q.Account, err = c.accountNamed(q.Account, &wrong); err != nil {
		return q, err
	}
	wrong.words(q)
	wrong.page(one, &q)
	return q, invalid(wrong)
}

// accountNamed is the id of an account that is named by its id or its address, or of
// a pool that is by its id or its name. What was removed is still found by its id.
// Keys that may read messages see there which accounts sent them.
func (c *call) accountNamed(name string, wrong *wrongFields) (id string, err error) {
	if isID(email.PrefixAccount, name) == nil || isID(email.PrefixPool, name) == nil {
		return name, nil
	}
	return c.routeNamed("account", name, wrong)
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
