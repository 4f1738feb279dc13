package faults

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatepost/test/powercut/lossyfs"
)

// fill fills a disk up.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// large is a message whose content is kept in a file.
func large(to string) map[string]any {
	b := make([]byte, 600_000)
	_, _ = rand.Read(b) // it never fails
	m := letter(to)
	m["attachments"] = []map[string]any{{"filename": "a.bin", "content": base64.StdEncoding.EncodeToString(b)}}
	return m
}

// A full disk: 507 with the time to come back, and not ready; what was acknowledged waits, and goes on by
// itself, like all else, as soon as there is room.
func TestFullDiskIsTold(t *testing.T) {
	t.Parallel()
	privileged(t, "a full disk")
	dir := t.TempDir()
	tmpfs(t, dir, "size=12m")
	s := opened(t, dir, nil)
	s.misbehave(`{"fault":"server_error"}`)
	kept := []string{s.submit("kept1@example.com"), s.submit("kept2@example.com")}
	fill(t, filepath.Join(dir, "ballast"))
	s.until("the log is full too", time.Minute, func() bool {
		status, _, err := s.call(http.MethodPost, "/v1/messages", letter("more@example.com"))
		s.must(err)
		return status == http.StatusInsufficientStorage
	})
	s.refused(letter("refused@example.com"), http.StatusInsufficientStorage, "storage_full")
	s.refused(large("refused@example.com"), http.StatusInsufficientStorage, "storage_full")
	s.until("a load balancer is told", 20*time.Second, s.notReady)
	for _, id := range kept {
		s.mustWait(id)
	}
	if !strings.Contains(s.log.String(), "full") {
		t.Errorf("the log does not tell of it\n%s", s.lastWords())
	}
	s.misbehave("")
	s.must(os.Remove(filepath.Join(dir, "ballast")))
	freed := time.Now()
	s.until("messages are taken again", 10*time.Second, func() bool {
		status, _, err := s.call(http.MethodPost, "/v1/messages", letter("after@example.com"))
		return err == nil && status == http.StatusAccepted
	})
	t.Logf("taken again %s after there was room", time.Since(freed))
	s.arrive(time.Minute, kept...)
}

// Only the folder of large contents is full: small messages go on.
func TestFullContentFolder(t *testing.T) {
	t.Parallel()
	privileged(t, "a full disk")
	dir := t.TempDir()
	content := filepath.Join(dir, "content")
	if err := os.Mkdir(content, 0o700); err != nil {
		t.Fatal(err)
	}
	tmpfs(t, content, "size=2m")
	s := opened(t, dir, nil)
	fill(t, filepath.Join(content, "ballast"))
	s.refused(large("large@example.com"), http.StatusInsufficientStorage, "storage_full")
	s.arrive(time.Minute, s.submit("small@example.com"))
	s.must(os.Remove(filepath.Join(content, "ballast")))
	s.arrive(time.Minute, s.create("/v1/messages", large("large@example.com")))
	left, err := filepath.Glob(filepath.Join(content, "*.part"))
	if err != nil || len(left) > 0 {
		t.Errorf("half contents were left: %v %v", left, err)
	}
}

// brittle is a station on a disk that can be made to fail.
func brittle(t *testing.T) (*station, *lossyfs.Disk) {
	t.Helper()
	privileged(t, "a failing disk")
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("not run: a failing disk: it needs /dev/fuse")
	}
	disk, dir := lossyfs.New(), t.TempDir()
	if err := disk.Mount(dir); errors.Is(err, syscall.EPERM) {
		t.Skip("not run: a failing disk: mounting is not allowed here")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		disk.Fail()
		if err := disk.Unmount(); err != nil {
			t.Error(err)
		}
	})
	s := newStation(t, dir, nil)
	s.makeKey()
	s.start()
	s.connect()
	return s, disk
}

// A disk that takes no writes any more: 503, nothing is sent that could not be recorded, and all goes on
// by itself when it takes them again.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	s, disk := brittle(t)
	s.misbehave(`{"fault":"server_error"}`)
	waiting := []string{s.submit("waits1@example.com"), s.submit("waits2@example.com")}
	s.until("they have been refused once", time.Minute, func() bool {
		return strings.Count(s.log.String(), "message.delayed") >= 1
	})
	disk.Fail(lossyfs.Failure{Op: lossyfs.Write, With: syscall.EROFS}, lossyfs.Failure{Op: lossyfs.Create, With: syscall.EROFS}, lossyfs.Failure{Op: lossyfs.Sync, With: syscall.EROFS})
	s.misbehave("")
	s.refused(letter("refused@example.com"), http.StatusServiceUnavailable, "busy")
	s.refused(large("refused@example.com"), http.StatusServiceUnavailable, "busy")
	s.until("a load balancer is told", 20*time.Second, s.notReady)
	// Their next try is due after some seconds; a send now could not be recorded.
	time.Sleep(8 * time.Second)
	if n := len(s.copies()); n != 0 {
		t.Errorf("%d messages were sent whose attempt could not be recorded", n)
	}
	s.mustWait(waiting[0])
	disk.Fail()
	s.arrive(time.Minute, append(waiting, s.submit("after@example.com"))...)
}

// A failed sync: the request it was for is not acknowledged, and what is acknowledged after it outlives a
// power cut.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	s, disk := brittle(t)
	s.misbehave(`{"fault":"server_error"}`) // nothing leaves: all that counts is what is kept
	kept := []string{s.submit("before@example.com")}
	for i := range 5 {
		disk.Fail(lossyfs.Failure{Op: lossyfs.Sync, File: "-wal", With: syscall.EIO})
		status, answer, err := s.call(http.MethodPost, "/v1/messages", letter("failed@example.com"))
		s.must(err)
		if status < http.StatusInternalServerError {
			t.Fatalf("round %d: %d %s", i, status, answer)
		}
		disk.Fail()
		kept = append(kept, s.submit("after@example.com"))
	}
	s.powerCut(disk)
	for _, id := range kept {
		s.mustWait(id)
	}
}

// A write that fails in the middle of a page spoils nothing.
func TestHalfWrite(t *testing.T) {
	t.Parallel()
	s, disk := brittle(t)
	s.misbehave(`{"fault":"server_error"}`)
	var kept []string
	for _, f := range []lossyfs.Failure{{With: syscall.EIO}, {With: syscall.EINTR, Left: 3}, {With: syscall.EIO}} {
		kept = append(kept, s.submit("before@example.com"))
		f.Op, f.File, f.Half = lossyfs.Write, "-wal", true
		disk.Fail(f)
		if f.With == syscall.EINTR { // the system asks to try again, and that is done
			kept = append(kept, s.submit("interrupted@example.com"))
			continue
		}
		s.refused(letter("half@example.com"), http.StatusServiceUnavailable, "busy")
		disk.Fail()
	}
	kept = append(kept, s.submit("after@example.com"))
	s.powerCut(disk)
	for _, id := range kept {
		s.mustWait(id)
	}
	s.stop()
	s.intact()
}

// powerCut cuts the power and starts again.
func (s *station) powerCut(disk *lossyfs.Disk) {
	s.t.Helper()
	disk.Cut()
	s.kill()
	s.must(disk.Unmount())
	s.must(disk.Mount(s.vars["GATEPOST_DATA"]))
	s.start()
}

// mustWait asks that a message is there, and waits.
func (s *station) mustWait(id string) {
	s.t.Helper()
	if got := s.status(id); !slices.Contains([]string{"queued", "sending", "unknown"}, got) {
		s.t.Errorf("%s was acknowledged, and is %s", id, got)
	}
}
