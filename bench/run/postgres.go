package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// startGatepostOnPostgres makes a database of its own for the run in the server named by
// GATEPOST_TEST_POSTGRES, and drops it at the end.
func (b *bench) startGatepostOnPostgres(ctx context.Context) (*server, error) {
	if b.plan.databaseURL == "" {
		return nil, fmt.Errorf("gatepost on PostgreSQL: %w: no server (GATEPOST_TEST_POSTGRES)", errMissing)
	}
	database, drop, err := b.newDatabase(ctx)
	if err != nil {
		return nil, err
	}
	s, err := b.startGatepost(ctx, database, b.usualRelay())
	if err != nil {
		drop()
		return nil, err
	}
	s.beside = postmaster(ctx, b.plan.databaseURL)
	stop := s.stop
	s.stop = func() { stop(); drop() }
	return s, nil
}

// newDatabase makes an empty database, to be dropped at the end.
func (b *bench) newDatabase(ctx context.Context) (database string, drop func(), err error) {
	conn, err := pgx.Connect(ctx, b.plan.databaseURL)
	if err != nil {
		return "", nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close(ctx)
	name := fmt.Sprintf("gatepost_bench_%d", time.Now().UnixNano())
	if database, err = withDatabase(b.plan.databaseURL, name); err != nil {
		return "", nil, err
	}
	if _, err := conn.Exec(ctx, "create database "+name); err != nil {
		return "", nil, fmt.Errorf("create a database: %w", err)
	}
	return database, func() { b.dropDatabase(name) }, nil
}

// dropDatabase has its own time: it runs also when the run was broken off.
func (b *bench) dropDatabase(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, b.plan.databaseURL)
	if err == nil {
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "drop database "+name+" with (force)")
	}
	if err != nil {
		b.say("drop database %s: %v", name, err)
	}
}

func withDatabase(server, name string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", fmt.Errorf("GATEPOST_TEST_POSTGRES: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// postmaster is the id of PostgreSQL's first process, whose tree is measured beside; "" when the
// server runs elsewhere or does not tell.
func postmaster(ctx context.Context, server string) string {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return ""
	}
	defer conn.Close(ctx)
	var dir string
	if err := conn.QueryRow(ctx, "show data_directory").Scan(&dir); err != nil {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return ""
	}
	pid, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(pid)
}
