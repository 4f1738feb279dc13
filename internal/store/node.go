package store

import (
	"context"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// clock is the time that nodes agree on: the database's own on PostgreSQL. SQLite
// has one node, whose clock it is.
func (s *Store) clock(ctx context.Context, q querier) (ms int64, err error) {
	if s.dialect.now == "" {
		return s.opt.Now().UnixMilli(), nil
	}
	err = q.QueryRowContext(ctx, `SELECT `+s.dialect.now).Scan(&ms)
	return ms, err
}

// Node is a process that takes part in a database.
type Node struct {
	ID        email.ID
	Epoch     int64
	Version   string
	Leaving   bool // it finishes what it has in hand and begins nothing more
	StartedAt time.Time
}

// Enter makes a node present and raises its epoch: what its earlier epochs were
// sending has no sender any more (Orphans).
func (s *Store) Enter(ctx context.Context, node email.ID) (epoch int64, err error) {
	err = s.do(ctx, "enter as node "+node, func(ctx context.Context, t *tx) error {
		now, err := s.clock(ctx, t)
		if err != nil {
			return err
		}
		if err := t.QueryRowContext(ctx, `INSERT INTO nodes (id, epoch, version, started_at, heartbeat_at) VALUES ($1, 1, $3, $2, $2)
			ON CONFLICT (id) DO UPDATE SET epoch = nodes.epoch + 1, version = excluded.version, leaving = 0,
				started_at = excluded.started_at, heartbeat_at = excluded.heartbeat_at
			RETURNING epoch`, node, now, s.opt.Version).Scan(&epoch); err != nil {
			return err
		}
		return sayNodes(ctx, t)
	})
	return epoch, err
}

// Heartbeat says that a node's epoch is alive. ErrFenced means that a later
// epoch of the node has entered: this process must not send any more.
func (s *Store) Heartbeat(ctx context.Context, node email.ID, epoch int64) error {
	return s.do(ctx, "heartbeat of node "+node, func(ctx context.Context, t *tx) error {
		now, err := s.clock(ctx, t)
		if err != nil {
			return err
		}
		r, err := t.ExecContext(ctx, `UPDATE nodes SET heartbeat_at = $3 WHERE id = $1 AND epoch = $2`, node, epoch, now)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return ErrFenced
	})
}

// Nodes are those that were heard of within the lease, this one included.
func (s *Store) Nodes(ctx context.Context, lease time.Duration) ([]Node, error) {
	now, err := s.clock(ctx, s.read)
	if err != nil {
		return nil, fmt.Errorf("read the database's clock: %w", err)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT id, epoch, version, leaving, started_at FROM nodes WHERE heartbeat_at > $1 ORDER BY id`,
		now-lease.Milliseconds())
	if err != nil {
		return nil, fmt.Errorf("nodes at work: %w", err)
	}
	return scanAll(rows, func(row interface{ Scan(...any) error }) (n Node, err error) {
		var started int64
		err = row.Scan(&n.ID, &n.Epoch, &n.Version, &n.Leaving, &started)
		n.StartedAt = fromMillis(started)
		return n, err
	})
}

// Retire says that a node begins nothing more: others take over what it has not
// begun. It goes on beating until what it has in hand has come to its end.
func (s *Store) Retire(ctx context.Context, node email.ID, epoch int64) error {
	return s.do(ctx, "retire as node "+node, func(ctx context.Context, t *tx) error {
		if _, err := t.ExecContext(ctx, `UPDATE nodes SET leaving = 1 WHERE id = $1 AND epoch = $2`, node, epoch); err != nil {
			return err
		}
		return sayNodes(ctx, t)
	})
}

// Leave ends a node's presence at a graceful stop, so that nobody waits for its
// lease.
func (s *Store) Leave(ctx context.Context, node email.ID, epoch int64) error {
	return s.do(ctx, "leave as node "+node, func(ctx context.Context, t *tx) error {
		if _, err := t.ExecContext(ctx, `UPDATE nodes SET heartbeat_at = 0 WHERE id = $1 AND epoch = $2`, node, epoch); err != nil {
			return err
		}
		return sayNodes(ctx, t)
	})
}

// Ping commits a write, through a group and a sync like any other: reading would
// not show a full disk, a read-only one, or a demoted database server.
//
// It comes back when ctx ends: nobody needs the outcome of a write that is late.
func (s *Store) Ping(ctx context.Context, now time.Time) error {
	done := make(chan error, 1)
	go func() {
		done <- s.do(ctx, "write", func(ctx context.Context, t *tx) error {
			_, err := t.ExecContext(ctx, `INSERT INTO settings (name, value) VALUES ('ready', $1)
				ON CONFLICT (name) DO UPDATE SET value = excluded.value`, []byte(now.UTC().Format(time.RFC3339Nano)))
			return err
		})
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the database has not taken a write in time: %w", ctx.Err())
	}
}
