package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"time"
)

// TraceQuery says whose dialogues at the SMTP door are watched, and for how long.
type TraceQuery struct {
	Client string        // an address or a network; empty: any
	Key    string        // the id or the name of an API key; empty: any
	For    time.Duration // at most an hour; 0: five minutes
}

// TraceLine is one line of a dialogue, without secrets and without content.
type TraceLine struct {
	At      Time   `json:"at"`
	Session string `json:"session" doc:"Which connection it is of."`
	Client  string `json:"client" doc:"Its address."`
	Key     string `json:"key,omitempty" doc:"The name of the API key, from the login on."`
	Who     string `json:"who" doc:"client or gatepost."`
	Text    string `json:"text"`
}

// maxTraceLine is the longest line of an answer.
const maxTraceLine = 64 << 10

// TraceSMTP gives the lines of dialogues at the SMTP door of the node that answers, as
// they come, until the time is over or ctx ends. The error, if there is one, comes last.
func (c *Client) TraceSMTP(ctx context.Context, q TraceQuery) iter.Seq2[TraceLine, error] {
	return func(yield func(TraceLine, error) bool) {
		values := url.Values{}
		for name, v := range map[string]string{"client": q.Client, "key": q.Key} {
			if v != "" {
				values.Set(name, v)
			}
		}
		if q.For > 0 {
			values.Set("seconds", fmt.Sprint(int(q.For.Seconds())))
		}
		lines(ctx, c, get("/v1/smtp/trace", values), yield)
	}
}

// AccountLine is one line of what an account and its provider say to each other, without
// tokens, passwords and content.
type AccountLine struct {
	At   Time   `json:"at"`
	Who  string `json:"who" enum:"gatepost,provider,note" doc:"note is what happened to the connection."`
	Text string `json:"text"`
}

// TraceAccount gives what an account says to its provider and hears, as it is said on the
// node that answers, until the time is over or ctx ends. 0 is five minutes. The error, if
// there is one, comes last.
func (c *Client) TraceAccount(ctx context.Context, id string, span time.Duration) iter.Seq2[AccountLine, error] {
	return func(yield func(AccountLine, error) bool) {
		values := url.Values{}
		if span > 0 {
			values.Set("seconds", fmt.Sprint(int(span.Seconds())))
		}
		lines(ctx, c, get("/v1/accounts/"+url.PathEscape(id)+"/trace", values), yield)
	}
}

// lines yields the JSON objects of an answer, one a line.
func lines[T any](ctx context.Context, c *Client, q request, yield func(T, error) bool) {
	var none T
	res, err := c.do(ctx, q)
	if err != nil {
		yield(none, err)
		return
	}
	defer res.Body.Close()
	in := bufio.NewScanner(res.Body)
	in.Buffer(nil, maxTraceLine)
	for in.Scan() {
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue // nothing was said for a while
		}
		var l T
		err := json.Unmarshal(in.Bytes(), &l)
		if !yield(l, err) || err != nil {
			return
		}
	}
	if err := in.Err(); err != nil && ctx.Err() == nil {
		yield(none, err)
	}
}
