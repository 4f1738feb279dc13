package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	walGrown    = 4 << 20  // checkpoint beside the writer above this
	walTooLarge = 64 << 20 // stop the writer for a checkpoint above this
	// A reader that stays keeps the WAL from being emptied. Writers wait no longer than
	// this for it, and not more often.
	emptyWithin = 100 * time.Millisecond
	emptyEvery  = 5 * time.Second
	pinnedAgain = time.Minute // between two warnings
)

// checkpointer copies SQLite's WAL into the database beside the writer.
type checkpointer struct {
	s       *Store
	emptied time.Time // when that was last tried
	warned  time.Time
}

// checkpoints keeps the WAL from growing without end when readers pin it.
func checkpoints(ctx context.Context, s *Store) {
	c := &checkpointer{s: s}
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := c.checkpoint(ctx); err != nil && ctx.Err() == nil {
			s.opt.Log.Warn("checkpoint of the database failed; it is tried again", "err", err)
		}
	}
}

// Checkpoint copies all of the WAL into the database file and empties it. It is
// for SQLite, when nothing else is going on.
func (s *Store) Checkpoint(ctx context.Context) error {
	_, err := s.read.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

func (c *checkpointer) checkpoint(ctx context.Context) error {
	if filesThere(c.s) != nil {
		return nil // it might go into what has taken the database's place
	}
	info, err := os.Stat(filepath.Join(c.s.opt.Dir, DatabaseFile+"-wal"))
	if err != nil || info.Size() < walGrown {
		return nil // no WAL is a small WAL
	}
	if info.Size() <= walTooLarge || time.Since(c.emptied) < emptyEvery {
		_, err := c.run(ctx, "PASSIVE")
		return err
	}
	c.emptied = time.Now()
	pinned, err := c.run(ctx, "TRUNCATE")
	if pinned && time.Since(c.warned) > pinnedAgain {
		c.warned = time.Now()
		c.s.opt.Log.Warn("the database's log cannot be emptied and grows: another program reads the database for long; end it", "file", info.Name(), "bytes", info.Size())
	}
	return err
}

// run tells whether somebody was in the way. The writer waits as long as a TRUNCATE
// does, so that must not be the time that other operations may wait.
func (c *checkpointer) run(ctx context.Context, mode string) (busy bool, err error) {
	conn, err := c.s.read.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout(%d)", emptyWithin.Milliseconds())); err != nil {
		return false, err
	}
	var log, copied int
	err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &log, &copied)
	if _, back := conn.ExecContext(context.WithoutCancel(ctx), busyTimeout); err == nil {
		err = back
	}
	if err != nil {
		return false, fmt.Errorf("%s checkpoint: %w", strings.ToLower(mode), err)
	}
	return busy, nil
}
