package provider

import (
	"cmp"
	"regexp"
	"slices"
	"sync"
	"time"
)

// maxUnknowns is how many different answers are kept; more of them change nothing but
// the count of those that are there.
const maxUnknowns = 200

// Unknowns collects answers that no row of the catalogue knows, so that a person can look
// at them. It keeps a bounded number in memory, without addresses. It is safe for use by
// many goroutines; the zero value is empty.
type Unknowns struct {
	mu   sync.Mutex
	seen map[[2]string]*UnknownAnswer
}

// UnknownAnswer is an answer that no row knows.
type UnknownAnswer struct {
	Cause       string // that it was given
	Reply       string // the words, with addresses and long numbers taken out
	Count       int
	First, Last time.Time
}

// Note keeps an error if no row knows it; nil and all others are passed over.
func (u *Unknowns) Note(e *Error, now time.Time) {
	if e == nil || !e.Unlisted {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	key := [2]string{e.Cause, alikeWords(e.Reply)}
	if a := u.seen[key]; a != nil {
		a.Count++
		a.Last = now
		return
	}
	if len(u.seen) >= maxUnknowns {
		return
	}
	if u.seen == nil {
		u.seen = map[[2]string]*UnknownAnswer{}
	}
	u.seen[key] = &UnknownAnswer{Cause: key[0], Reply: key[1], Count: 1, First: now, Last: now}
}

// List gives what was collected, the most frequent first.
func (u *Unknowns) List() []UnknownAnswer {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := make([]UnknownAnswer, 0, len(u.seen))
	for _, a := range u.seen {
		all = append(all, *a)
	}
	slices.SortFunc(all, func(a, b UnknownAnswer) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.Reply, b.Reply))
	})
	return all
}

// What differs from one answer to the next: mail addresses, and ids and numbers of which
// servers make a new one each time.
var (
	addressWords = regexp.MustCompile(`[^\s<>()\[\]"',;:]+@[^\s<>()\[\]"',;:]+`)
	numberWords  = regexp.MustCompile(`\b[\w.:-]*\d[\w:-]*\d[\w:-]*\d[\w:-]*\d[\w.:-]*\b`)
)

// alikeWords are an answer's words without what is one's own.
func alikeWords(reply string) string {
	return numberWords.ReplaceAllString(addressWords.ReplaceAllString(reply, "*@*"), "*")
}
