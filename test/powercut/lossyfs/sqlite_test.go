//go:build linux && powercut

package lossyfs

import (
	"bufio"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// TestMain is also the program whose power is cut: SQLite maps a file into memory, which the process
// that serves the mount must not do.
func TestMain(m *testing.M) {
	switch os.Getenv("LOSSYFS_CHILD") {
	case "write":
		exitWith(writeRows(os.Getenv("LOSSYFS_DB"), os.Getenv("LOSSYFS_SYNCHRONOUS")))
	case "read":
		exitWith(readRows(os.Getenv("LOSSYFS_DB")))
	}
	os.Exit(m.Run())
}

func exitWith(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func openDB(path, synchronous string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous("+synchronous+")")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec("create table if not exists kept (n integer primary key, filler blob)")
	return db, err
}

// writeRows commits row after row and prints the number of each that was committed, until it is killed.
func writeRows(path, synchronous string) error {
	db, err := openDB(path, synchronous)
	if err != nil {
		return err
	}
	for {
		var n int64
		if err := db.QueryRow("insert into kept (filler) values (randomblob(3000)) returning n").Scan(&n); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func readRows(path string) error {
	db, err := openDB(path, "full")
	if err != nil {
		return err
	}
	var check string
	if err := db.QueryRow("pragma integrity_check").Scan(&check); err != nil || check != "ok" {
		return fmt.Errorf("integrity check: %s: %w", check, err)
	}
	rows, err := db.Query("select n from kept")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return err
		}
		fmt.Println(n)
	}
	return rows.Err()
}

func child(m *mounted, what, synchronous string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LOSSYFS_CHILD="+what, "LOSSYFS_DB="+m.path("test.db"), "LOSSYFS_SYNCHRONOUS="+synchronous)
	return cmd
}

// writeUntilCut lets the child commit for a while, cuts the power, kills it, and returns what it had
// been told was committed.
func writeUntilCut(m *mounted, synchronous string) []int {
	m.t.Helper()
	cmd := child(m, "write", synchronous)
	out, err := cmd.StdoutPipe()
	m.ok(err)
	m.ok(cmd.Start())
	time.AfterFunc(time.Duration(50+rand.IntN(400))*time.Millisecond, func() {
		m.disk.Cut()
		_ = cmd.Process.Kill() // it may have ended by itself, of EIO
	})
	var told []int
	for sc := bufio.NewScanner(out); sc.Scan(); {
		if n, err := strconv.Atoi(sc.Text()); err == nil {
			told = append(told, n)
		}
	}
	_ = cmd.Wait() // killed, or ended of EIO: both are wanted
	m.ok(m.disk.Unmount())
	m.ok(m.disk.Mount(m.dir))
	return told
}

// lost counts the commits in told that the database does not have; a database that cannot be read has
// none.
func lost(m *mounted, told []int) int {
	out, err := child(m, "read", "full").CombinedOutput()
	if err != nil {
		m.t.Logf("read the database: %v: %s", err, out)
		return len(told)
	}
	there := map[string]bool{}
	for _, n := range strings.Fields(string(out)) {
		there[n] = true
	}
	missing := 0
	for _, n := range told {
		if !there[strconv.Itoa(n)] {
			missing++
		}
	}
	return missing
}

func TestSQLiteKeepsWhatItCommittedWithFullSync(t *testing.T) {
	m := mount(t)
	var told []int
	for range 20 {
		told = append(told, writeUntilCut(m, "full")...)
		if n := lost(m, told); n > 0 {
			t.Fatalf("%d of %d commits lost", n, len(told))
		}
	}
	if len(told) < 20 {
		t.Errorf("only %d commits in 20 cuts: too few to show anything", len(told))
	}
	t.Logf("20 cuts, %d commits, none lost", len(told))
}

func TestSQLiteLosesWithoutSync(t *testing.T) {
	m := mount(t)
	m.ok(child(m, "read", "full").Run()) // an empty database that lasts
	told := writeUntilCut(m, "off")
	if n := lost(m, told); n == 0 {
		t.Errorf("%d commits without a sync, and none lost: the file system does not forget", len(told))
	}
}
