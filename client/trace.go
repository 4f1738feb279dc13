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
		res, err := c.do(ctx, get("/v1/smtp/trace", values))
		if err != nil {
			yield(TraceLine{}, err)
			return
		}
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, maxTraceLine)
		for lines.Scan() {
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue // nothing was said for a while
			}
			var l TraceLine
			err := json.Unmarshal(lines.Bytes(), &l)
			if !yield(l, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil && ctx.Err() == nil {
			yield(TraceLine{}, err)
		}
	}
}
