package provider

import (
	"strings"
	"time"
)

// cause explains gatepost's own word for a cause, which is what stands with messages and
// accounts: all that the catalogue calls so.
func (l *logText) cause(now time.Time) (all []Explanation) {
	word := strings.Trim(l.lower, " \t\r\n'\"`.")
	if word == "" || strings.ContainsAny(word, " \t\n") {
		return nil
	}
	seen := map[string]bool{}
	add := func(e Explanation) {
		if meaning := e.Error.Class.String() + e.Error.Text; !seen[meaning] && len(all) < maxExplanations {
			seen[meaning] = true
			all = append(all, e)
		}
	}
	for _, table := range tables() {
		for i := range table {
			if r := &table[i]; r.cause == word {
				a := r.likely(l)
				add(Explanation{Answer: a, Error: r.problem(a, now)})
			}
		}
	}
	for i := range networkRows {
		if r := &networkRows[i]; r.cause == word {
			add(Explanation{Answer: Answer{Stage: StageConnect, Text: l.text}, Error: r.problem(StageConnect, loggedError(l.text))})
		}
	}
	return all
}
