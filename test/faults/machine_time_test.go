package faults

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Times that are ambiguous in some zone are instants here: a time says its offset, is shown in UTC, and
// what is no time is refused.
func TestTimesAroundClockChanges(t *testing.T) {
	t.Parallel()
	s := opened(t, t.TempDir(), map[string]string{"TZ": "Europe/Berlin"})
	sunday := clockChange(time.Now().AddDate(0, 0, 2))
	day := sunday.Format(time.DateOnly)
	for at, want := range map[string]string{
		day + "T01:59:59+01:00": day + "T00:59:59Z",
		day + "T02:30:00+01:00": day + "T01:30:00Z", // Berlin's clocks show 2:30 twice on that day, or never
		day + "T02:30:00+02:00": day + "T00:30:00Z",
		day + "T05:15:00+05:45": sunday.AddDate(0, 0, -1).Format(time.DateOnly) + "T23:30:00Z",
		day + "T02:30:00":       "", // which of them?
		day + "T23:59:60Z":      "", // a leap second: clocks of computers have none
		day + " 02:30":          "",
	} {
		m := letter("then@example.com")
		m["send_at"] = at
		status, answer, err := s.call(http.MethodPost, "/v1/messages", m)
		s.must(err)
		if want == "" {
			if status != http.StatusUnprocessableEntity && status != http.StatusBadRequest || !strings.Contains(string(answer), "send_at") {
				t.Errorf("%s: %d %s", at, status, answer)
			}
			continue
		}
		var made struct {
			ID     string
			SendAt time.Time `json:"send_at"`
		}
		s.must(json.Unmarshal(answer, &made))
		_, answer, err = s.call(http.MethodGet, "/v1/messages/"+made.ID, nil)
		s.must(err)
		if !strings.Contains(string(answer), `"send_at":"`+want) && !strings.Contains(string(answer), `"send_at":"`+strings.TrimSuffix(want, "Z")) {
			t.Errorf("%s is shown as %s", at, answer)
		}
	}
}

// clockChange is the next day after a time on which clocks are changed in Berlin: the last Sunday of March
// or October.
func clockChange(after time.Time) time.Time {
	for day := after.UTC().Truncate(24 * time.Hour); ; day = day.AddDate(0, 0, 1) {
		if m := day.Month(); (m == time.March || m == time.October) && day.Day() > 24 && day.Weekday() == time.Sunday {
			return day
		}
	}
}

// A data folder that cannot be written to: one line that names it, and nothing is changed.
func TestDataFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	privileged(t, "a read-only data folder")
	dir := t.TempDir()
	tmpfs(t, dir, "size=1m")
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	s := newStation(t, dir, nil)
	s.begin()
	<-s.ended
	said := strings.TrimSpace(s.log.String())
	if code := s.serve.ProcessState.ExitCode(); code == 0 || strings.Contains(said, "\n") || !strings.Contains(said, dir) {
		t.Errorf("exit code %d: %s", code, said)
	}
}
