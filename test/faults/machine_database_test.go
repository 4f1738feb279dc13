package faults

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"
)

// intact asks SQLite whether a copy of the database is in order, with what its log holds.
func (s *station) intact() {
	s.t.Helper()
	dir := s.t.TempDir()
	for _, end := range []string{"", "-wal"} {
		copyFile(s.t, s.database()+end, filepath.Join(dir, "copy.db"+end))
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "copy.db"))
	s.must(err)
	defer db.Close()
	var said string
	if err := db.QueryRowContext(s.t.Context(), "PRAGMA integrity_check").Scan(&said); err != nil || said != "ok" {
		s.t.Errorf("integrity_check: %s (%v)", said, err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
}

// other is a session of another program on the database.
func (s *station) other(begin string) *sql.Conn {
	s.t.Helper()
	db, err := sql.Open("sqlite", s.database()+"?_pragma=busy_timeout(5000)")
	s.must(err)
	conn, err := db.Conn(s.t.Context())
	s.must(err)
	s.t.Cleanup(func() {
		_ = conn.Close()
		_ = db.Close()
	})
	s.do(conn, begin)
	return conn
}

func (s *station) do(conn *sql.Conn, query string) {
	s.t.Helper()
	_, err := conn.ExecContext(context.Background(), query)
	s.must(err)
}

// Another program holds the database: 503 within some seconds, and all goes on when it lets go.
func TestDatabaseHeldByAnother(t *testing.T) {
	t.Parallel()
	s := opened(t, t.TempDir(), nil)
	s.misbehave(`{"fault":"server_error","count":1}`)
	waiting := s.submit("waits@example.com")
	holder := s.other("BEGIN EXCLUSIVE")
	began := time.Now()
	s.refused(letter("refused@example.com"), http.StatusServiceUnavailable, "busy")
	if took := time.Since(began); took > 12*time.Second {
		t.Errorf("it took %s to say so", took)
	}
	s.do(holder, "ROLLBACK")
	s.arrive(time.Minute, waiting, s.submit("after@example.com"))
}

// Another program reads the database for long, so that its log cannot be emptied: messages are taken as fast
// as before, the log file tells of it, and shrinks when the reader has gone.
func TestReaderThatStays(t *testing.T) {
	t.Parallel()
	s := opened(t, t.TempDir(), nil)
	s.misbehave(`{"fault":"server_error"}`)
	reader := s.other("BEGIN")
	var n int
	s.must(reader.QueryRowContext(t.Context(), "SELECT count(*) FROM messages").Scan(&n))
	body := letter("many@example.com")
	noise := make([]byte, 250_000)
	_, _ = rand.Read(noise) // it never fails
	body["text"] = base64.StdEncoding.EncodeToString(noise)
	size := func() int64 {
		info, err := os.Stat(s.database() + "-wal")
		s.must(err)
		return info.Size()
	}
	slowest := time.Duration(0)
	for past := 0; past < 100; {
		began := time.Now()
		s.create("/v1/messages", body)
		slowest = max(slowest, time.Since(began))
		if size() > 65<<20 {
			past++
			time.Sleep(20 * time.Millisecond) // the rhythm is the test's
		}
	}
	if slowest > 5*time.Second { // on a busy machine too
		t.Errorf("a message took %s", slowest)
	}
	if !strings.Contains(s.log.String(), "cannot be emptied") {
		t.Errorf("the log does not tell of the reader\n%s", s.lastWords())
	}
	s.do(reader, "ROLLBACK")
	s.until("the log is emptied", time.Minute, func() bool { return size() < 64<<20 })
}

// The database file, or its log, is removed or replaced: nothing more is acknowledged, and nothing sent. Once
// gatepost has been stopped and the file put back, nothing is lost.
func TestDatabaseFileRemoved(t *testing.T) {
	t.Parallel()
	kept := func(s *station, end string) (from, to string) {
		return s.database() + end, s.database() + end + ".kept"
	}
	move := func(s *station, from, to string) { s.must(os.Rename(from, to)) }
	for name, c := range map[string]struct {
		end  string
		copy bool
	}{"removed": {"", false}, "replaced": {"", true}, "log removed": {"-wal", false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := opened(t, t.TempDir(), nil)
			s.misbehave(`{"fault":"server_error","count":1}`)
			waiting := s.submit("waits@example.com")
			s.until("it was refused once", time.Minute, func() bool { return strings.Contains(s.log.String(), "message.delayed") })
			from, to := kept(s, c.end)
			if move(s, from, to); c.copy {
				copyFile(t, to, from)
			}
			s.refused(letter("refused@example.com"), http.StatusServiceUnavailable, "busy")
			s.until("a load balancer is told", 20*time.Second, s.notReady)
			if !strings.Contains(s.log.String(), "was removed or replaced") {
				t.Errorf("the log does not say why\n%s", s.lastWords())
			}
			time.Sleep(6 * time.Second) // the next try is due within that time
			if n := len(s.copies()); n != 0 {
				t.Errorf("%d messages were sent whose attempt could not be recorded", n)
			}
			s.must(s.serve.Process.Signal(syscall.SIGTERM))
			<-s.ended
			move(s, to, from)
			s.start()
			s.arrive(time.Minute, waiting, s.submit("after@example.com"))
			s.stop()
			s.intact()
		})
	}
}

// A damaged database is not opened, the reason is told with what to do, and no byte of it changes.
func TestDamagedDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]int64{"the first page": 0, "a page of a table": 8 * 4096} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := opened(t, t.TempDir(), nil)
			s.arrive(time.Minute, s.submit("before@example.com"))
			s.stop()
			f, err := os.OpenFile(s.database(), os.O_RDWR, 0)
			s.must(err)
			_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, 4096), at)
			s.must(errors.Join(err, f.Close()))
			before, err := os.ReadFile(s.database())
			s.must(err)
			s.begin()
			select {
			case <-s.ended:
			case <-time.After(10 * time.Second):
				t.Fatal("serve started on a damaged database")
			}
			if code := s.serve.ProcessState.ExitCode(); code == 0 || !strings.Contains(s.log.String(), "is damaged") || !strings.Contains(s.log.String(), "restore") {
				t.Errorf("exit code %d\n%s", code, s.lastWords())
			}
			after, err := os.ReadFile(s.database())
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("the database was changed (%v)", err)
			}
		})
	}
}

// A database that a later version has changed is refused, and not touched.
func TestDatabaseOfALaterVersion(t *testing.T) {
	t.Parallel()
	s := opened(t, t.TempDir(), nil)
	s.stop()
	s.do(s.other("BEGIN IMMEDIATE"), `INSERT INTO goose_db_version (version_id, is_applied) SELECT max(version_id) + 1, 1 FROM goose_db_version; COMMIT`)
	s.begin()
	<-s.ended
	if code := s.serve.ProcessState.ExitCode(); code == 0 || !strings.Contains(s.log.String(), "start the version that was running before, or a newer one") {
		t.Errorf("exit code %d\n%s", code, s.lastWords())
	}
}
