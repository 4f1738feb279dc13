package kill

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestVerdictSeesBrokenPromises gives the verdict what only a broken gatepost would show.
func TestVerdictSeesBrokenPromises(t *testing.T) {
	seen := func(status string, duplicate bool, events ...string) shown {
		m := shown{known: true, Duplicate: duplicate, Recipients: []struct{ Status string }{{status}}}
		for _, e := range events {
			m.Events = append(m.Events, struct {
				Type string
				Data struct{ Attempt int }
			}{Type: e})
		}
		return m
	}
	const unknown = "message.unknown"
	for name, c := range map[string]struct {
		class  class
		copies int
		seen   shown
		others []string
		want   []string
	}{
		"Gmail, arrived":                 {gmail, 1, seen("accepted", false), nil, nil},
		"Gmail, found in Sent":           {gmail, 1, seen("accepted", false, unknown), nil, nil},
		"Gmail, accepted and not there":  {gmail, 0, seen("accepted", false), nil, []string{lost}},
		"Gmail, not known":               {gmail, 0, shown{}, nil, []string{forgotten}},
		"Gmail, sent and not known":      {gmail, 1, shown{}, nil, []string{forgotten}},
		"Gmail, still unknown":           {gmail, 1, seen("unknown", false, unknown), nil, []string{restless}},
		"Gmail, failed":                  {gmail, 1, seen("failed", false), nil, []string{restless}},
		"Gmail, twice":                   {gmail, 2, seen("accepted", true, unknown), nil, []string{secondCopy}},
		"retry, twice after an unknown":  {relayRetry, 2, seen("accepted", true, unknown), nil, nil},
		"retry, thrice after an unknown": {relayRetry, 3, seen("accepted", true, unknown), nil, []string{tooMany}},
		"retry, twice and not marked":    {relayRetry, 2, seen("accepted", false, unknown), nil, []string{unmarked}},
		"retry, held":                    {relayRetry, 1, seen("held", false, unknown), nil, []string{restless}},
		"hold, sent and held":            {relayHold, 1, seen("held", false, unknown), nil, nil},
		"hold, twice":                    {relayHold, 2, seen("accepted", true, unknown), nil, []string{secondCopy}},
		"SMTP, found in Sent":            {gmailSMTP, 1, seen("accepted", false, unknown), nil, nil},
		"SMTP, accepted and not there":   {gmailSMTP, 0, seen("accepted", false), nil, []string{lost}},
		"SMTP, held":                     {gmailSMTP, 1, seen("held", false, unknown), nil, []string{restless}},
		"SMTP, twice":                    {gmailSMTP, 2, seen("accepted", true, unknown), nil, []string{secondCopy}},
		"a second message":               {gmail, 1, seen("accepted", false), []string{"msg_2"}, []string{keyTwice}},
		"a second message over SMTP":     {gmailSMTP, 1, seen("accepted", false), []string{"msg_2"}, []string{keyTwice}},
	} {
		r := &result{Breaches: map[string][]string{}, class: map[class]*tally{c.class: {}}}
		m := &submission{class: c.class, keyed: true, id: "msg_1"}
		r.acknowledged(m, c.copies, c.seen, false)
		r.unasked(m, c.others)
		if diff := cmp.Diff(c.want, slices.Sorted(maps.Keys(r.Breaches))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestRequestsWithoutKeyExplainFurtherMessages: but no more of them than had no answer.
func TestRequestsWithoutKeyExplainFurtherMessages(t *testing.T) {
	for unanswered, want := range [][]string{{stranger}, nil, nil} {
		r := &result{Breaches: map[string][]string{}, class: map[class]*tally{gmail: {}}}
		r.unasked(&submission{class: gmail, id: "msg_1", unanswered: unanswered}, []string{"msg_2"})
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(r.Breaches))); diff != "" {
			t.Errorf("%d requests without an answer: %s", unanswered, diff)
		}
	}
}

// TestMessageCutBeforeItsEndExplainsNothing: its client never sent the final dot, so nothing may have been
// kept of it, with a Message-ID or without.
func TestMessageCutBeforeItsEndExplainsNothing(t *testing.T) {
	for keyed, want := range map[bool]string{true: keyTwice, false: stranger} {
		r := &result{Breaches: map[string][]string{}, class: map[class]*tally{gmailSMTP: {}}}
		r.unasked(&submission{class: gmailSMTP, keyed: keyed, id: "msg_1", cut: 1}, []string{"msg_2"})
		if diff := cmp.Diff([]string{want}, slices.Sorted(maps.Keys(r.Breaches))); diff != "" {
			t.Errorf("keyed: %t: %s", keyed, diff)
		}
	}
}

// TestRecognisedIsWhatWasThereBefore: a message that came into being by the request that was acknowledged
// was not recognised.
func TestRecognisedIsWhatWasThereBefore(t *testing.T) {
	tried := time.Date(2026, 11, 21, 12, 0, 0, 5_900_000, time.UTC)
	for _, c := range []struct {
		unanswered int
		seen       shown
		want       bool
	}{
		{1, shown{known: true, Submitted: tried.Add(-time.Second)}, true},
		{1, shown{known: true, Submitted: tried.Truncate(time.Millisecond)}, false},
		{0, shown{known: true, Submitted: tried.Add(-time.Second)}, false},
		{1, shown{}, false},
	} {
		m := &submission{unanswered: c.unanswered, tried: tried}
		if got := m.recognised(c.seen); got != c.want {
			t.Errorf("submitted at %s, asked for at %s: recognised: %t", c.seen.Submitted, tried, got)
		}
	}
}
