package gmail

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

const (
	// lookParallel is how many headers are read at a time.
	lookParallel = 4
	// pageSize of messages.list; 500 is its most, but Sent is read from the top and
	// the wanted messages are young.
	pageSize = 100
	// clockMargin allows for what the Date of an answer does not tell of the difference
	// between Gmail's clock and ours: internalDate is Gmail's time, Since is ours.
	clockMargin = 2 * time.Minute
	// lookReads is how many headers one look reads. Each costs as much of the quota as a
	// fifth of a message, and mail that goes by SMTP has no id by which it would be known.
	// What has been read is remembered, so the next look goes on.
	lookReads = 100
)

// Look implements provider.Looker. It lists Sent by label (gmail.metadata may not
// search), newest first, and reads one header field of each message that is not
// accounted for, until it has found all or is past the oldest attempt.
func (l looker) Look(ctx context.Context, q provider.LookQuery) (map[email.ID]string, error) {
	found := map[email.ID]string{}
	if len(q.IDs) == 0 {
		return found, nil
	}
	token, left := "", lookReads
	for {
		page, err := l.listSent(ctx, token)
		if err != nil {
			return nil, lookError(err)
		}
		limit := q.Since.Add(time.Duration(l.ahead.Load()) - clockMargin)
		past, err := l.readPage(ctx, sentPart{q, page.ids(), limit, &left}, found)
		if err != nil {
			return nil, lookError(err)
		}
		if past || len(found) == len(q.IDs) || page.Next == "" {
			return found, nil
		}
		token = page.Next
	}
}

// lookError keeps the contract's type: nothing was learned.
func lookError(err error) error {
	if e, ok := errors.AsType[*provider.Error](err); ok {
		return e
	}
	return &provider.Error{
		Class: provider.Retry, Scope: provider.ScopeAccount, Cause: "look_failed", Err: err,
		Text: "Sent could not be read: " + err.Error() + ".",
	}
}

// sentPage is one answer of messages.list.
type sentPage struct {
	Messages []struct {
		ID string `json:"id"`
	} `json:"messages"`
	Next string `json:"nextPageToken"`
}

func (p sentPage) ids() []string {
	ids := make([]string, len(p.Messages))
	for i, m := range p.Messages {
		ids[i] = m.ID
	}
	return ids
}

func (a *account) listSent(ctx context.Context, token string) (sentPage, error) {
	query := url.Values{"labelIds": {"SENT"}, "maxResults": {strconv.Itoa(pageSize)}}
	if token != "" {
		query.Set("pageToken", token)
	}
	var page sentPage
	err := a.get(ctx, a.lookScope, "messages", query, &page)
	return page, err
}

// sentPart is a page of Sent that is read.
type sentPart struct {
	q     provider.LookQuery
	ids   []string
	limit time.Time
	left  *int // how many headers this look may still read
}

// readPage reads the headers of a page in order, a few at a time, and tells
// whether it is past the time limit. The last message of the page is always read,
// for its date, even if all of the page is accounted for.
func (l looker) readPage(ctx context.Context, p sentPart, found map[email.ID]string) (past bool, err error) {
	q := p.q
	unread, err := unaccounted(ctx, q, p.ids)
	if err != nil {
		return false, err
	}
	for start := 0; start < len(unread); start += lookParallel {
		group, err := l.readGroup(ctx, unread[start:min(start+lookParallel, len(unread))], p.left)
		if err != nil {
			return false, err
		}
		for _, m := range group {
			if id := m.gatepostID(); q.IDs[id] {
				found[id] = m.ID
			}
			past = past || m.before(p.limit)
		}
		if past || len(found) == len(q.IDs) {
			return past, nil
		}
	}
	return false, nil
}

// unaccounted leaves out the messages that the store knows, but for the last.
func unaccounted(ctx context.Context, q provider.LookQuery, ids []string) ([]string, error) {
	if q.Known == nil || len(ids) == 0 {
		return ids, nil
	}
	known, err := q.Known(ctx, ids)
	if err != nil {
		return nil, err
	}
	var unread []string
	for i, id := range ids {
		if !known[id] || i == len(ids)-1 {
			unread = append(unread, id)
		}
	}
	return unread, nil
}

// sentMessage is what gatepost reads of a message in Sent.
type sentMessage struct {
	ID      string `json:"id"`
	Date    string `json:"internalDate"` // milliseconds, as text
	Payload struct {
		Headers []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"headers"`
	} `json:"payload"`
}

func (m sentMessage) gatepostID() email.ID {
	for _, h := range m.Payload.Headers {
		if strings.EqualFold(h.Name, email.HeaderID) {
			return strings.TrimSpace(h.Value)
		}
	}
	return ""
}

// before tells whether the message is older than the limit; one without a date
// does not say.
func (m sentMessage) before(limit time.Time) bool {
	ms, err := strconv.ParseInt(m.Date, 10, 64)
	return err == nil && time.UnixMilli(ms).Before(limit)
}

// errUnfinished says that Sent has more to be read than one look may read.
var errUnfinished = &provider.Error{
	Class: provider.Retry, Scope: provider.ScopeMessage, Cause: provider.CauseLookUnfinished,
	Text: "Sent has more messages than one look reads: the next one goes on.",
}

// readGroup reads some headers at the same time, but for those that earlier looks have
// read. Messages that have just been deleted come back empty.
func (l looker) readGroup(ctx context.Context, ids []string, left *int) ([]sentMessage, error) {
	group, errs := make([]sentMessage, len(ids)), make([]error, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		var read bool
		if group[i], read = l.seen.get(id); read {
			continue
		}
		if *left--; *left < 0 {
			wg.Wait()
			return nil, errUnfinished
		}
		wg.Go(func() {
			query := url.Values{"format": {"metadata"}, "metadataHeaders": {email.HeaderID}}
			errs[i] = l.get(ctx, l.lookScope, "messages/"+url.PathEscape(id), query, &group[i])
			if errors.Is(errs[i], errNotFound) {
				errs[i] = nil
			} else if errs[i] == nil {
				l.seen.put(group[i])
			}
		})
	}
	wg.Wait()
	return group, errors.Join(errs...)
}

// mostSeen is how many headers are remembered; with more all are read anew.
const mostSeen = 10_000

// seenSent remembers what was read of Sent: none of it changes. It is safe for use by
// many goroutines.
type seenSent struct {
	mu   sync.Mutex
	read map[string]sentMessage
}

func (s *seenSent) get(id string) (sentMessage, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.read[id]
	return m, ok
}

func (s *seenSent) put(m sentMessage) {
	if m.ID == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read == nil || len(s.read) >= mostSeen {
		s.read = map[string]sentMessage{}
	}
	s.read[m.ID] = m
}
