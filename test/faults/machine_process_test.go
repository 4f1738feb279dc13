package faults

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// load is clients that hand over mail, and what they were told.
type load struct {
	mu       sync.Mutex
	ids      []string
	statuses map[int]int
	clients  sync.WaitGroup
	stopping chan struct{}
}

// hand lets clients hand over messages, one after the other, until it is stopped or gatepost ends.
func (s *station) hand(clients int, message func(n int) map[string]any) *load {
	l := &load{statuses: map[int]int{}, stopping: make(chan struct{})}
	for c := range clients {
		l.clients.Go(func() {
			for n := c; l.one(s, message(n)); n += clients {
			}
		})
	}
	return l
}

func (l *load) one(s *station, message map[string]any) bool {
	select {
	case <-l.stopping:
		return false
	default:
	}
	status, answer, err := s.call(http.MethodPost, "/v1/messages", message)
	if err != nil {
		return false
	}
	var made struct{ ID string }
	_ = json.Unmarshal(answer, &made)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.statuses[status]++; status == http.StatusAccepted {
		l.ids = append(l.ids, made.ID)
	}
	return true
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ids)
}

func plain(n int) map[string]any { return letter(fmt.Sprintf("n%d@example.com", n)) }

// SIGTERM under load: requests in hand are answered, sends come to their end, and the next start sends the
// rest, each message once.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		t.Parallel()
		s := opened(t, t.TempDir(), map[string]string{"GATEPOST_DATABASE": opt.Database})
		s.misbehave(`{"fault":"slow","arg":"300"}`)
		l := s.hand(8, plain)
		s.until("messages are taken", time.Minute, func() bool { return l.count() > 100 })
		if took := s.stop(); took > 10*time.Second {
			t.Errorf("the stop took %s", took)
		}
		l.clients.Wait()
		if len(l.statuses) != 1 {
			t.Errorf("answers: %v", l.statuses)
		}
		s.misbehave("")
		s.start()
		s.arrive(time.Minute, l.ids...)
		if strings.Contains(s.log.String(), "attempts without an outcome") {
			t.Errorf("sends were cut\n%s", s.lastWords())
		}
	})
}

// kill -9 while much is written and the log of SQLite is copied into the database: all that was acknowledged
// is there, and the database is in order.
func TestKilledWhileTheLogIsCopied(t *testing.T) {
	t.Parallel()
	s := opened(t, t.TempDir(), nil)
	s.misbehave(`{"fault":"server_error"}`)
	noise := make([]byte, 250_000)
	_, _ = rand.Read(noise) // it never fails
	text := base64.StdEncoding.EncodeToString(noise)
	var kept []string
	for range 4 {
		l := s.hand(4, func(n int) map[string]any {
			m := plain(n)
			m["text"] = text
			return m
		})
		s.until("the log has been copied", time.Minute, func() bool { return l.count() > 60 })
		s.kill()
		l.clients.Wait()
		kept = append(kept, l.ids...)
		s.intact()
		s.start()
	}
	for _, id := range kept {
		s.mustWait(id)
	}
}

// kill -9 while the schema is made: the next start goes on where that one ended.
func TestKilledWhileTheSchemaIsMade(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		t.Parallel()
		s := newStation(t, t.TempDir(), map[string]string{"GATEPOST_DATABASE": opt.Database})
		kills := 0
		for after := 15 * time.Millisecond; ; after += after / 8 {
			s.begin()
			time.Sleep(after) // the moment is what varies
			ready := strings.Contains(s.log.String(), "gatepost is ready")
			s.kill()
			if ready {
				break
			}
			kills++
		}
		t.Logf("%d starts were killed", kills)
		s.makeKey()
		s.start()
		s.connect()
		s.arrive(time.Minute, s.submit("after@example.com"))
		s.stop()
		if opt.Database == "" {
			s.intact()
		}
	})
}

// Nobody reads the log: mail is taken and sent as ever, and the log tells how much of it was dropped.
func TestLogThatNobodyReads(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := newStation(t, t.TempDir(), map[string]string{"GATEPOST_LOG_LEVEL": "debug"})
	s.makeKey()
	s.stderr = w
	s.start()
	w.Close()
	s.connect()
	id := s.submit("quiet@example.com")
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 900 {
				if status, _, err := s.call(http.MethodGet, "/v1/messages/"+id, nil); err != nil || status != http.StatusOK {
					t.Errorf("%d %v", status, err)
					return
				}
			}
		})
	}
	clients.Wait()
	s.arrive(time.Minute, id, s.submit("after@example.com"))
	told := make(chan bool, 1)
	go func() {
		for in := bufio.NewScanner(r); in.Scan(); {
			if strings.Contains(in.Text(), "lines of this log were dropped") {
				told <- true
				return
			}
		}
		told <- false
	}()
	select {
	case ok := <-told:
		if !ok {
			t.Error("the log does not tell what was dropped")
		}
	case <-time.After(20 * time.Second):
		t.Error("the log does not go on")
	}
	s.kill()
}

// More connections than files may be open: nobody new is served until some close, then all goes on.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	s := newStation(t, t.TempDir(), nil)
	s.makeKey()
	s.through = []string{"sh", "-c", `ulimit -n 64; exec "$0" "$@"`}
	s.start()
	s.connect()
	kept := s.submit("before@example.com")
	s.idle(t, 100, "")
	s.client.CloseIdleConnections()
	s.client.Timeout = time.Second
	if status, _, err := s.call(http.MethodGet, "/healthz", nil); err == nil {
		t.Logf("a request was answered all the same: %d", status)
	}
	s.client.Timeout = 20 * time.Second
	if s.over() {
		t.Fatalf("serve has ended\n%s", s.lastWords())
	}
	s.hangUp()
	s.until("requests are served again", time.Minute, func() bool {
		status, _, err := s.call(http.MethodGet, "/healthz", nil)
		return err == nil && status == http.StatusOK
	})
	s.arrive(time.Minute, kept, s.submit("after@example.com"))
	if n := strings.Count(s.log.String(), "\n"); n > 100 {
		t.Errorf("the log has %d lines", n)
	}
}

// Hundreds of connections that say nothing, or send a body a byte at a time: others are served as ever.
func TestIdleAndSlowClients(t *testing.T) {
	t.Parallel()
	s := opened(t, t.TempDir(), nil)
	s.idle(t, 400, "")
	s.idle(t, 50, "POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.key+"\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{")
	slowest := time.Duration(0)
	var ids []string
	for n := range 50 {
		began := time.Now()
		ids = append(ids, s.create("/v1/messages", plain(n)))
		slowest = max(slowest, time.Since(began))
	}
	if slowest > 5*time.Second { // on a busy machine too
		t.Errorf("a message took %s", slowest)
	}
	s.arrive(time.Minute, ids...)
	s.until("the idle are cut off", 20*time.Second, func() bool { return s.cut() >= 400 })
	s.hangUp()
}
