package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/store"
)

// Making the schema takes longer than most tests. So it is made once by each test
// program, and copied for each test.

var sqliteFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "gatepost-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := makeSchema(store.Options{Dir: dir}); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, store.DatabaseFile))
})

// Folder is an empty data folder with an SQLite database, as gatepost leaves it
// when it was started once.
func Folder(t testing.TB) string {
	t.Helper()
	file, err := sqliteFile()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, store.DatabaseFile), file, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// templatePrefix names databases that are copied; the number behind it is when they were
// made, in Unix seconds.
const templatePrefix = "gatepost_template_"

// templateDatabase is the name of a database on the server that is to be copied.
var templateDatabase = sync.OnceValues(func() (string, error) {
	server := os.Getenv(Env)
	db, err := sql.Open("pgx", server)
	if err != nil {
		return "", err
	}
	defer db.Close()
	if err := dropOldTemplates(db); err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s%d_%d", templatePrefix, time.Now().Unix(), os.Getpid())
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		return "", fmt.Errorf("make a database to be copied: %w", err)
	}
	url, err := named(server, name)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "gatepost-template-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	return name, makeSchema(store.Options{Dir: dir, Database: url})
})

// dropOldTemplates removes what test programs of days before have left on a server
// that outlives them.
func dropOldTemplates(db *sql.DB) error {
	rows, err := db.Query("SELECT datname FROM pg_database WHERE starts_with(datname, '" + templatePrefix + "')")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		made, _, _ := strings.Cut(strings.TrimPrefix(name, templatePrefix), "_")
		at, err := strconv.ParseInt(made, 10, 64)
		if err == nil && time.Since(time.Unix(at, 0)) > 24*time.Hour {
			_, _ = db.Exec("DROP DATABASE IF EXISTS " + name) // another program may do the same
		}
	}
	return rows.Err()
}

func makeSchema(opt store.Options) error {
	s, err := store.Open(context.Background(), opt)
	if err != nil {
		return err
	}
	return s.Close()
}
