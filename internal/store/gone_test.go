package store_test

import (
	"database/sql"
	"testing"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A server that ends its sessions costs nobody a message: the group that finds out
// is committed on another session.
func TestEndedSessionsCostNothing(t *testing.T) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: url})
	route := addAccount(t, s)
	for range 5 {
		must(t, s.AddMessage(t.Context(), newMessage(t, route, "a@b.example")))
		endSessions(t, url)
	}
	must(t, s.AddMessage(t.Context(), newMessage(t, route, "a@b.example")))
	checkCounts(t, s)
}

// A server that has become a standby takes no writes (25006). As soon as there is
// one that does, sessions lead there.
func TestReadOnlySessionsAreGivenUp(t *testing.T) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: url})
	route := addAccount(t, s)
	readOnly(t, url, "on")
	endSessions(t, url) // the next ones would be read-only, and are not wanted
	if err := s.AddMessage(t.Context(), newMessage(t, route, "a@b.example")); err == nil {
		t.Error("a read-only server has taken a message")
	}
	readOnly(t, url, "off")
	must(t, s.AddMessage(t.Context(), newMessage(t, route, "a@b.example")))
	checkCounts(t, s)
}

func readOnly(t *testing.T, url, value string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	must(t, err)
	defer db.Close()
	must(t, exec(t, db, `SET default_transaction_read_only = off`))
	var name string
	must(t, db.QueryRowContext(t.Context(), `SELECT current_database()`).Scan(&name))
	must(t, exec(t, db, `BEGIN READ WRITE; ALTER DATABASE `+name+` SET default_transaction_read_only = `+value+`; COMMIT`))
}

func exec(t *testing.T, db *sql.DB, query string) error {
	_, err := db.ExecContext(t.Context(), query)
	return err
}
