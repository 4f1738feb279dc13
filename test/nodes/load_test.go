package nodes

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// clients hand over mail at the same time.
const clients = 8

// submission is one message as its client knows it.
type submission struct {
	n      int
	sender string
	policy string
	id     string // of the 202; "" until there is one
}

// marker is the message's only recipient: it shows in the world's ledger.
func (m *submission) marker() string { return fmt.Sprintf("marker-%05d@example.com", m.n) }

func (m *submission) looks() bool { return strings.HasPrefix(m.sender, "user") }

// Most messages are short, some larger than what a row keeps.
const (
	longText  = 400_000
	longEvery = 29
)

func (m *submission) body() map[string]any {
	line, size := fmt.Sprintf("Message %05d shall arrive.\r\n", m.n), 1000
	if m.n%longEvery == longEvery-1 {
		size = longText
	}
	return map[string]any{
		"from": m.sender, "to": m.marker(), "subject": fmt.Sprintf("Message %05d", m.n), "on_unknown": m.policy,
		"text": strings.Repeat(line, size/len(line)),
	}
}

// load hands over messages at an even pace until it is stopped.
type load struct {
	s     *site
	over  chan struct{}
	group sync.WaitGroup
	mu    sync.Mutex
	all   []*submission
}

func newLoad(s *site, rate time.Duration) *load {
	l := &load{s: s, over: make(chan struct{})}
	turns := make(chan *submission)
	l.group.Go(func() { l.pace(turns, rate) })
	for range clients {
		l.group.Go(func() {
			for m := range turns {
				l.submit(m)
			}
		})
	}
	return l
}

func (l *load) pace(turns chan *submission, rate time.Duration) {
	defer close(turns)
	tick := time.NewTicker(rate)
	defer tick.Stop()
	for i := 0; ; i++ {
		m := &submission{n: i, sender: relays[i%len(relays)], policy: []string{"retry", "hold"}[i/3%2]}
		if i%5 == 0 {
			m.sender, m.policy = users[i/5%len(users)], "reconcile"
		}
		select {
		case <-l.over:
			return
		case <-tick.C:
		}
		select {
		case <-l.over:
			return
		case turns <- m:
		}
	}
}

// stop waits until every message that was begun is acknowledged.
func (l *load) stop() {
	close(l.over)
	l.group.Wait()
}

// submit repeats a request under its key, at whichever node, until it is acknowledged.
func (l *load) submit(m *submission) {
	for deadline := time.Now().Add(3 * time.Minute); ; {
		n := l.s.nodes[rand.IntN(len(l.s.nodes))]
		if n.well() {
			status, answer, err := n.call(http.MethodPost, "/v1/messages", m.body(), "Idempotency-Key", m.marker())
			if err == nil && status == http.StatusAccepted {
				l.acknowledged(m, answer)
				return
			}
			if err == nil && status < 500 {
				l.s.t.Errorf("message %d was refused: %d: %s", m.n, status, answer)
				return
			}
		}
		if time.Now().After(deadline) {
			l.s.t.Errorf("message %d was never acknowledged", m.n)
			return
		}
		time.Sleep(20 * time.Millisecond) // a client's own patience
	}
}

func (l *load) acknowledged(m *submission, answer []byte) {
	var made struct{ ID string }
	if err := json.Unmarshal(answer, &made); err != nil || made.ID == "" {
		l.s.t.Errorf("202 without an id: %s", answer)
		return
	}
	m.id = made.ID
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, m)
}

func (l *load) acked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}
