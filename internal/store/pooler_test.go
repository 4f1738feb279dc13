package store_test

import (
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// refusing is a server that answers each connection as PgBouncer does one that brings
// settings of a session.
func refusing(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := pgproto3.NewBackend(c, c)
			if _, err := b.ReceiveStartupMessage(); err == nil {
				b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "08P01", Message: "unsupported startup parameter: enable_mergejoin"})
				_ = b.Flush()
			}
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// A direct way that leads through the pooler too, or elsewhere, is refused at the start.
func TestDirectWayThatIsNone(t *testing.T) {
	here, elsewhere := storetest.Postgres(t), storetest.Postgres(t)
	for direct, want := range map[string]string{
		"postgres://u@" + refusing(t) + "/d?sslmode=disable": "database-direct (GATEPOST_DATABASE_DIRECT): ",
		elsewhere: "not the same database",
	} {
		_, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Database: here, Direct: direct})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Database: here, Direct: here})
	must(t, err)
	must(t, s.Close())
}

// Who leads gatepost through a pooler and leaves out the way past it is told to set it.
func TestPoolerWithoutADirectWay(t *testing.T) {
	_, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Database: "postgres://u@" + refusing(t) + "/d?sslmode=disable"})
	if err == nil || !strings.Contains(err.Error(), "pooler") || !strings.Contains(err.Error(), "set database-direct") {
		t.Errorf("%v", err)
	}
}
