package microsoft

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

const (
	// pageSize of a list; 1,000 is its most.
	pageSize = 100
	// clockMargin allows for what the Date of an answer does not tell of the difference
	// between Graph's clock and ours: sentDateTime is Graph's time, Since is ours.
	clockMargin = 2 * time.Minute
	// messageFields are what is read of messages: nothing of their content.
	messageFields = "id,isDraft,sentDateTime,internetMessageId,internetMessageHeaders"
)

// Look implements provider.Looker. It lists Sent Items, newest first, until it has found
// all or is past the oldest attempt. A page has the headers of its messages, so none is
// read alone.
func (l looker) Look(ctx context.Context, q provider.LookQuery) (map[email.ID]string, error) {
	found := map[email.ID]string{}
	if len(q.IDs) == 0 {
		return found, nil
	}
	query := url.Values{"$select": {messageFields}, "$orderby": {"sentDateTime desc"}}
	err := l.list(ctx, toLook, "sentitems", query, func(page []draft) bool {
		limit := q.Since.Add(time.Duration(l.ahead.Load()) - clockMargin)
		past := false
		for _, m := range page {
			if id := m.gatepostID(); q.IDs[id] && !m.IsDraft && found[id] == "" {
				found[id] = m.ID
			}
			past = past || m.before(limit)
		}
		return !past && len(found) < len(q.IDs)
	})
	if err != nil {
		return nil, lookError(err)
	}
	return found, nil
}

// gatepostID is gatepost's id of the message: from its own field, or from the Message-ID
// that it makes of it (email.NewMessageID), should Graph not show the fields of a draft.
func (m draft) gatepostID() email.ID {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, email.HeaderID) {
			return strings.TrimSpace(h.Value)
		}
	}
	id, _, _ := strings.Cut(strings.Trim(m.Message, "<> "), "@")
	if _, err := email.ParseID(email.PrefixMessage, id); err != nil {
		return ""
	}
	return id
}

// before tells whether the message is older than the limit; one without a date does not
// say.
func (m draft) before(limit time.Time) bool {
	at, err := time.Parse(time.RFC3339, m.Sent)
	return err == nil && at.Before(limit)
}

// list reads a folder page by page, as long as next wants more.
func (a *account) list(ctx context.Context, p purpose, folder string, query url.Values, next func([]draft) bool) error {
	query.Set("$top", strconv.Itoa(pageSize))
	path := "/mailFolders/" + folder + "/messages"
	for {
		var page struct {
			Value []draft `json:"value"`
			Next  string  `json:"@odata.nextLink"`
		}
		if err := a.get(ctx, p, path, query, &page); err != nil {
			return err
		}
		if !next(page.Value) || page.Next == "" {
			return nil
		}
		if path, query = page.Next, nil; !a.ours(path) {
			return &provider.Error{
				Class: provider.Retry, Scope: provider.ScopeAccount, Cause: "unexpected_answer",
				Text:  "Graph's next page is at another address than Graph itself: a token is not shown there.",
				Reply: provider.CleanReply(path),
			}
		}
	}
}

// ours tells whether an address is where tokens may be shown: Graph's own.
func (a *account) ours(address string) bool {
	to, err := url.Parse(address)
	base, errBase := url.Parse(a.base)
	return err == nil && errBase == nil && to.Scheme == base.Scheme && strings.EqualFold(to.Host, base.Host) && to.User == nil
}

// lookError keeps the contract's type: nothing was learned.
func lookError(err error) *provider.Error {
	if e, ok := errors.AsType[*provider.Error](err); ok {
		return e
	}
	return &provider.Error{
		Class: provider.Retry, Scope: provider.ScopeAccount, Cause: "look_failed", Err: err,
		Text: "The mailbox could not be read: " + err.Error() + ".",
	}
}
