// Package storetest runs tests against the real databases: SQLite in a
// temporary folder always, PostgreSQL where GATEPOST_TEST_POSTGRES names a server
// on which databases can be made (make test starts one).
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver "pgx"

	"gatepost/internal/store"
)

// Env is the variable that holds the URL of a PostgreSQL server for tests.
const Env = "GATEPOST_TEST_POSTGRES"

// Each runs test once per database, with options for one that has the schema and
// nothing else.
func Each(t *testing.T, test func(t *testing.T, opt store.Options)) {
	t.Run("sqlite", func(t *testing.T) { test(t, store.Options{Dir: Folder(t)}) })
	t.Run("postgres", func(t *testing.T) {
		server := needServer(t)
		template, err := templateDatabase()
		if err != nil {
			t.Fatal(err)
		}
		test(t, store.Options{Dir: t.TempDir(), Database: newDatabase(t, server, " TEMPLATE "+template)})
	})
}

// EachEmpty does the same with databases in which there is nothing yet.
func EachEmpty(t *testing.T, test func(t *testing.T, opt store.Options)) {
	t.Run("sqlite", func(t *testing.T) { test(t, store.Options{Dir: t.TempDir()}) })
	t.Run("postgres", func(t *testing.T) { test(t, store.Options{Dir: t.TempDir(), Database: Postgres(t)}) })
}

// Open opens a store that is closed at the end of the test.
func Open(t testing.TB, opt store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var made atomic.Int64

// Postgres makes an empty database for one test and returns its URL. Without a
// server the test is skipped, and with CI=true it fails.
func Postgres(t testing.TB) string {
	t.Helper()
	return newDatabase(t, needServer(t), "")
}

func needServer(t testing.TB) string {
	t.Helper()
	server := os.Getenv(Env)
	if server == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not set: run the tests by make test, which starts PostgreSQL", Env)
		}
		t.Skipf("%s is not set: run the tests by make test, which starts PostgreSQL", Env)
	}
	return server
}

func newDatabase(t testing.TB, server, how string) string {
	t.Helper()
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("t%d_%d_%d", os.Getpid(), made.Add(1), time.Now().UnixNano())
	if _, err := db.Exec("CREATE DATABASE " + name + how); err != nil {
		t.Fatalf("make a database for the test: %v", err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	url, err := named(server, name)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// named is the URL of another database on a server.
func named(server, name string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return "", fmt.Errorf("%s: want postgres://…", Env)
	}
	u.Path = "/" + name
	return u.String(), nil
}
