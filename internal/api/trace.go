package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"gatepost/client"
	"gatepost/internal/access"
	"gatepost/internal/control"
)

// How a trace is sent: a line as soon as it is said, and an empty one where nothing is,
// so that nobody in between takes the connection for dead. A client has the time of three
// such lines to take one: HTTP/2 ends a stream whose time to write is over, also where
// nothing is written, so it has to begin anew well before.
const (
	traceUsual = 5 * time.Minute
	traceQuiet = 10 * time.Second
	traceStuck = 3 // times quiet
)

// traceSMTP shows dialogues at the SMTP door as they go on.
func (s *server) traceSMTP(c *call) error {
	one, wrong, err := c.only("client", "key", "seconds")
	if err != nil {
		return err
	}
	whom := control.Whom{Key: one["key"]}
	if v := one["client"]; v != "" {
		if whom.Clients, err = access.ParseNetwork(v); err != nil {
			wrong.add("client", err.Error())
		}
	}
	span := traceSpan(one["seconds"], &wrong)
	if len(wrong) > 0 {
		return wrong
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), span)
	defer cancel()
	lines, err := s.Control.Trace(ctx, c.grant, whom)
	if err != nil {
		return err
	}
	c.sendTrace(ctx, lines, traceQuiet)
	return nil
}

// traceSpan is for how long somebody wants to watch.
func traceSpan(seconds string, wrong *wrongFields) time.Duration {
	if seconds == "" {
		return traceUsual
	}
	n, err := strconv.Atoi(seconds)
	span := time.Duration(n) * time.Second
	if err != nil || n < 1 || span > control.TraceTime {
		wrong.add("seconds", "a number of seconds from 1 to "+strconv.Itoa(int(control.TraceTime.Seconds())))
	}
	return span
}

// sendTrace sends lines of the SMTP door.
func (c *call) sendTrace(ctx context.Context, lines <-chan control.TraceLine, quiet time.Duration) {
	sendLines(ctx, c, lines, quiet, func(l control.TraceLine) any {
		return client.TraceLine{
			At: timeOf(l.At), Session: l.On.ID, Client: l.On.Client.String(), Key: l.On.KeyName, Who: l.Who, Text: l.Text,
		}
	})
}

// sendLines sends lines until ctx ends, and an empty one each quiet time.
func sendLines[T any](ctx context.Context, c *call, lines <-chan T, quiet time.Duration, wire func(T) any) {
	out := http.NewResponseController(c.w)
	h := c.w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	c.status = http.StatusOK
	c.w.WriteHeader(c.status)
	_ = out.SetReadDeadline(time.Time{}) // the client has said all it has to say
	alive := time.NewTicker(quiet)
	defer alive.Stop()
	for text := []byte("\n"); ; {
		_ = out.SetWriteDeadline(time.Now().Add(traceStuck * quiet))
		if _, err := c.w.Write(text); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-alive.C:
			text = []byte("\n")
		case l, ok := <-lines:
			if !ok {
				return
			}
			text, _ = json.Marshal(wire(l))
			text = append(text, '\n')
		}
	}
}
