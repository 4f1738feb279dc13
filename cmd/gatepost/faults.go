//go:build faults

package main

import (
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"gatepost/internal/queue"
	"gatepost/internal/store"
)

// The build with the tag faults is for the kill and power-cut tests. In it
// GATEPOST_FAULT_KILL=POINT:N ends the process with SIGKILL when it passes a named
// point for the Nth time, and GATEPOST_SQLITE_SYNCHRONOUS lowers the database's
// promise. Points: those of store.Options.Fault, provider.Deps.Trace, and
// those of the doors (api.Config.Fault, gateway.Config.Fault).

type killer struct {
	point string
	left  atomic.Int64
}

func newKiller() *killer {
	k := &killer{}
	point, count, ok := strings.Cut(os.Getenv("GATEPOST_FAULT_KILL"), ":")
	n, err := strconv.ParseInt(count, 10, 64)
	if !ok || err != nil {
		return k
	}
	k.point = point
	k.left.Store(n)
	return k
}

var fatal = newKiller()

func (k *killer) hit(point string) {
	if point != k.point || k.left.Add(-1) != 0 {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way: go no further
}

func storeOptions(s *settings, dir string, log *slog.Logger) store.Options {
	return store.Options{
		Dir: dir, Database: s.database, Direct: s.databaseDirect, Version: version(), Log: log, Synchronous: os.Getenv("GATEPOST_SQLITE_SYNCHRONOUS"),
		Fault: func(point string) error { fatal.hit(point); return nil },
	}
}

func withFaults(cfg *queue.Config) { cfg.Trace = fatal.hit }

func doorFault() func(point string) { return fatal.hit }
