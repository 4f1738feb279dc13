package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/pressly/goose/v3/lock"
)

const (
	// turnEvery is how often a node that starts asks whether its turn has come. goose's
	// own locker asks every five seconds, which all but one of several nodes would wait.
	turnEvery = 100 * time.Millisecond
	// turnWithin is how long it asks: longer than migrations of a large database take.
	turnWithin = 5 * time.Minute
)

// migrationTurn lets one node after the other bring the schema up to date. It holds
// the lock of goose's own locker, so that nodes of all versions heed it.
type migrationTurn struct{}

// SessionLock implements lock.SessionLocker. It asks again and again: whoever waits
// within one statement would keep others from making indexes beside the work.
func (migrationTurn) SessionLock(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, turnWithin)
	defer cancel()
	again := time.NewTicker(turnEvery)
	defer again.Stop()
	for {
		var mine bool
		if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", lock.DefaultLockID).Scan(&mine); err != nil {
			return fmt.Errorf("wait for another node that brings the schema up to date: %w", err)
		}
		if mine {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("another node has been bringing the schema up to date for long: start this one again when its log says that it is ready: %w", ctx.Err())
		}
	}
}

// SessionUnlock implements lock.SessionLocker. A session that is lost has unlocked.
func (migrationTurn) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", lock.DefaultLockID)
	return err
}
