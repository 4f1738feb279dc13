//go:build !faults

package main

import (
	"log/slog"

	"gatepost/internal/queue"
	"gatepost/internal/store"
)

// In this build nothing can be made to fail on purpose: see faults.go.

func storeOptions(s *settings, dir string, log *slog.Logger) store.Options {
	return store.Options{Dir: dir, Database: s.database, Direct: s.databaseDirect, Version: version(), Log: log}
}

func withFaults(*queue.Config) {}

func doorFault() func(point string) { return nil }
