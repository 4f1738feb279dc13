package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// sqliteFiles are the database and its WAL as they were opened. What is written to
// a file that has lost its name is gone when the process ends, so nobody may be
// told that it is kept.
type sqliteFiles struct {
	mu            sync.Mutex
	database, wal os.FileInfo
}

// errFileGone says so.
var errFileGone = errors.New("the file was removed or replaced while gatepost runs: stop gatepost, put back what was there or restore a backup, and start it again")

// open remembers the database's file, which is made where there is none.
func (f *sqliteFiles) open(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	f.database, err = file.Stat()
	return errors.Join(err, file.Close())
}

// filesThere tells whether the files have still their names. The WAL is there from
// the first write to the end.
func filesThere(s *Store) error {
	f := &s.files
	f.mu.Lock()
	defer f.mu.Unlock()
	path := filepath.Join(s.opt.Dir, DatabaseFile)
	if now, err := os.Stat(path); err != nil || !os.SameFile(now, f.database) {
		return fmt.Errorf("%s: %w", path, errFileGone)
	}
	now, err := os.Stat(path + "-wal")
	switch {
	case f.wal == nil && err == nil:
		f.wal = now
	case f.wal != nil && (err != nil || !os.SameFile(now, f.wal)):
		return fmt.Errorf("%s-wal: %w", path, errFileGone)
	}
	return nil
}

// checkFor is how long a start may look for damage: a large database is checked in
// part.
const checkFor = 500 * time.Millisecond

// quickCheck refuses a database in which SQLite finds damage. Nothing is mended:
// that would choose what to lose.
func quickCheck(s *Store) error {
	ctx, cancel := context.WithTimeout(context.Background(), checkFor)
	defer cancel()
	var said string
	err := s.read.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&said)
	switch {
	case ctx.Err() != nil, err == nil && said == "ok":
		return nil
	case err != nil && !damagedFile(err):
		return err
	case err != nil:
		said = err.Error()
	}
	path := filepath.Join(s.opt.Dir, DatabaseFile)
	return fmt.Errorf("%s is damaged (quick_check: %s); nothing was changed: keep a copy of it with its -wal, and restore the newest backup", path, said)
}

func damagedFile(err error) bool {
	var e *sqlite3.Error
	return errors.As(err, &e) && (e.Code()&0xff == codes.SQLITE_CORRUPT || e.Code()&0xff == codes.SQLITE_NOTADB)
}
