package nodes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// result is what became of the messages.
type result struct{ acknowledged, arrived, unknown, held, seconds, marked int }

// String is one line of it.
func (r result) String() string {
	return fmt.Sprintf("%d acknowledged, %d arrived, %d unknown outcomes, %d held, %d second copies, %d marked",
		r.acknowledged, r.arrived, r.unknown, r.held, r.seconds, r.marked)
}

// shown is a message as the API shows it.
type shown struct {
	Duplicate  bool `json:"possible_duplicate"`
	Recipients []struct{ Status string }
	Events     []struct{ Type string }
}

// judge compares the clients' ledger, the world's, and what the nodes in turn say.
func (s *site) judge(w *world, l *load) (r result) {
	s.t.Helper()
	ledger := w.ledger()
	for i, m := range l.all {
		var seen shown
		status, answer, err := s.nodes[i%len(s.nodes)].call(http.MethodGet, "/v1/messages/"+m.id, nil)
		if err != nil || status != http.StatusOK || json.Unmarshal(answer, &seen) != nil || len(seen.Recipients) != 1 {
			s.t.Errorf("%s: acknowledged, and the API says %d: %v: %s", m.id, status, err, answer)
			continue
		}
		r.add(ledger.copies[m.id], seen)
		if wrong := m.wrong(ledger.copies[m.id], seen); wrong != "" {
			s.t.Errorf("message %d, %s, from %s: %s: %s", m.n, m.id, m.sender, wrong, answer)
		}
		others := slices.DeleteFunc(slices.Clone(ledger.markers[m.marker()]), func(id string) bool { return id == m.id })
		if len(others) > 0 {
			s.t.Errorf("message %d is %s, and %v under the same key", m.n, m.id, others)
		}
	}
	return r
}

func (r *result) add(copies int, seen shown) {
	r.acknowledged++
	r.arrived += min(copies, 1)
	r.seconds += max(copies-1, 0)
	for _, e := range seen.Events {
		switch e.Type {
		case "message.unknown":
			r.unknown++
		case "message.held":
			r.held++
		}
	}
	if seen.Duplicate {
		r.marked++
	}
}

// wrong says which promise was broken, if any.
func (m *submission) wrong(copies int, seen shown) string {
	status := seen.Recipients[0].Status
	held := status == "held" && m.policy == "hold"
	switch {
	case copies == 0 && !held:
		return "lost"
	case status != "accepted" && !held:
		return "neither accepted nor held"
	case copies > 1 && m.looks():
		return fmt.Sprintf("%d copies where Sent can be read", copies)
	case copies > 1 && m.policy == "hold":
		return fmt.Sprintf("%d copies of what was to be held", copies)
	case copies > 1 && !seen.Duplicate:
		return fmt.Sprintf("%d copies, not marked", copies)
	}
	return ""
}
