// Package store holds every row of gatepost and all of its SQL, for SQLite and
// PostgreSQL alike, and the folder where large contents lie. A file holds one
// subject: its row type, its columns, its queries.
//
// What a row means is decided above: the store neither judges answers of
// providers nor opens sealed content.
//
// Writes join a group: operations that wait together share one transaction and
// one sync to disk, and none of them is answered before that (group.go).
package store

import (
	"context"
	crand "crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Errors that callers branch on.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	// ErrBusy says that the store did not take the operation in time; nothing was
	// written.
	ErrBusy = errors.New("the store is busy")
	// ErrClosed says that the store has been closed; nothing was written.
	ErrClosed = errors.New("the store is closed")
)

// Options tell where the rows are and what the store is given from outside.
type Options struct {
	// Dir is the data folder: database file (SQLite) and bucket.
	Dir string
	// Database is a PostgreSQL URL, or empty for SQLite in Dir.
	Database string
	// Direct is a PostgreSQL URL that leads past a pooler, where Database leads to one
	// that hands out sessions by the transaction. Empty: Database has no such pooler.
	Direct string
	// Version is what other nodes are told of this one.
	Version string
	Log     *slog.Logger     // nil: none
	Now     func() time.Time // nil: time.Now
	Random  io.Reader        // nil: crypto/rand
	// Fault, when set, is asked at named points of a commit ("commit.before",
	// "commit.after"); an error or panic from it is a crash there. For tests.
	Fault func(point string) error
	// Inline makes every write commit in the goroutine of its caller, with
	// whatever it brought as the group: the simulation steps through it.
	Inline bool
	// Synchronous is SQLite's setting of that name; empty means FULL, which is
	// what the promise of a kept message rests on. Tests of that promise lower it.
	Synchronous string
}

// Store is the rows of one gatepost. It is safe for use by many goroutines.
type Store struct {
	opt     Options
	dialect *dialect
	read    *reader
	write   *sql.DB         // writers' connections
	direct  *pgx.ConnConfig // PostgreSQL: for sessions that last
	files   sqliteFiles
	queue   chan *request
	inline  *writer // with Options.Inline
	mu      sync.RWMutex
	closed  bool
	done    sync.WaitGroup
	stop    context.CancelFunc
	heads   heads
	offset  atomic.Int64 // see Offset
	Bucket  *Bucket
}

// Open opens the database, brings its schema up to date, and starts the writers.
func Open(ctx context.Context, opt Options) (*Store, error) {
	opt = opt.withDefaults()
	s := &Store{opt: opt, dialect: dialectOf(opt), queue: make(chan *request, 4*maxGroup), heads: heads{now: opt.Now}}
	if err := s.dialect.connect(s); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := s.prepare(ctx); err != nil {
		s.closeDatabase()
		return nil, err
	}
	run, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.startWriters(run)
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	if s.direct != nil {
		s.Bucket = &Bucket{in: table{s}, random: s.opt.Random}
		return s.moveFolder(ctx)
	}
	bucket, err := OpenBucket(s.opt.Dir, s.opt.Random)
	if err != nil {
		return err
	}
	s.Bucket = bucket
	return nil
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = crand.Reader
	}
	if o.Fault == nil {
		o.Fault = func(string) error { return nil }
	}
	if o.Synchronous == "" {
		o.Synchronous = "FULL"
	}
	return o
}

func (s *Store) startWriters(ctx context.Context) {
	if s.opt.Inline {
		s.inline = newWriter(s)
		return
	}
	for range s.dialect.writers {
		w := newWriter(s)
		s.done.Go(w.run)
	}
	if s.dialect.tend != nil {
		s.done.Go(func() { s.dialect.tend(ctx, s) })
	}
}

// Engine names the database: "sqlite" or "postgres".
func (s *Store) Engine() string { return s.dialect.name }

// Close answers what still waits, then closes the database. Writes after it get
// ErrClosed.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.queue)
	s.mu.Unlock()
	s.stop()
	s.done.Wait()
	if s.inline != nil {
		s.inline.release()
	}
	return s.closeDatabase()
}

// closeDatabase leaves all as it is where a file has lost its name: SQLite would
// copy the WAL into what has taken the database's place, and remove it.
func (s *Store) closeDatabase() error {
	if there := s.dialect.there; there != nil {
		if err := there(s); err != nil {
			return err
		}
	}
	err := s.read.Close()
	if s.write != s.read.DB {
		err = errors.Join(err, s.write.Close())
	}
	return err
}

// millis and fromMillis turn times into columns and back; zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
