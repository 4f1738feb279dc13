package faults

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Many large messages at once, and little memory: some are told to come back, none kills gatepost, and all
// that was acknowledged arrives.
func TestLittleMemory(t *testing.T) {
	t.Parallel()
	const limit = 256 << 20
	s := opened(t, t.TempDir(), map[string]string{"GOMEMLIMIT": strconv.Itoa(limit / 10 * 9)})
	noise := make([]byte, 24<<20)
	_, _ = rand.Read(noise) // it never fails
	content := base64.StdEncoding.EncodeToString(noise)
	l := s.hand(8, func(n int) map[string]any {
		m := plain(n)
		m["attachments"] = []map[string]any{{"filename": "a.bin", "content": content}}
		return m
	})
	s.until("some are taken and some are told to come back", time.Minute, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.ids) >= 4 && l.statuses[http.StatusServiceUnavailable] >= 4
	})
	small := s.submit("small@example.com")
	close(l.stopping)
	l.clients.Wait()
	if kib := s.most(); kib > limit>>10 {
		t.Errorf("it took %d KiB", kib)
	}
	if s.over() {
		t.Fatalf("serve has ended: %v\n%s", s.serve.ProcessState, s.lastWords())
	}
	for code := range l.statuses {
		if code != http.StatusAccepted && code != http.StatusServiceUnavailable {
			t.Errorf("answers: %v", l.statuses)
		}
	}
	s.arrive(time.Minute, append(l.ids, small)...)
}

// most is how much memory serve has had at most, in KiB; 0 where the system does not tell.
func (s *station) most() (kib int) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(s.serve.Process.Pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	_, _ = fmt.Sscan(rest, &kib)
	return kib
}
