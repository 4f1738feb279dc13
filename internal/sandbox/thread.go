package sandbox

import (
	"slices"
	"strings"
)

// link is what joins messages to conversations: Gmail wants that References or
// In-Reply-To name a message of it, and that the subject is the same.
type link struct {
	id      string   // Message-ID without brackets
	parents []string // those of References and In-Reply-To
	subject string   // without Re: and Fwd:, in lower case
}

// maxParents bounds what is looked for; the last ones are the nearest.
const maxParents = 100

func linkOf(h header) link {
	l := link{id: bare(h.first("Message-Id")), subject: subjectRoot(decodeWords(h.first("Subject")))}
	for _, name := range []string{"References", "In-Reply-To"} {
		for _, word := range strings.Fields(h.first(name)) {
			l.parents = append(l.parents, bare(word))
		}
	}
	l.parents = l.parents[max(0, len(l.parents)-maxParents):]
	return l
}

func bare(id string) string { return strings.Trim(strings.TrimSpace(id), "<>") }

// subjectRoot is a subject without what answering and forwarding put before it.
func subjectRoot(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	for {
		rest, found := s, false
		for _, p := range []string{"re:", "fwd:", "fw:", "aw:", "wg:"} {
			if rest, found = strings.CutPrefix(s, p); found {
				break
			}
		}
		if !found {
			return s
		}
		s = strings.TrimSpace(rest)
	}
}

// answers tells whether a message continues the conversation of another.
func (l link) answers(other link) bool {
	return other.id != "" && l.subject == other.subject && slices.Contains(l.parents, other.id)
}

// threadOf finds the conversation in a mailbox that a message continues; wanted,
// unless it is empty, must be that one. It runs under the lock.
func (s *store) threadOf(owner string, l link, wanted string) (string, bool) {
	for _, parent := range slices.Backward(l.parents) {
		for _, b := range s.byMessageID[parent] {
			fits := strings.EqualFold(b.owner, owner) && l.answers(b.link)
			if fits && (wanted == "" || b.thread == wanted) {
				return b.thread, true
			}
		}
	}
	return "", false
}

// hasThread tells whether a mailbox has a conversation.
func (s *store) hasThread(owner, thread string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.ContainsFunc(s.boxes[strings.ToLower(owner)], func(b *boxed) bool { return b.thread == thread })
}

// threads counts the conversations of a mailbox.
func (s *store) threads(owner string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	seen := map[string]bool{}
	for _, b := range s.boxes[strings.ToLower(owner)] {
		seen[b.thread] = true
	}
	return len(seen)
}
