package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"gatepost/internal/email"
)

// channel is the name under which nodes of one database hear of each other.
const channel = "gatepost"

// nodesChanged is what is said when a node has come or goes. All else that is said
// are wakes, a line each.
const nodesChanged = "nodes"

// Wake says that an account has something that is due.
type Wake struct{ Team, Route email.ID }

// wakesAtOnce is how many wakes one notification carries; it may have 8000 bytes.
const wakesAtOnce = 100

// Line tells other nodes what is due, on a session of its own. It is for one
// goroutine. What is lost is found by the others' polls.
type Line struct {
	s    *Store
	conn *pgx.Conn
}

// NewLine makes a line. It connects when there is something to say.
func (s *Store) NewLine() *Line { return &Line{s: s} }

// Say tells all nodes, this one included.
func (l *Line) Say(ctx context.Context, wakes []Wake) error {
	for some := range slices.Chunk(wakes, wakesAtOnce) {
		if err := l.say(ctx, some); err != nil {
			return fmt.Errorf("tell other nodes what is due: %w", err)
		}
	}
	return nil
}

func (l *Line) say(ctx context.Context, wakes []Wake) (err error) {
	if l.conn == nil || l.conn.IsClosed() {
		if l.conn, err = pgx.ConnectConfig(ctx, l.s.direct.Copy()); err != nil {
			return err
		}
	}
	lines := make([]string, len(wakes))
	for i, w := range wakes {
		lines[i] = w.Team + " " + w.Route
	}
	_, err = l.conn.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, strings.Join(lines, "\n"))
	return err
}

// Close ends the line.
func (l *Line) Close() {
	if l.conn != nil {
		_ = l.conn.Close(context.Background())
	}
}

// Heard is what a node does with what it hears.
type Heard struct {
	Wake func(Wake)
	// Nodes is called when a node has come or goes, and when the line is there: it may
	// have missed something before.
	Nodes func()
}

// quietFor is how long a line may be silent before it is asked whether it is there.
const quietFor = 15 * time.Second

// Listen hears what nodes say, until ctx ends or the line breaks. It waits on a
// session of its own.
func (s *Store) Listen(ctx context.Context, h Heard) error {
	conn, err := pgx.ConnectConfig(ctx, s.direct.Copy())
	if err != nil {
		return fmt.Errorf("listen to other nodes: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return fmt.Errorf("listen to other nodes: %w", err)
	}
	h.Nodes()
	for {
		said, err := hear(ctx, conn)
		if err != nil {
			return fmt.Errorf("listen to other nodes: %w", err)
		}
		h.take(said)
	}
}

// hear waits for what is said next; nothing when all is quiet.
func hear(ctx context.Context, conn *pgx.Conn) (said string, err error) {
	wait, cancel := context.WithTimeout(ctx, quietFor)
	defer cancel()
	n, err := conn.WaitForNotification(wait)
	if err == nil {
		return n.Payload, nil
	}
	if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return "", err
	}
	ping, cancel := context.WithTimeout(ctx, quietFor)
	defer cancel()
	return "", conn.Ping(ping)
}

func (h Heard) take(said string) {
	if said == nodesChanged {
		h.Nodes()
		return
	}
	for line := range strings.SplitSeq(said, "\n") {
		if team, route, ok := strings.Cut(line, " "); ok {
			h.Wake(Wake{Team: team, Route: route})
		}
	}
}

// sayNodes tells all nodes, when the transaction commits, that one comes or goes.
func sayNodes(ctx context.Context, t *tx) error {
	if t.w.s.direct == nil {
		return nil // one node
	}
	_, err := t.ExecContext(ctx, `SELECT pg_notify($1, $2)`, channel, nodesChanged)
	return err
}
