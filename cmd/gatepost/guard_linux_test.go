package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A server leaves no core file, and other processes cannot read its memory.
func TestServerGuardsItsMemory(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	startServe(t, map[string]string{"GATEPOST_DATA": t.TempDir(), "GATEPOST_LISTEN": "127.0.0.1:0"})
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || dumpable != 0 {
		t.Errorf("its memory is open: %d %v", dumpable, err)
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil || core != (unix.Rlimit{}) {
		t.Errorf("core files are allowed: %+v %v", core, err)
	}
}
