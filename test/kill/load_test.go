package kill

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// clients hand over mail at the same time.
const clients = 16

// submission is one message as its client knows it: what the verdict is based on. Until it is
// acknowledged it belongs to its client, then nobody changes it.
type submission struct {
	n     int
	class class
	keyed bool      // with an Idempotency-Key, over SMTP a Message-ID, which makes repeating a request safe
	id    string    // of the 202 or 250; "" until there is one
	tried time.Time // when the last request began
	// unanswered requests: without a key each may have left a message that the client does not know of
	unanswered int
	cut        int // requests that ended before the message did: nothing may come of them
}

// marker is the message's only recipient: it shows in the world's ledger.
func (m *submission) marker() string { return fmt.Sprintf("marker-%05d@example.com", m.n) }

func (m *submission) key() string { return fmt.Sprintf("order-%05d", m.n) }

// text is what it says, of about so many bytes, or many.
func (m *submission) text(size int) string {
	if m.n%longEvery == 0 {
		size = longText
	}
	line := fmt.Sprintf("Message %05d shall arrive.\r\n", m.n)
	return strings.Repeat(line, size/len(line))
}

// Texts: most messages are short, some are larger than what the database keeps by itself.
const (
	shortText = 1_000
	longText  = 300_000
	longEvery = 23
)

func (m *submission) body() map[string]any {
	from, policy := gmailSender, "reconcile"
	switch m.class {
	case gmailDraft:
		from = draftSender
	case relayRetry:
		from, policy = relaySender, "retry"
	case relayHold:
		from, policy = relaySender, "hold"
	}
	return map[string]any{
		"from": from, "to": m.marker(), "subject": fmt.Sprintf("Message %05d", m.n), "on_unknown": policy, "text": m.text(shortText),
	}
}

// load is the clients with their ledger.
type load struct {
	s     *station
	jobs  chan *submission
	over  chan struct{}
	group sync.WaitGroup
	acked atomic.Int64
	all   []*submission // of the driver alone, until the clients have nothing to do
}

func newLoad(s *station) *load {
	l := &load{s: s, jobs: make(chan *submission, 100_000), over: make(chan struct{})}
	for range clients {
		l.group.Go(l.client)
	}
	s.t.Cleanup(func() {
		close(l.over)
		l.group.Wait()
	})
	return l
}

// add lets the clients submit n more messages, of these classes in turn. One in five has no key.
func (l *load) add(mix []class, n int) {
	for range n {
		i := len(l.all)
		m := &submission{n: i, class: mix[i%len(mix)], keyed: (i/4)%5 != 0}
		l.all = append(l.all, m)
		l.jobs <- m
	}
}

// waiting is how many messages are not acknowledged yet.
func (l *load) waiting() int { return len(l.all) - int(l.acked.Load()) }

func (l *load) client() {
	for {
		select {
		case <-l.over:
			return
		case m := <-l.jobs:
			l.submit(m)
		}
	}
}

// submit repeats a request until it is acknowledged, as an application with a full outbox would: also
// without a key, and then it knows that it may send twice.
func (l *load) submit(m *submission) {
	for {
		m.tried = time.Now()
		id, err := l.s.hand(m)
		switch {
		case err == nil:
			m.id = id
			l.acked.Add(1)
			return
		case errors.Is(err, errUnanswered):
			m.unanswered++
		case errors.Is(err, errCut):
			m.cut++
		case !errors.Is(err, errLater):
			l.s.t.Errorf("message %d: %v", m.n, err)
			return
		}
		select {
		case <-l.over:
			return
		case <-time.After(10 * time.Millisecond): // serve is dead, or busy
		}
	}
}
