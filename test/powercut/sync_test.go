//go:build linux && powercut

package powercut

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const wal = "gatepost.db-wal"

// TestEachAnswerComesAfterASync counts the syncs of SQLite's log: at least one before each answer, and
// one for all that were answered together.
func TestEachAnswerComesAfterASync(t *testing.T) {
	s := newStation(t, "")
	s.park()
	for i := range 50 {
		before, _ := s.disk.Syncs(wal)
		s.submit(fmt.Sprintf("one%d@example.com", i))
		if after, _ := s.disk.Syncs(wal); after == before {
			t.Fatalf("message %d was answered without a sync", i)
		}
	}
	const together = 64
	before, _ := s.disk.Syncs(wal)
	var clients sync.WaitGroup
	for i := range together {
		clients.Go(func() { s.submit(fmt.Sprintf("many%d@example.com", i)) })
	}
	clients.Wait()
	after, _ := s.disk.Syncs(wal)
	t.Logf("%d messages at once took %d syncs", together, after-before)
	if after == before || after-before >= together {
		t.Errorf("%d messages at once took %d syncs", together, after-before)
	}
}

const quiet = "quiet@acme.example"

// park connects an account whose password is wrong: it is held after the first message, and from then
// on nearly all commits are those of submissions.
func (s *station) park() {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.world.SMTPAddr)
	s.ok(err)
	n, err := strconv.Atoi(port)
	s.ok(err)
	s.create("/v1/accounts", map[string]any{
		"address": quiet, "transport": "smtp",
		"credential": s.create("/v1/credentials", map[string]any{"kind": "smtp_password", "name": "wrong", "password": "wrong"}),
		"smtp":       map[string]any{"host": host, "port": n, "tls": "starttls", "ca": s.authority(), "user": "nobody"},
	})
	s.submit("first@example.com")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, answer, err := s.call(http.MethodGet, "/v1/accounts", nil)
		s.ok(err)
		if strings.Contains(string(answer), `"status":"held"`) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the account is not held: %s", answer)
		}
	}
}

func (s *station) submit(to string) {
	status, answer, err := s.call(http.MethodPost, "/v1/messages", map[string]any{"from": quiet, "to": to, "subject": "s", "text": "t"})
	if err != nil || status != http.StatusAccepted {
		s.t.Errorf("%d %v: %s", status, err, answer)
	}
}
