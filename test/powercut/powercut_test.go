//go:build linux && powercut

// Package powercut cuts the power under gatepost, again and again, and asks whether a message that was
// acknowledged was ever lost. The judges are the client's own ledger of 202 answers and the ledger of
// the world that takes the mail, never gatepost's tables.
package powercut

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

const cuts = 20

// TestNothingAcknowledgedIsLost is promise G1 under power cuts at random moments.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	s := newStation(t, "")
	l := &ledger{}
	for cut := range cuts {
		l.submitUntilCut(s)
		if cut%5 == 4 {
			t.Logf("%d cuts, %d messages acknowledged", cut+1, len(l.ids))
		}
		s.start()
	}
	if len(l.ids) < 10*cuts {
		t.Fatalf("only %d messages acknowledged in %d cuts: too few to show anything", len(l.ids), cuts)
	}
	l.awaitEnd(s, 3*time.Minute)
	v := l.judge(s)
	t.Logf("%d cuts, %d messages acknowledged: %s", cuts, len(l.ids), v)
	if v.lost > 0 {
		t.Errorf("lost %d of %d acknowledged messages", v.lost, len(l.ids))
	}
}

// TestWithoutSyncThereIsLoss shows that the test above can fail: with SQLite told not to sync, what
// was acknowledged does not outlive the cut.
func TestWithoutSyncThereIsLoss(t *testing.T) {
	s := newStation(t, "faults")
	s.stop() // all that was set up so far is synced
	s.env = []string{"GATEPOST_SQLITE_SYNCHRONOUS=OFF"}
	s.start()
	l := &ledger{}
	l.submitUntilCut(s)
	s.env = nil
	if err := s.tryStart(); err != nil {
		t.Logf("the database did not survive at all: %v", err)
		return
	}
	if v := l.judge(s); v.lost == 0 {
		t.Errorf("%d messages acknowledged without a sync, and none lost: the test sees nothing", len(l.ids))
	}
}

// ledger is the client's: the ids of all messages that were answered 202.
type ledger struct {
	mu  sync.Mutex
	ids []string
}

// submitUntilCut lets clients submit until the power is cut at a random moment.
func (l *ledger) submitUntilCut(s *station) {
	s.t.Helper()
	done := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() { l.client(s, done) })
	}
	time.Sleep(200*time.Millisecond + rand.N(1300*time.Millisecond)) // the moment of the cut is what varies
	s.powerCut()
	close(done)
	clients.Wait()
}

// client submits until done; now and then a message large enough to be kept in a file of its own.
func (l *ledger) client(s *station, done <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		case <-time.After(5 * time.Millisecond):
		}
		text := "A message that must not be lost."
		if n%20 == 19 {
			text = longText()
		}
		l.submit(s, text)
	}
}

// longText stays above the 256 KB from which content is a file of its own, also when it is compressed.
func longText() string {
	var b strings.Builder
	for b.Len() < 600_000 {
		fmt.Fprintf(&b, "%016x%016x%016x\n", rand.Uint64(), rand.Uint64(), rand.Uint64())
	}
	return b.String()
}

// submit notes the id of an acknowledged message. Any other end of the request is no promise.
func (l *ledger) submit(s *station, text string) {
	status, answer, err := s.call(http.MethodPost, "/v1/messages", map[string]any{
		"from": sender, "to": []string{"someone@example.test"}, "subject": "power", "text": text, "on_unknown": "retry",
	})
	if err != nil || status != http.StatusAccepted {
		return
	}
	var made struct{ ID string }
	if err := json.Unmarshal(answer, &made); err != nil || made.ID == "" {
		s.t.Errorf("202 without an id: %s", answer)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids = append(l.ids, made.ID)
}

// awaitEnd gives gatepost time to send what it holds.
func (l *ledger) awaitEnd(s *station, limit time.Duration) {
	s.t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		sent := delivered(s)
		left := 0
		for _, id := range l.ids {
			if sent[id] == 0 {
				left++
			}
		}
		if left == 0 {
			return
		}
	}
}

// verdict is what became of the acknowledged messages.
type verdict struct{ sent, copies, waiting, lost int }

// note tells of the first few.
func (v verdict) note(t *testing.T, text string) {
	if v.lost <= 3 {
		t.Log(text)
	}
}

func (v verdict) String() string {
	return fmt.Sprintf("%d sent, %d second copies, %d still kept, %d lost", v.sent, v.copies, v.waiting, v.lost)
}

// judge asks for every message by its id. One that gatepost does not know is lost, even if it was
// sent; so is one that gatepost calls accepted and that the world never got.
func (l *ledger) judge(s *station) verdict {
	s.t.Helper()
	var v verdict
	taken := delivered(s)
	for _, id := range l.ids {
		status, known := s.status(id)
		copies := taken[id]
		switch {
		case !known, status == "accepted" && copies == 0:
			v.lost++
			v.note(s.t, fmt.Sprintf("lost: %s (%s, %d copies)", id, status, copies))
		case copies == 0:
			v.waiting++
		default:
			v.sent++
			v.copies += copies - 1
		}
	}
	return v
}

// status is the state of the message's one recipient; a message that is not shown is not known,
// whatever the reason.
func (s *station) status(id string) (status string, known bool) {
	s.t.Helper()
	code, answer, err := s.call(http.MethodGet, "/v1/messages/"+id, nil)
	s.ok(err)
	var m struct{ Recipients []struct{ Status string } }
	if code != http.StatusOK || json.Unmarshal(answer, &m) != nil || len(m.Recipients) != 1 {
		return fmt.Sprintf("answer %d: %.60s", code, answer), false
	}
	return m.Recipients[0].Status, true
}

// delivered counts the copies that the world took, by gatepost's id.
func delivered(s *station) map[string]int {
	s.t.Helper()
	f, err := os.Open(s.world.LedgerFile)
	s.ok(err)
	defer f.Close()
	copies := map[string]int{}
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var line struct {
			ID string `json:"gatepost_id"`
		}
		s.ok(json.Unmarshal(sc.Bytes(), &line))
		copies[line.ID]++
	}
	s.ok(sc.Err())
	return copies
}
