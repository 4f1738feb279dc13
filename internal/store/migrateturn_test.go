package store_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/pressly/goose/v3/lock"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// Nodes that start at once on an empty database are ready together: one makes the
// schema, and the others go on as soon as it has.
func TestNodesThatStartGoOnTogether(t *testing.T) {
	database := storetest.Postgres(t)
	db, err := sql.Open("pgx", database)
	must(t, err)
	defer db.Close()
	other, err := db.Conn(t.Context())
	must(t, err)
	defer other.Close()
	_, err = other.ExecContext(t.Context(), "SELECT pg_advisory_lock($1)", lock.DefaultLockID)
	must(t, err)

	const nodes = 3
	ready := make(chan error, nodes)
	for range nodes {
		opt := store.Options{Dir: t.TempDir(), Database: database}
		go func() {
			s, err := store.Open(t.Context(), opt)
			if err == nil {
				err = s.Close()
			}
			ready <- err
		}()
	}
	for asking, deadline := 0, time.Now().Add(20*time.Second); asking < nodes; {
		must(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pg_stat_activity
			WHERE datname = current_database() AND query LIKE 'SELECT pg_try_advisory_lock%'`).Scan(&asking))
		if time.Now().After(deadline) {
			t.Fatalf("%d nodes of %d ask for their turn", asking, nodes)
		}
	}
	if len(ready) > 0 {
		t.Fatalf("a node did not wait: %v", <-ready)
	}
	_, err = other.ExecContext(t.Context(), "SELECT pg_advisory_unlock($1)", lock.DefaultLockID)
	must(t, err)
	must(t, <-ready)
	first := time.Now()
	for range nodes - 1 {
		must(t, <-ready)
	}
	if late := time.Since(first); late > 3*time.Second {
		t.Errorf("the last node was ready %s after the first", late)
	}
}
