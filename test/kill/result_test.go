package kill

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// result is the verdict on one run.
type result struct {
	Database string              `json:"database"`
	Kills    []string            `json:"kills"`
	Classes  []*tally            `json:"classes"`
	Repeated int                 `json:"repeated"` // requests under a key that were made again at the end
	Breaches map[string][]string `json:"breaches"`
	Seconds  float64             `json:"seconds"`

	class map[class]*tally
}

// tally is what became of the messages of one class.
type tally struct {
	Class        class `json:"class"`
	Acknowledged int   `json:"acknowledged"`
	Unanswered   int   `json:"unanswered"`    // requests without an answer
	Ambiguous    int   `json:"ambiguous"`     // of those, without a key: the client knows that it may send twice
	Unasked      int   `json:"unasked"`       // messages in the world that came of those
	Recognised   int   `json:"recognised"`    // kept without an answer, and recognised when they came again
	Cut          int   `json:"cut"`           // requests that ended before the message did
	Arrived      int   `json:"arrived"`       // acknowledged and in the world
	Unknown      int   `json:"unknown"`       // outcomes
	Found        int   `json:"found"`         // settled by the copy in Sent
	NotSent      int   `json:"not_sent"`      // sent again after the last look
	Held         int   `json:"held"`          // unknown, and kept for a person
	Released     int   `json:"released"`      // of those not in the world, all
	SecondCopies int   `json:"second_copies"` // in the world
	Marked       int   `json:"marked"`        // messages marked as possible duplicates
}

// breach notes a broken promise, once for each message.
func (r *result) breach(promise, about string) {
	if !slices.Contains(r.Breaches[promise], about) {
		r.Breaches[promise] = append(r.Breaches[promise], about)
	}
}

// acknowledged judges a message that was answered 202, or 250.
func (r *result) acknowledged(m *submission, copies int, seen shown, released bool) {
	t := r.class[m.class]
	t.Acknowledged++
	t.Unanswered += m.unanswered
	t.Cut += m.cut
	if m.recognised(seen) {
		t.Recognised++
	}
	if !m.keyed {
		t.Ambiguous += m.unanswered
	}
	if copies > 0 {
		t.Arrived++
	}
	if released {
		t.Released++
	}
	status := seen.status()
	switch {
	case !seen.known:
		r.breach(forgotten, m.id)
	case copies == 0:
		r.breach(lost, m.id)
	case status != "accepted" && (m.class != relayHold || status != "held"):
		r.breach(restless, m.id+" "+status)
	}
	r.copies(m.class, m.id, copies, seen)
}

// recognised tells whether the request that was acknowledged found the message there. Times in the API end
// with milliseconds.
func (m *submission) recognised(seen shown) bool {
	return m.unanswered > 0 && !seen.Submitted.IsZero() && seen.Submitted.Before(m.tried.Truncate(time.Millisecond))
}

// unasked judges messages of which the client was never told: each needs a request without a key that
// had no answer. A request that ended before the message did explains none.
func (r *result) unasked(m *submission, ids []string) {
	r.class[m.class].Unasked += len(ids)
	switch {
	case m.keyed && len(ids) > 0:
		r.breach(keyTwice, fmt.Sprintf("%s and %s", m.id, ids))
	case len(ids) > m.unanswered:
		r.breach(stranger, fmt.Sprintf("%s, after %d requests without an answer", ids, m.unanswered))
	}
}

// copies judges how often a message is in the world.
func (r *result) copies(c class, id string, copies int, seen shown) {
	t, unknown := r.class[c], seen.count("message.unknown")
	t.Unknown += unknown
	t.NotSent += seen.count("message.not_sent")
	t.Held += seen.count("message.held")
	if seen.found() {
		t.Found++
	}
	if seen.Duplicate {
		t.Marked++
	}
	if copies < 2 {
		return
	}
	t.SecondCopies += copies - 1
	if c != relayRetry {
		r.breach(secondCopy, id)
	}
	if copies-1 > unknown {
		r.breach(tooMany, fmt.Sprintf("%s: %d copies, %d unknown outcomes", id, copies, unknown))
	}
	if !seen.Duplicate {
		r.breach(unmarked, id)
	}
}

// mustHold fails the test for each promise that was broken.
func (r *result) mustHold(t *testing.T) {
	t.Helper()
	for promise, about := range r.Breaches {
		t.Errorf("%d times: %s: %s", len(about), promise, about[:min(len(about), 5)])
	}
}

// mustBeVisited fails the test when the kills met nothing on its way.
func (r *result) mustBeVisited(t *testing.T) {
	t.Helper()
	for what, n := range map[string]int{
		"a Gmail message of unknown outcome that was found in Sent":  r.class[gmail].Found,
		"a Gmail message of unknown outcome that had not been sent":  r.class[gmail].NotSent,
		"a draft of unknown outcome that had been sent":              r.class[gmailDraft].Found,
		"a draft of unknown outcome that was still there":            r.class[gmailDraft].NotSent,
		"a relayed message of unknown outcome that was sent again":   r.class[relayRetry].Unknown,
		"a relayed message of unknown outcome that was held":         r.class[relayHold].Held,
		"a held message that was not in the world, and was released": r.class[relayHold].Released,
		"a message over SMTP that was cut before its end":            r.class[gmailSMTP].Cut,
		"a message over SMTP that was kept without an answer":        r.class[gmailSMTP].Recognised + r.class[gmailSMTP].Unasked,
	} {
		if n == 0 {
			t.Errorf("the kills never met %s: they show less than they should", what)
		}
	}
}

// table is the result in Markdown.
func (r *result) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%d kills: %s. %.0f s.\n\n", r.Database, len(r.Kills), strings.Join(counted(r.Kills), ", "), r.Seconds)
	b.WriteString("| | acknowledged | requests without answer | of those without a key | which made a further message | kept, and recognised when they came again | arrived | unknown outcomes | found in Sent | looked for, not sent | held | released | second copies | marked |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range classes() {
		t := r.class[c]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d |\n", c, t.Acknowledged, t.Unanswered,
			t.Ambiguous, t.Unasked, t.Recognised, t.Arrived, t.Unknown, t.Found, t.NotSent, t.Held, t.Released, t.SecondCopies, t.Marked)
	}
	fmt.Fprintf(&b, "\nLost: %d. Promises broken: %d. Requests repeated under their key, or Message-ID, at the end, with the same id: %d. "+
		"Messages over SMTP that a kill cut before their final dot, of which nothing came: %d.\n",
		len(r.Breaches[lost]), len(r.Breaches), r.Repeated, r.class[gmailSMTP].Cut)
	return b.String()
}

// counted joins equal names, in order of the alphabet.
func counted(names []string) []string {
	times := map[string]int{}
	for _, n := range names {
		times[n]++
	}
	var out []string
	for _, n := range slices.Sorted(maps.Keys(times)) {
		out = append(out, fmt.Sprintf("%d × %s", times[n], n))
	}
	return out
}

// report writes the results to the file that the environment names.
func report(t *testing.T, seed uint64, results []*result) {
	t.Helper()
	name := os.Getenv("GATEPOST_KILL_REPORT")
	results = slices.DeleteFunc(results, func(r *result) bool { return r == nil })
	if name == "" || len(results) == 0 {
		return
	}
	text := []byte(fmt.Sprintf("# The last run of make kill\n\nWhat it is: [reliability.md](reliability.md). Seed %d.\n", seed))
	for _, r := range results {
		for _, c := range classes() {
			r.Classes = append(r.Classes, r.class[c])
		}
		text = append(text, "\n"+r.table()...)
	}
	if strings.HasSuffix(name, ".json") {
		var err error
		if text, err = json.MarshalIndent(map[string]any{"seed": seed, "results": results}, "", "  "); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
