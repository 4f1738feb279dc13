package client

import (
	"context"
	"net/url"
	"time"
)

// Queue is what waits, and what is paused.
type Queue struct {
	Waiting []Waiting `json:"waiting" doc:"The most messages first."`
	Pauses  []Pause   `json:"pauses"`
}

// Waiting is messages that wait for the same.
type Waiting struct {
	Account    string `json:"account" doc:"The id of the account, or the pool, that they wait for."`
	Address    string `json:"address,omitempty"`
	Lane       string `json:"lane" enum:"urgent,normal,bulk"`
	State      string `json:"state" enum:"scheduled,queued,sending,unknown,held,failed"`
	Cause      string `json:"cause,omitempty" doc:"Of their last attempt; a stable word."`
	Why        string `json:"why,omitempty" example:"backoff" doc:"What they wait for: turn, limit, sending, schedule, backoff, parked, account_held, paused, look, held, no_account. Empty: they failed."`
	Text       string `json:"text,omitempty" doc:"The same for a person."`
	Until      *Time  `json:"until,omitempty" doc:"Until when; of several the first. Missing: until somebody does something, or no time is known."`
	Messages   int64  `json:"messages"`
	Recipients int64  `json:"recipients" doc:"Those without a verdict."`
	OldestAt   *Time  `json:"oldest_at,omitempty" doc:"When the oldest was submitted."`
}

// Pause is what a person has paused: an account, a lane, or both.
type Pause struct {
	Account string `json:"account,omitempty" doc:"The id of an account or a pool. Empty: every account."`
	Address string `json:"address,omitempty" doc:"Of an account its address, of a pool its name."`
	Lane    string `json:"lane,omitempty" enum:"urgent,normal,bulk" doc:"Empty: every lane."`
	Reason  string `json:"reason,omitempty"`
	Key     string `json:"key,omitempty" doc:"The id of the API key that did it."`
	Since   Time   `json:"since"`
}

// NewPause pauses mail, or resumes it.
type NewPause struct {
	Account string `json:"account,omitempty" minLength:"1" doc:"Its id or address, or a pool's id or name; left out: every account."`
	Lane    string `json:"lane,omitempty" minLength:"1" enum:"urgent,normal,bulk" doc:"Left out: every lane."`
	Reason  string `json:"reason,omitempty" doc:"For those who wonder why nothing leaves; at most 200 bytes."`
	DryRun  bool   `json:"dry_run,omitempty" null:"refused" doc:"Count what waits of it, and do nothing."`
}

// PauseList is all that is paused.
type PauseList struct {
	Data    []Pause       `json:"data"`
	Ended   *Pause        `json:"ended,omitempty" doc:"The pause that was resumed; with dry_run, would be. Missing: there was none with this account and lane."`
	Counted *QueueOrdered `json:"counted,omitempty" doc:"With dry_run: what waits now of what would be paused, or resumed."`
}

// QueueOrder says what is to be done to which messages. Empty fields select nothing
// away; written into a request, empty or null, they are refused.
type QueueOrder struct {
	Account         string `json:"account,omitempty" minLength:"1" doc:"Those that wait for it, or failed by it: its id or address."`
	Lane            string `json:"lane,omitempty" minLength:"1" enum:"urgent,normal,bulk"`
	Type            string `json:"type,omitempty" minLength:"1"`
	Cause           string `json:"cause,omitempty" minLength:"1" doc:"Of the last attempt. With retry only recipients that failed with it are tried again."`
	State           string `json:"state,omitempty" minLength:"1" enum:"scheduled,queued,held" doc:"Left out: all that the verb is about."`
	SubmittedBefore *Time  `json:"submitted_before,omitempty" null:"refused"`
	To              string `json:"to,omitempty" null:"refused" doc:"With move: the account that sends them from now on, its id or address."`
	Reason          string `json:"reason,omitempty" doc:"For the events; at most 200 bytes."`
	DryRun          bool   `json:"dry_run,omitempty" null:"refused" doc:"Count, and do nothing."`
	Cursor          string `json:"cursor,omitempty" minLength:"1" doc:"The next_cursor of the answer before, to go on."`
}

// QueueOrdered is what came of an order.
type QueueOrdered struct {
	DryRun     bool           `json:"dry_run"`
	Messages   int64          `json:"messages" doc:"How many it was done to; of a dry run, would be."`
	Recipients int64          `json:"recipients"`
	Waiting    []Waiting      `json:"waiting,omitempty" doc:"Of a dry run: which they are."`
	Twice      int64          `json:"may_arrive_twice,omitempty" doc:"Of a dry run of release: how many of them may have left already, as their last attempt ended without an answer."`
	Skipped    []QueueSkipped `json:"skipped,omitempty" doc:"Messages that are left as they are."`
	NextCursor string         `json:"next_cursor,omitempty" doc:"There is more to do: give the same order with this as cursor."`
}

// QueueSkipped is messages that an order left as they are.
type QueueSkipped struct {
	Why      string `json:"why"`
	Messages int64  `json:"messages"`
}

// QueueQuery selects what the queue tells of. Empty fields select nothing away.
type QueueQuery struct {
	Account         string // its id or address
	Lane            string
	Type            string
	Cause           string
	State           string // scheduled, queued, sending, unknown or held
	SubmittedBefore time.Time
}

func (q QueueQuery) query() url.Values {
	v := url.Values{}
	setQuery(v, "account", q.Account)
	setQuery(v, "lane", q.Lane)
	setQuery(v, "type", q.Type)
	setQuery(v, "cause", q.Cause)
	setQuery(v, "state", q.State)
	setQueryTime(v, "submitted_before", q.SubmittedBefore)
	return v
}

// Queue tells who waits for what and until when, and what is paused.
func (c *Client) Queue(ctx context.Context, q QueueQuery) (Queue, error) {
	return ask[Queue](ctx, c, get("/v1/queue", q.query()))
}

// Pause lets no attempt begin of what p names, until it is resumed, and returns all
// that is paused. With DryRun it counts what waits, and pauses nothing.
func (c *Client) Pause(ctx context.Context, p NewPause) (PauseList, error) {
	return again[PauseList](ctx, c, "/v1/queue/pause", p)
}

// Resume ends the pause of just what p names and returns what is still paused, and
// in Ended what was resumed. With DryRun it counts what waits, and resumes nothing.
func (c *Client) Resume(ctx context.Context, p NewPause) (PauseList, error) {
	return again[PauseList](ctx, c, "/v1/queue/resume", p)
}

// again posts what has one effect however often it is done.
func again[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	r, err := post(path).with(body)
	if err != nil {
		var none T
		return none, err
	}
	r.repeat = true
	return ask[T](ctx, c, r)
}

// The verbs of OrderQueue.
const (
	VerbHold    = "hold"    // what is scheduled or queued waits for a person
	VerbRelease = "release" // what is held goes on
	VerbRetry   = "retry"   // recipients that failed are tried again
	VerbMove    = "move"    // what waits is sent by another account
	VerbCancel  = "cancel"  // what waits is not sent
)

// OrderQueue does something to many messages. A long order is done in parts:
// progress, if it is not nil, is told after each what was done so far. After an
// error what it returns was done, and the same order does the rest.
func (c *Client) OrderQueue(ctx context.Context, verb string, o QueueOrder, progress func(QueueOrdered)) (QueueOrdered, error) {
	var sum QueueOrdered
	skipped := map[string]int{}
	for {
		part, err := send[QueueOrdered](ctx, c, "POST", "/v1/queue/"+url.PathEscape(verb), o)
		if err != nil {
			return sum, err
		}
		for _, s := range part.Skipped {
			if i, ok := skipped[s.Why]; ok {
				sum.Skipped[i].Messages += s.Messages
				continue
			}
			skipped[s.Why] = len(sum.Skipped)
			sum.Skipped = append(sum.Skipped, s)
		}
		sum.DryRun, sum.Waiting, sum.Twice, sum.NextCursor = part.DryRun, part.Waiting, part.Twice, part.NextCursor
		sum.Messages, sum.Recipients = sum.Messages+part.Messages, sum.Recipients+part.Recipients
		if progress != nil {
			progress(sum)
		}
		if o.Cursor = part.NextCursor; o.Cursor == "" {
			return sum, nil
		}
	}
}
