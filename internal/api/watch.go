package api

import (
	"context"
	"net/http"

	"gatepost/client"
)

// traceAccount shows what an account and its provider say to each other.
func (s *server) traceAccount(c *call) error {
	one, wrong, err := c.only("seconds")
	if err != nil {
		return err
	}
	span := traceSpan(one["seconds"], &wrong)
	if len(wrong) > 0 {
		return wrong
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), span)
	defer cancel()
	w, err := s.Control.WatchAccount(ctx, c.grant, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	lines := make(chan client.AccountLine, 1)
	lines <- client.AccountLine{At: timeOf(w.First.At), Who: w.First.Who, Text: w.First.Text}
	go func() {
		defer close(lines)
		for l := range w.Lines { // until ctx ends
			select {
			case lines <- client.AccountLine{At: timeOf(l.At), Who: l.Who, Text: l.Text}:
			case <-ctx.Done():
			}
		}
	}()
	sendLines(ctx, c, lines, traceQuiet, func(l client.AccountLine) any { return l })
	return nil
}

func describeTraceAccount(d *describer) {
	d.about("traceAccount", "Watch what an account and its provider say to each other", "A JSON object a line, as it is said, an empty one where nothing is. Calls with their status and how long they took, "+
		"lines of SMTP, and what refusals say; addresses are shown, never tokens, passwords, subjects or content. It shows the node that answers, and says so where another one sends for the account.")
	d.id("The account's id.", exampleAccountID)
	d.param("query", "seconds", "For how long, from 1 to 3600. 300 where it is missing.", nil)
	r := d.gives(http.StatusOK, "The lines, until the time is over.", client.AccountLine{}, `{"at": "2026-11-21T08:00:00.000Z", "who": "provider", "text": "535 5.7.3 Authentication unsuccessful"}`)
	r.Content["application/x-ndjson"] = r.Content["application/json"]
	delete(r.Content, "application/json")
}
