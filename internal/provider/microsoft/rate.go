package microsoft

import (
	"encoding/json"
	"strings"
	"time"

	"gatepost/internal/provider"
)

// What a mailbox may do over time: 10,000 requests to Graph in ten minutes for an app
// and mailbox (learn.microsoft.com/graph/throttling-limits); 10,000 recipients in a
// rolling day whichever way mail goes (Exchange Online limits); 30 messages a minute by
// SMTP, of which Exchange delays what is too much ("Message storage and concurrent
// connection throttling for SMTP Authenticated Submission", 2025-06).
const (
	requestsInTen    = 10_000
	recipientsInDay  = 10_000
	messagesInMinute = 30

	sourceOfRequests = "learn.microsoft.com/graph/throttling-limits, read 2026-11"
	sourceOfDay      = "learn.microsoft.com, Exchange Online limits, read 2026-11"
	sourceOfMinute   = "learn.microsoft.com, throttling for SMTP Authenticated Submission (2025-06), read 2026-11"
)

// Requests that a message costs: one; or, by way of a draft, its making, its sending and
// a question whether it is gone.
const (
	sendRequests  = 1
	draftRequests = 3
)

// rates are the limits of Graph and of the mailbox.
func rates(address string, config json.RawMessage) []provider.Rate {
	s, _ := parse(config)
	box := strings.ToLower(s.box(address))
	calls := provider.Rate{
		Scope: provider.RateOfMailbox, Of: box, Unit: provider.UnitUnits, Max: requestsInTen, Window: 10 * time.Minute,
		Cost: sendRequests, Source: sourceOfRequests,
	}
	if s.DraftFence {
		calls.Cost = draftRequests
	}
	return append([]provider.Rate{calls}, s.Limits.Rates(box, provider.RateOfMailbox, box, recipientsOfDay(box))...)
}

// ratesSMTP are the limits of the mailbox.
func ratesSMTP(address string, config json.RawMessage) []provider.Rate {
	s, _ := parseSMTP(config)
	box := strings.ToLower(s.box(address))
	minute := provider.Rate{
		Scope: provider.RateOfMailbox, Of: box, Unit: provider.UnitMessages, Max: messagesInMinute, Window: time.Minute, Source: sourceOfMinute,
	}
	return s.Limits.Rates(box, provider.RateOfMailbox, box, minute, recipientsOfDay(box))
}

func recipientsOfDay(box string) provider.Rate {
	return provider.Rate{
		Scope: provider.RateOfMailbox, Of: box, Unit: provider.UnitRecipients, Max: recipientsInDay, Window: provider.Day, Source: sourceOfDay,
	}
}
