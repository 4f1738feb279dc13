package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A bit of a stored content flips, in its row or its file: that message is held with the reason, is never
// sent, and others go on.
func TestFlippedBit(t *testing.T) {
	t.Parallel()
	s := opened(t, t.TempDir(), nil)
	s.misbehave(`{"fault":"server_error"}`)
	row := s.submit("row@example.com")
	file := s.create("/v1/messages", large("file@example.com"))
	s.stop()
	s.do(s.other("BEGIN IMMEDIATE"), fmt.Sprintf(
		`UPDATE messages SET content = CAST(substr(content, 1, length(content) - 1) || x'ff' AS BLOB) WHERE id = '%s'; COMMIT`, row))
	names, err := filepath.Glob(filepath.Join(s.vars["GATEPOST_DATA"], "content", "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%v %v", names, err)
	}
	content, err := os.ReadFile(names[0])
	s.must(err)
	content[len(content)/2] ^= 1
	s.must(os.WriteFile(names[0], content, 0o600))
	s.misbehave("")
	s.start()
	s.arrive(time.Minute, s.submit("other@example.com"))
	for _, id := range []string{row, file} {
		s.until("it is held", time.Minute, func() bool { return s.status(id) == "held" })
		_, answer, err := s.call(http.MethodGet, "/v1/messages/"+id+"/explain", nil)
		if err != nil || !strings.Contains(string(answer), "damaged") {
			t.Errorf("it is explained as %s (%v)", answer, err)
		}
		if n := s.copies()[id]; n != 0 {
			t.Errorf("%s was sent", id)
		}
	}
}

// Fifty requests with one key at once, again after kill -9, and with another body: one message.
func TestOneKeyManyRequests(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		t.Parallel()
		s := opened(t, t.TempDir(), map[string]string{"GATEPOST_DATABASE": opt.Database})
		var mu sync.Mutex
		ids := map[string]int{}
		ask := func() {
			status, answer, err := s.call(http.MethodPost, "/v1/messages", letter("once@example.com"), "Idempotency-Key", "order-7")
			var made struct{ ID string }
			if err != nil || status != http.StatusAccepted || json.Unmarshal(answer, &made) != nil {
				t.Errorf("%d %v: %s", status, err, answer)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[made.ID]++
		}
		var clients sync.WaitGroup
		for range 50 {
			clients.Go(ask)
		}
		clients.Wait()
		s.kill()
		s.start()
		ask()
		if len(ids) != 1 {
			t.Fatalf("%d messages were made", len(ids))
		}
		status, answer, err := s.call(http.MethodPost, "/v1/messages", letter("another@example.com"), "Idempotency-Key", "order-7")
		if err != nil || status != http.StatusUnprocessableEntity || !strings.Contains(string(answer), "idempotency_key_reused") {
			t.Errorf("another request under the key: %d %v: %s", status, err, answer)
		}
		for id := range ids {
			s.until("it arrives", time.Minute, func() bool { return s.copies()[id] > 0 })
		}
	})
}

// A thousand cancels race with the sends: each is either done, and nothing leaves, or told that it is too
// late, and the message arrives.
func TestCancelRacesWithSend(t *testing.T) {
	t.Parallel()
	s := opened(t, t.TempDir(), nil)
	s.misbehave(`{"fault":"slow","arg":"150"}`)
	var mu sync.Mutex
	var canceled, late []string
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			var ids []string
			for n := range 125 {
				ids = append(ids, s.create("/v1/messages", plain(n)))
			}
			for _, id := range ids {
				status, answer, err := s.call(http.MethodPost, "/v1/messages/"+id+"/cancel", nil)
				mu.Lock()
				switch {
				case err == nil && status == http.StatusOK:
					canceled = append(canceled, id)
				case err == nil && status == http.StatusConflict && strings.Contains(string(answer), "too_late"):
					late = append(late, id)
				default:
					t.Errorf("%d %v: %s", status, err, answer)
				}
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	t.Logf("%d canceled, %d too late", len(canceled), len(late))
	if len(canceled) == 0 || len(late) == 0 {
		t.Error("there was no race")
	}
	s.arrive(60*time.Second, late...)
	all := s.copies()
	for _, id := range canceled {
		if got := s.status(id); got != "canceled" || all[id] != 0 {
			t.Errorf("%s was canceled, is %s and was sent %d times", id, got, all[id])
		}
	}
}
