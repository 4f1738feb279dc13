package kill

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
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
	keyed bool   // with an Idempotency-Key, which makes repeating a request safe
	id    string // of the 202; "" until there is one
	// unanswered requests: without a key each may have left a message that the client does not know of
	unanswered int
}

// marker is the message's only recipient: it shows in the world's ledger.
func (m *submission) marker() string { return fmt.Sprintf("marker-%05d@example.com", m.n) }

func (m *submission) key() string { return fmt.Sprintf("order-%05d", m.n) }

// Texts: most messages are short, some are larger than what the database keeps by itself.
const (
	shortText = 1_000
	longText  = 300_000
	longEvery = 23
)

func (m *submission) body() map[string]any {
	from, policy, size := gmailSender, "reconcile", shortText
	switch m.class {
	case gmailDraft:
		from = draftSender
	case relayRetry:
		from, policy = relaySender, "retry"
	case relayHold:
		from, policy = relaySender, "hold"
	}
	if m.n%longEvery == 0 {
		size = longText
	}
	line := fmt.Sprintf("Message %05d shall arrive.\r\n", m.n)
	return map[string]any{
		"from": from, "to": m.marker(), "subject": fmt.Sprintf("Message %05d", m.n), "on_unknown": policy,
		"text": strings.Repeat(line, size/len(line)),
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
	var header []string
	if m.keyed {
		header = []string{"Idempotency-Key", m.key()}
	}
	for {
		status, answer, err := l.s.call(http.MethodPost, "/v1/messages", m.body(), header...)
		switch {
		case err == nil && status == http.StatusAccepted:
			l.acknowledged(m, answer)
			return
		case err == nil && status != http.StatusServiceUnavailable:
			l.s.t.Errorf("message %d was refused: %d: %s", m.n, status, answer)
			return
		case err != nil && !neverBegan(err):
			m.unanswered++
		}
		select {
		case <-l.over:
			return
		case <-time.After(10 * time.Millisecond): // serve is dead, or busy
		}
	}
}

func (l *load) acknowledged(m *submission, answer []byte) {
	var made struct{ ID string }
	if err := json.Unmarshal(answer, &made); err != nil || made.ID == "" {
		l.s.t.Errorf("202 without an id: %s", answer)
		return
	}
	m.id = made.ID
	l.acked.Add(1)
}

// neverBegan says that there was nobody to talk to.
func neverBegan(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
